"""The command: `python -m tests.second_reader.reader BUNDLE [--vkey KEY]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.second_reader.container import UnusableError
from tests.second_reader.signing import VerifierKey, read_vkey
from tests.second_reader.spelling import BadFormError
from tests.second_reader.verify import Report, verify


def _vkey(text: str) -> VerifierKey:
    try:
        return read_vkey(text)
    except BadFormError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault


def _lines(report: Report) -> list[str]:
    lines = [f"FAILED step {step}: {why}" for step, why in sorted(report.failures)]
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"leaf {index}: {verdict}" for index, verdict in sorted(report.verdicts.items())]
    return [*lines, "something failed" if report.failures else "nothing failed"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one bundle, say what failed, and return the exit status."""
    parser = argparse.ArgumentParser(description="A second verifier of evidence bundles.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--vkey", type=_vkey, help="a key that is trusted to be the log's")
    chosen = parser.parse_args(arguments)
    try:
        report = verify(chosen.bundle.read_bytes(), chosen.vkey)
    except (OSError, UnusableError) as fault:
        sys.stdout.write(f"cannot be used: {fault}\n")
        return 2
    sys.stdout.write("".join(f"{line}\n" for line in _lines(report)))
    return report.exit_status


if __name__ == "__main__":
    raise SystemExit(main())
