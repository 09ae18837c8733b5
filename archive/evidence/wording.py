"""The verifier's sentences, in Chinese and English."""

from collections.abc import Mapping

from archive.evidence.report import Level, Report, Verdict

Both = tuple[str, str]  # zh, en

STEPS: Mapping[int, Both] = {
    1: ("证据包的每一个字节", "every byte of the container"),
    2: ("叶、信封、陈述的规范写法", "canonical form of leaves, envelopes and statements"),
    3: ("检查点：来源与签名", "checkpoint: origin and signature"),
    4: ("叶哈希经包含证明到达检查点", "leaf hashes lead by inclusion proofs to the checkpoint"),
    5: ("密钥登记", "key register"),
    6: ("签署人的密钥当时有效，签名相符", "signers' keys valid at their place, signatures fit"),
    7: ("每份记录的事件链", "each record's chain of events"),
    8: ("入档时间不倒退", "recorded times do not run back"),
    9: ("签字所涉内容确在记录中", "what sign-offs cover is in the record"),
    10: ("内容与承诺相符", "content matches its commitments"),
    11: ("附件与承诺相符", "attachments match their commitments"),
    12: ("不在包内的内容：销毁、保留或缺失", "content not here: disposed, withheld or missing"),
    13: ("回执", "receipts"),
    14: ("目录 index.txt", "table of contents index.txt"),
}

FINDINGS: Mapping[str, Both] = {
    "container": ("证据包此处被改动", "the container was changed here"),
    "form": ("写法不合格式", "not in the form that the format demands"),
    "checkpoint": ("检查点不能使用", "the checkpoint cannot be used"),
    "origin": ("来源不一致", "the origin is another one"),
    "checkpoint-signature": ("检查点签名不符", "the checkpoint's signature does not fit"),
    "key-from-bundle": (
        "未提供可信公钥：检查点是用证据包自带的公钥核验的，请用 --vkey 给出您另行取得的公钥",
        "no trusted key was given: the checkpoint was checked with the key that the bundle itself"
        " names; pass --vkey with a key obtained another way",
    ),
    "policy": ("检查点不符合您的信任策略", "the checkpoint does not satisfy your trust policy"),
    "inclusion": (
        "此叶不在检查点所证明的日志中",
        "this leaf is not in the log that the checkpoint proves",
    ),
    "register": ("密钥登记有误", "the key register is wrong"),
    "signature": ("签名无效", "the signature is not valid"),
    "passkey": (
        "通行密钥的断言不在 v1 格式内，由受理密钥担保",
        "the passkey's assertion is not part of format v1; the intake key vouches for it",
    ),
    "chain": ("事件链断裂", "the chain of events is broken"),
    "tail": (
        "检查点之后，或未列入本包的更晚事件与吊销，本包自身无法证明其有无",
        "a bundle cannot show by itself that no later event or revocation was left out of it",
    ),
    "recorded-back": ("入档时间倒退", "the recorded time runs back"),
    "occurred-ahead": ("声称时间晚于入档时间", "the claimed time lies after the recorded time"),
    "anchor": ("签署人所见检查点矛盾", "the checkpoint that the signer saw contradicts the log"),
    "anchor-open": (
        "签署人所见检查点需一致性证明，本包不含",
        "the checkpoint that the signer saw needs a consistency proof, which is not in a bundle",
    ),
    "covers": ("签字所涉事件不在记录中", "the sign-off covers events that are not in the record"),
    "opening": ("内容与承诺不符", "content does not match what was signed"),
    "disposal": ("销毁不合规", "the disposal was not proper"),
    "disposal-outside": (
        "保管规则、冻结与批准人身份在其他记录中，未核验",
        "the rule, holds and the approvers' part are in other records and were not checked",
    ),
    "missing": ("内容缺失，且无销毁事件", "content is missing, and no disposal explains it"),
    "undisposed": ("声称已销毁的内容仍在", "content is said to be disposed, but is here"),
    "receipt": ("回执不符", "the receipt does not fit"),
    "listing": (
        "目录与证据不一致",
        "the table of contents says otherwise than the evidence",
    ),
}

VERDICTS: Mapping[Verdict, Both] = {
    Verdict.OPENED: ("相符，内容（如有）在包内", "fits, and its content, if any, is here"),
    Verdict.DISPOSED: ("内容已按规定销毁", "content was properly disposed of"),
    Verdict.WITHHELD: ("内容未随包提供", "content is not shown in this bundle"),
    Verdict.MISSING: ("内容缺失", "content is missing"),
    Verdict.MISMATCH: ("不相符", "does not match"),
}

LEVELS: Mapping[Level, Both] = {
    Level.FAILED: ("失败", "FAILED"),
    Level.FLAG: ("注意", "NOTE"),
    Level.NOT_CHECKED: ("未核验", "NOT CHECKED"),
}


def render(report: Report, lang: str) -> str:
    """The report as plain sentences; `lang` is zh or en."""
    at = 0 if lang == "zh" else 1
    lines = [
        (f"档案 {report.origin}", f"archive {report.origin}")[at],
        (
            f"检查点：{report.checkpoint_size} 条，根 {report.checkpoint_root}",
            f"checkpoint: {report.checkpoint_size} leaves, root {report.checkpoint_root}",
        )[at],
        "",
    ]
    for step, title in STEPS.items():
        lines += _step(report, step, title[at], at)
    lines += ["", ("逐个事件：", "event by event:")[at]]
    lines += [_event(report, position, at) for position in range(len(report.events))]
    good = ("结论：未发现问题。", "RESULT: nothing failed.")
    bad = ("结论：核验失败。", "RESULT: verification FAILED.")
    return "\n".join([*lines, "", (good if report.ok else bad)[at]]) + "\n"


def _step(report: Report, step: int, title: str, at: int) -> list[str]:
    findings = report.of_step(step)
    failed = any(finding.level is Level.FAILED for finding in findings)
    count = report.counts.get(step, 0)
    state = ("失败", "FAILED") if failed else ("通过", "ok") if count else ("无可核验", "nothing")
    lines = [f"{step:2}. {title}: {state[at]} ({count})"]
    for finding in findings:
        detail = f" ({finding.detail})" if finding.detail else ""
        level, sentence = LEVELS[finding.level][at], FINDINGS[finding.code][at]
        lines.append(f"    {level}: {finding.where}: {sentence}{detail}")
    return lines


def _event(report: Report, position: int, at: int) -> str:
    event = report.events[position]
    name = f"{event.number or event.record} v{event.version} {event.type} (leaf {event.index})"
    line = f"  {event.verdict:8}  {name}: {VERDICTS[event.verdict][at]}"
    if event.disposed_by is not None:
        line += (f"，见叶 {event.disposed_by}", f", by leaf {event.disposed_by}")[at]
    return line
