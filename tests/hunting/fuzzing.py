"""A coverage-guided fuzzer on every reader of the formats (`make fuzz`): libFuzzer by Atheris.

    python -m tests.hunting.fuzzing --seconds 600            all formats, one after another
    python -m tests.hunting.fuzzing --seconds 60 note leaf   these

What it learns is kept in `.cache/fuzz/<format>`, so that the next run goes on from there. A finding
is an error that is not ours, or bytes that are read and written again as others; libFuzzer leaves
the bytes beside the corpus as `crash-...` and the run ends with 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / ".cache" / "fuzz"
LONGEST = 65_536


def one(name: str, options: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - only `make fuzz` installs it

    with atheris.instrument_imports(include=["archive.evidence"]):
        from archive.evidence.errors import EvidenceError  # noqa: PLC0415
        from tests.archive.evidence.formats import FORMATS  # noqa: PLC0415

    read = FORMATS[name].read
    seed = CORPUS / name / "example"
    seed.parent.mkdir(parents=True, exist_ok=True)
    seed.write_bytes(FORMATS[name].example())

    def target(data: bytes) -> None:
        try:
            again = read(data)
        except EvidenceError:
            return
        if again not in (data, None):
            raise AssertionError(f"{name}: read, and written again as other bytes")

    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="in all")
    parser.add_argument("--only", help="run one format in this process")
    parser.add_argument("formats", nargs="*")
    said = parser.parse_args()
    if said.only:
        folder = CORPUS / said.only
        limits = [f"-max_total_time={said.seconds}", f"-max_len={LONGEST}", "-timeout=10"]
        one(
            said.only, [str(folder), *limits, f"-artifact_prefix={folder}-", "-print_final_stats=1"]
        )
    from tests.archive.evidence.formats import FORMATS  # noqa: PLC0415 - not before `one` traces it

    chosen = said.formats or sorted(FORMATS)
    each = max(said.seconds // len(chosen), 1)
    command = [sys.executable, "-m", "tests.hunting.fuzzing", "--seconds", str(each), "--only"]
    failed = [name for name in chosen if subprocess.call([*command, name], cwd=ROOT)]
    print("findings in:", ", ".join(failed) if failed else "nothing")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
