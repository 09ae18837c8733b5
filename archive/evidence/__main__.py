"""`python -m archive.evidence BUNDLE...`: check bundles, or a tlog-proof file, offline."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from archive.evidence import certificate, proof_report, tlog_proof
from archive.evidence.errors import BundleError, EvidenceError, SignatureError
from archive.evidence.policy import Policy
from archive.evidence.report import Report
from archive.evidence.together import Verified, together
from archive.evidence.verify import verify
from archive.evidence.wording import STEPS, render

OK, FAILED, UNUSABLE = 0, 1, 2
PROGRAM = "python -m archive.evidence"


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    options = _parser(program).parse_args(arguments)
    path = options.bundles[0]
    try:
        policy, authorities = _policy(options), _authorities(options)
        if len(options.bundles) == 1 and _is_proof(path):
            return _check_proof(options, policy)
        checked = []
        for path in options.bundles:
            with Path(path).open("rb") as file:
                report = verify(file, policy, authorities, options.processes)
            checked.append(Verified.of(report))
            _tell(report, path, options)
    except (EvidenceError, OSError, UnicodeDecodeError) as error:
        return _unusable(error, path, options)
    if len(checked) > 1:
        found = together(checked)
        _say(_json({"together": found.as_json()}) if options.json else found.text(options.lang))
    return OK if all(each.ok for each in checked) else FAILED


def _tell(report: Report, path: str, options: argparse.Namespace) -> None:
    """Of several, each under its name; for machines, one JSON text after the other."""
    several = len(options.bundles) > 1
    if options.json:
        told = as_json(report)
        _say(_json({"file": path, **told} if several else told))
        return
    _say(f"{path}\n" if several else "")
    _say(render(report, options.lang) + ("\n" if several else ""))


def _is_proof(path: str) -> bool:
    with Path(path).open("rb") as file:
        return file.read(len(tlog_proof.HEADER)) == tlog_proof.HEADER.encode("ascii")


def _check_proof(options: argparse.Namespace, policy: Policy | None) -> int:
    if policy is None:
        raise SignatureError("a tlog-proof brings no key of its own: give --vkey or --policy")
    with Path(options.bundles[0]).open("rb") as file:
        data = file.read(tlog_proof.MAX_PROOF + 1)
    leaf = Path(options.leaf).read_bytes() if options.leaf else None
    report = proof_report.check(data, policy, leaf)
    _say(_json(report.as_json()) if options.json else report.text(options.lang))
    return OK if report.ok else FAILED


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="核验证据包或 tlog-proof 文件 / Check a bundle or a tlog-proof offline.",
        epilog="exit status: 0 nothing failed, 1 something failed, 2 the input cannot be used",
    )
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", help="volumes stand side by side")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--policy", metavar="FILE", help="whom to trust (C2SP tlog-policy)")
    trust.add_argument("--vkey", metavar="VKEY", help="the log's verifier key, name+id+base64")
    parser.add_argument("--tsa", metavar="FILE", help="timestamp authorities to trust (PEM)")
    parser.add_argument("--leaf", metavar="FILE", help="of a tlog-proof that does not carry it")
    parser.add_argument(
        "--processes", metavar="N", type=int, default=os.cpu_count() or 1,
        help="that verify signatures of a large bundle; 1: none but this",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="the report for machines")
    return parser


def _policy(options: argparse.Namespace) -> Policy | None:
    if options.vkey:
        return Policy.of_vkey(options.vkey)
    if options.policy:
        return Policy.parse(Path(options.policy).read_bytes())
    return None


def _authorities(options: argparse.Namespace) -> Sequence[bytes]:
    return certificate.read_pem(Path(options.tsa).read_bytes()) if options.tsa else ()


def _unusable(error: Exception, path: str, options: argparse.Namespace) -> int:
    where = error.where if isinstance(error, BundleError) else None
    if options.json:
        _say(json.dumps({"ok": False, "unusable": str(error), "where": where}) + "\n")
    else:
        text = ("无法使用", "cannot be used")[options.lang == "en"]
        sys.stderr.write(f"{path}: {text}: {error}\n")
    return UNUSABLE


def as_json(report: Report) -> dict[str, object]:
    steps = [
        {"step": step, "title": title[1], "checked": report.counts.get(step, 0)}
        for step, title in STEPS.items()
    ]
    return {
        "ok": report.ok,
        "origin": report.origin,
        "about": asdict(report.about) if report.about else None,
        "checkpoint": {"size": report.checkpoint_size, "root": report.checkpoint_root},
        "log_key": report.log_key,
        "key_trusted": report.key_trusted,
        "cosigned": [{"witness": name, "time": at} for name, at in report.cosigned],
        "completeness": report.completeness,
        "timestamps": [asdict(stamped) for stamped in report.timestamps],
        "failures": report.failures,
        "failed_steps": report.failed_steps,
        "steps": steps,
        "kinds": [
            {"step": step, "level": level, "code": code, "number": number}
            for (step, level, code), number in report.kinds.items()
        ],
        "findings": [asdict(finding) for finding in report.findings],
        "events": [asdict(event) for event in report.events],
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _say(text: str) -> None:
    # Names in a policy are opaque bytes, and may be no text.
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    sys.exit(main())
