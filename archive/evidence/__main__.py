"""`python -m archive.evidence BUNDLE`: check a bundle, or a tlog-proof file, offline."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from archive.evidence import proof_report, tlog_proof
from archive.evidence.errors import BundleError, EvidenceError, SignatureError
from archive.evidence.policy import Policy
from archive.evidence.report import Report
from archive.evidence.verify import verify
from archive.evidence.wording import STEPS, render

OK, FAILED, UNUSABLE = 0, 1, 2
PROGRAM = "python -m archive.evidence"


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    options = _parser(program).parse_args(arguments)
    try:
        policy = _policy(options)
        with Path(options.bundle).open("rb") as file:
            if file.read(len(tlog_proof.HEADER)) == tlog_proof.HEADER.encode("ascii"):
                return _check_proof(options, policy)
            file.seek(0)
            report = verify(file, policy)
    except (EvidenceError, OSError, UnicodeDecodeError) as error:
        return _unusable(error, options)
    if options.json:
        _say(json.dumps(as_json(report), ensure_ascii=False, indent=2) + "\n")
    else:
        _say(render(report, options.lang))
    return OK if report.ok else FAILED


def _check_proof(options: argparse.Namespace, policy: Policy | None) -> int:
    if policy is None:
        raise SignatureError("a tlog-proof brings no key of its own: give --vkey or --policy")
    with Path(options.bundle).open("rb") as file:
        data = file.read(tlog_proof.MAX_PROOF + 1)
    leaf = Path(options.leaf).read_bytes() if options.leaf else None
    report = proof_report.check(data, policy, leaf)
    said = json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n"
    _say(said if options.json else report.text(options.lang))
    return OK if report.ok else FAILED


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="核验证据包或 tlog-proof 文件 / Check a bundle or a tlog-proof offline.",
        epilog="exit status: 0 nothing failed, 1 something failed, 2 the input cannot be used",
    )
    parser.add_argument("bundle", metavar="BUNDLE")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--policy", metavar="FILE", help="whom to trust (C2SP tlog-policy)")
    trust.add_argument("--vkey", metavar="VKEY", help="the log's verifier key, name+id+base64")
    parser.add_argument("--leaf", metavar="FILE", help="of a tlog-proof that does not carry it")
    parser.add_argument("--json", action="store_true", help="the report for machines")
    return parser


def _policy(options: argparse.Namespace) -> Policy | None:
    if options.vkey:
        return Policy.of_vkey(options.vkey)
    if options.policy:
        return Policy.parse(Path(options.policy).read_bytes())
    return None


def _unusable(error: Exception, options: argparse.Namespace) -> int:
    where = error.where if isinstance(error, BundleError) else None
    if options.json:
        _say(json.dumps({"ok": False, "unusable": str(error), "where": where}) + "\n")
    else:
        text = ("无法使用", "cannot be used")[options.lang == "en"]
        sys.stderr.write(f"{options.bundle}: {text}: {error}\n")
    return UNUSABLE


def as_json(report: Report) -> dict[str, object]:
    steps = [
        {"step": step, "title": title[1], "checked": report.counts.get(step, 0)}
        for step, title in STEPS.items()
    ]
    return {
        "ok": report.ok,
        "origin": report.origin,
        "checkpoint": {"size": report.checkpoint_size, "root": report.checkpoint_root},
        "log_key": report.log_key,
        "key_trusted": report.key_trusted,
        "cosigned": [{"witness": name, "time": at} for name, at in report.cosigned],
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


def _say(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
