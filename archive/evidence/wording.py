"""The verifier's sentences, in Chinese and English."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from archive.evidence.report import (
    MOST_ALIKE,
    Completeness,
    EventVerdict,
    Finding,
    Level,
    Report,
    Stamped,
    Verdict,
)

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
    15: ("时间戳", "timestamps"),
}

# (zh, en). In brackets after a sentence stands the detail: numbers and names; after the four that
# say no more than that something is malformed or not trusted, the parser's own words.
FINDINGS: Mapping[str, Both] = {
    # 1
    "container": ("证据包此处被改动", "the container was changed here"),
    "page-inside": (
        "包内所附核验页只是制包者的一面之词；请用另行取得的核验程序，或比对其 SHA-256",
        "the verifier inside is the word of who made the bundle; take one from elsewhere, or"
        " compare its SHA-256",
    ),
    # 2
    "form": ("写法不合格式", "not in the form that the format demands"),
    "leaf-order": ("叶重复或次序颠倒", "a leaf stands twice or out of order"),
    "leaf-twice": ("同一叶号在包内出现两次", "one leaf index stands in both files"),
    # 3
    "checkpoint": ("检查点不能使用", "the checkpoint cannot be used"),
    "origin": ("检查点属于另一档案", "the checkpoint is of another archive"),
    "log-key-name": ("清单所列公钥不是本档案的日志公钥", "the key listed is not this archive's"),
    "checkpoint-signature": ("检查点签名不符", "the checkpoint's signature does not fit"),
    "key-from-bundle": (
        "未提供可信公钥，只用了包内自带的公钥；请用 --vkey 给出您另行取得的公钥",
        "no trusted key was given, so the bundle's own was used; pass --vkey with a key that you"
        " got another way",
    ),
    "policy": ("检查点不符合您所信任的公钥或策略", "the key or policy you trust refuses it"),
    "quorum": (
        "您的策略所要求的见证方未达法定数",
        "it is not cosigned by the quorum of witnesses that your policy wants",
    ),
    "cosignature": (
        "您所信任的见证方的会签不符",
        "the cosignature of a witness that you trust does not fit",
    ),
    "unwitnessed": (
        "您未要求见证方会签：若此日志另有一个版本，无从察觉；请以 --policy 给出见证方",
        "you asked for no witnesses: a second version of this log would not be noticed; name"
        " witnesses with --policy",
    ),
    "policy-inside": (
        "信任策略只是本包所提议的模板，未予采信；请以 --policy 给出您自己的",
        "the bundle proposes whom to trust, which was not followed; pass --policy with your own",
    ),
    "policy-differs": (
        "本包所提议的信任策略与您的不同；以您的为准",
        "the bundle proposes to trust others than you do; what you trust was followed",
    ),
    # 4
    "inclusion": (
        "此叶不在检查点所证明的日志中（被改动或未曾入档）",
        "this leaf is not in the log that the checkpoint proves: changed, or never recorded",
    ),
    "inclusion-open": ("没有可用的检查点，无从证明", "no usable checkpoint to lead to"),
    # 5
    "register-foreign": ("不是密钥登记的事件", "not an event of the key register"),
    "register-form": ("密钥登记中不该有此事件", "an event that has no place in the key register"),
    "register-outside": ("密钥登记事件出现在别处", "a key register event outside the register"),
    "key-id": ("登记的公钥与其标识不符", "the registered key does not fit its id"),
    "key-again": ("此密钥已登记过", "the key was registered before"),
    "key-unsound": ("登记的公钥不可靠（阶数或编码不当）", "the registered key is not a sound one"),
    "key-owner": ("密钥的持有人与用途不符", "the key's owner does not fit its use"),
    "key-form": (
        "登记的公钥、算法与网站不相配",
        "the registered key, its algorithm and its site do not fit each other",
    ),
    "key-approval": (
        "准许登记此密钥的不是本人当时有效的密钥",
        "what is said to have approved the key was no valid key of that person",
    ),
    "key-itself": (
        "除第 0 叶的日志密钥外，密钥不得自行登记",
        "no key but the log key of leaf 0 registers itself",
    ),
    "key-not-valid": ("被吊销的密钥未登记或已吊销", "the key revoked was not valid"),
    "log-key": (
        "签署检查点的日志密钥未登记或已吊销",
        "the log key of the checkpoint is not registered, or revoked",
    ),
    # 6
    "signature": ("签名不符", "the signature does not fit"),
    "key-unregistered": ("签署所用密钥当时未登记", "signed with a key not registered by then"),
    "key-revoked": ("签署所用密钥当时已吊销", "signed with a key revoked by then"),
    "key-use": ("密钥用于其用途之外", "signed with a key that is not for this"),
    "key-assurance": (
        "此用途的密钥不能担保所称的签署方式",
        "a key for this use cannot vouch for what is claimed",
    ),
    "key-other-owner": ("用了他人的密钥签署", "signed with somebody else's own key"),
    "assertion-form": ("通行密钥的断言不合格式", "the passkey's assertion is malformed"),
    "assertion-client": (
        "断言不是在浏览器中为签署而作",
        "the assertion was not made by a browser, for signing",
    ),
    "assertion-challenge": (
        "断言签的不是这份陈述",
        "the assertion is over another statement than this one",
    ),
    "assertion-origin": ("断言在另一网站上作出", "the assertion was made on another site"),
    "assertion-rp": ("断言为另一网站而作", "the assertion was made for another site"),
    "assertion-uv": (
        "认证器未验证本人（指纹、面容或 PIN）",
        "the authenticator did not verify the person (finger, face or PIN)",
    ),
    "counter-back": (
        "认证器的计数未增加：可能有两个同样的认证器",
        "the authenticator's counter did not go up: there may be two of it",
    ),
    # 7
    "origin-other": ("为另一档案而签", "signed for another archive"),
    "record-unlisted": ("清单未列此记录", "the manifest does not list this record"),
    "record-empty": ("清单所列记录在包内无任何事件", "a listed record has no event here"),
    "register-listed": ("密钥登记被列为普通记录", "the key register is listed as a record"),
    "version-gap": ("版本不连续：事件缺失或多出", "versions are not contiguous"),
    "prev": ("所指的上一事件不是记录中的上一事件", "does not follow the record's previous event"),
    "kind-changed": ("记录类型中途改变", "the record changes its kind"),
    "event-twice": ("事件标识重复", "the event id stands twice"),
    "number-late": ("编号只能在记录的首个事件上", "a number on a later event"),
    "number-twice": ("编号重复", "the number is given twice"),
    "heads": ("截止声明 heads 不能使用", "the heads cannot be used"),
    "heads-signature": (
        "截止声明不是由当时有效的日志密钥签署",
        "the heads are not signed by a log key valid there",
    ),
    "heads-other": (
        "截止声明所述的检查点或所求与本包不同",
        "the heads are of another checkpoint, or of another question",
    ),
    "heads-records": (
        "截止声明所列记录与清单不同",
        "the heads are of other records than the manifest lists",
    ),
    "head-differs": (
        "包内此记录的最后事件不是档案所签的最后事件（包内版本 / 所签版本）",
        "its last event here is not the last by the archive's signed word (version here / signed)",
    ),
    "tail": (
        "无从得知是否略去了更晚的事件或吊销",
        "whether a later event or revocation was left out cannot be told",
    ),
    # 8
    "recorded-back": ("入档时间倒退", "the recorded time runs back"),
    "occurred-ahead": ("声称时间晚于入档时间", "the claimed time lies after the recorded time"),
    "anchor-ahead": ("签署人自称见过当时尚不存在的检查点", "the signer saw a tree of the future"),
    "anchor-open": (
        "签署人所见检查点需一致性证明，本包不含",
        "the checkpoint that the signer saw needs a consistency proof, which is not in a bundle",
    ),
    # 9
    "covers": ("签字所涉事件不在记录中", "the sign-off covers events that are not in the record"),
    # 10, 11
    "opening": ("内容与签署的承诺不符", "content does not match what was signed"),
    "opening-size": ("文件大小与所列不符", "the file is not of the size listed"),
    "opening-path": ("打开的是另一部分的文件", "opened from the file of another part"),
    "opening-file": ("所列文件不在包内", "the file is not in the bundle"),
    "opening-twice": ("同一部分打开两次", "the part is opened twice"),
    "opening-order": ("打开次序不合格式", "opened out of order"),
    "opening-unknown": ("包内没有此部分", "there is no such part in this bundle"),
    "file-unnamed": ("多出的文件：无人签署", "a file too many: nobody signed it"),
    "attachment-size": (
        "附件大小与正文所述不符",
        "the attachment is not of the size that the content says",
    ),
    # 12
    "disposal-unfiled": ("销毁前未归档", "disposed without being filed"),
    "disposal-base": ("保管期截止日早于起算日", "the last day lies before the base date"),
    "disposal-early": ("保管期未满即销毁", "disposed before the last day was over"),
    "disposal-approvals": ("销毁批准少于两份", "fewer than two approvals"),
    "disposal-unsound": ("销毁事件本身不可信", "the disposal itself fails, so it explains nothing"),
    "disposal-approval": (
        "所列批准不是对该清单的有效批准",
        "what it names as an approval is no approval of its list",
    ),
    "disposal-approvers": (
        "两份批准不是由两个人作出",
        "its approvals are not by different people",
    ),
    "disposal-list": (
        "所批准的清单未列出，或批准后已重新列出",
        "the list was not listed, or was listed anew after its approvals",
    ),
    "disposal-approval-outside": (
        "所列批准不在包内",
        "an approval that it names is not in the bundle",
    ),
    "disposal-outside": (
        "保管规则与冻结在其他记录中",
        "the rule and holds are in other records",
    ),
    "missing": ("内容缺失，且无销毁事件", "content is missing, and no disposal explains it"),
    "undisposed": ("声称已销毁的内容仍在", "content is said to be disposed, but is here"),
    # 13
    "receipt": ("回执写法不合格式", "a receipt is malformed"),
    "receipt-order": ("回执重复或次序颠倒", "receipts twice or out of order"),
    "receipt-leaf": ("回执所指的叶不在包内", "the receipt's leaf is not in the bundle"),
    "receipt-other": ("回执所述与叶不同", "the receipt says otherwise than the leaf"),
    "receipt-signature": ("回执签名不符", "the receipt's signature does not fit"),
    # 14
    "listing": ("目录与证据不一致", "the contents are not as the evidence says"),
    # 15
    "timestamp-form": ("不是合格式的时间戳", "not a timestamp token of the form that is allowed"),
    "timestamp-imprint": ("时间戳盖的是别的内容", "the timestamp is over something else"),
    "timestamp-certificate": (
        "签署时间戳的证书不在其中、不合用途、当时无效，或不是所签的那一张",
        "the signer's certificate is not in it, not for timestamps, not valid then, or not the one"
        " that was signed",
    ),
    "timestamp-signature": ("时间戳的签名不符", "the timestamp's signature does not fit"),
    "timestamp-authority": (
        "时间戳不是出自您所信任的机构",
        "the timestamp is not by an authority that you trust",
    ),
    "timestamp-numbers": (
        "时间戳编号不连续，或有多出的文件",
        "timestamps are not numbered without gap, or a list stands by itself",
    ),
    "timestamp-renewed": (
        "所续期的不是包内有效的时间戳",
        "it renews no timestamp of this bundle that holds",
    ),
    "timestamp-none": (
        "包内没有您所信任机构的时间戳",
        "there is no timestamp by an authority that you trust",
    ),
    "authority-from-token": (
        "未提供时间戳机构的证书，机构身份只凭时间戳自称；请以 --tsa 给出",
        "no certificate of an authority was given, so who signed is the token's own word;"
        " pass --tsa",
    ),
}

# Those of the bundle as a whole: no place to name.
OF_ALL = frozenset({"key-from-bundle", "tail", "unwitnessed", "timestamp-none"})
# Those that say by themselves all that an auditor can use; the parser's English is in --json.
PLAIN = frozenset(
    [
        *("container", "leaf-order", "checkpoint-signature", "inclusion", "register-foreign"),
        *("register-form", "key-id", "key-again", "key-owner", "key-itself", "key-not-valid"),
        *("key-unsound", "key-other-owner", "signature", "opening", "opening-path"),
        *("heads-signature", "timestamp-imprint", "timestamp-certificate", "timestamp-signature"),
        *("timestamp-renewed", "timestamp-form"),
        *("key-form", "key-approval", "assertion-form", "assertion-client", "assertion-uv"),
        *("assertion-challenge", "assertion-origin", "assertion-rp"),
        *("opening-file", "receipt-signature"),
        *("key-unregistered", "key-revoked", "key-use", "key-assurance", "log-key"),
    ]
)

VERDICTS: Mapping[Verdict, Both] = {
    Verdict.OPENED: ("相符", "fits"),
    Verdict.DISPOSED: ("内容已销毁", "content properly disposed of"),
    Verdict.WITHHELD: ("内容未提供", "content not shown here"),
    Verdict.MISSING: ("内容缺失", "content gone"),
    Verdict.MISMATCH: ("不符", "does not match"),
}

LEVELS: Mapping[Level, Both] = {
    Level.FAILED: ("失败", "FAILED"),
    Level.FLAG: ("注意", "NOTE"),
    Level.NOT_CHECKED: ("未核验", "NOT CHECKED"),
}

# What stands around the findings; the browser page is given the same and fills in {0}, {1}, {2}.
PHRASES: Mapping[str, Both] = {
    "whole": ("结论：未发现问题", "RESULT: nothing failed"),
    "open": ("（另见“未核验”各项）", " (but see NOT CHECKED)"),
    "failed": ("结论：核验失败，第 {0} 步", "RESULT: FAILED in step {0}"),
    "unusable": ("无法使用", "cannot be used"),
    "archive": ("档案：{0}", "Archive: {0}"),
    "checkpoint": ("检查点：{0} 条，根 {1}", "Checkpoint: {0} leaves, root {1}"),
    "asked": ("所求：{0}", "Asked for: {0}"),
    "record": ("一份记录", "a record"),
    "case": ("一案及其相关记录", "a case, with what is linked"),
    "query": ("查询 {0}", "query {0}"),
    "year": ("{0} 年", "the year {0}"),
    "whole-archive": ("整个档案", "the whole archive"),
    "as-of": ("截至 {0}", "as of {0}"),
    "volume": ("第 {0} 册，共 {1} 册", "volume {0} of {1}"),
    "log-key": ("日志公钥：{0}", "Log key: {0}"),
    "cosigned": ("见证方 {0} 于 {1} 会签", "cosigned by the witness {0} at {1}"),
    "complete-proven": (
        "完整：已证明——日志到此检查点的全部叶都在包内，无一略去",
        "complete: PROVEN: every leaf of the log up to this checkpoint is here; nothing was left"
        " out",
    ),
    "complete-signed": (
        "完整：凭日志密钥所签——到此检查点，每份记录恰有这些事件；若为谎言，一片叶即可证明",
        "complete by the archive's SIGNED word: up to this checkpoint each record has exactly these"
        " events; one leaf would show it for a lie",
    ),
    "stamped": ("时间戳 {0}：{1}，{2}", "timestamp {0}: {1}, {2}"),
    "renews": ("（续期 {0}）", " (renews {0})"),
    "together-proven": (
        "合并：同一检查点的全部 {1} 片叶都在，已证明无一略去",
        "together: all {1} leaves of one checkpoint are here; PROVEN that nothing was left out",
    ),
    "together-part": (
        "合并：同一检查点；在日志的 {1} 片叶中，包内有 {0} 片",
        "together: one checkpoint; here are {0} of the log's {1} leaves",
    ),
    "together-missing": ("缺少的册：{0}", "volumes that are not here: {0}"),
    "together-none": (
        "合并：有一包核验失败，或检查点不同，故不能合并而论",
        "together: one of them failed, or they lead to different checkpoints; nothing can be said",
    ),
    "events": ("事件：{0} 个", "Events: {0}"),
    "step-failed": ("失败", "FAILED"),
    "step-ok": ("通过", "ok"),
    "step-empty": ("无此项内容", "nothing to check"),
    "checked": ("，{0} 项", ", {0} checked"),
    "more": ("另有 {0} 处", "and {0} more"),
    "each": ("逐个事件：", "Event by event:"),
    "leaf": ("叶 {0}", "leaf {0}"),
    "by-leaf": ("，见叶 {0}", ", by leaf {0}"),
    "colon": ("：", ": "),
    "comma": ("，", ", "),
    "listed": ("、", ", "),
}

# How the Chinese report names places: (expression, what stands for it).
PLACES: Sequence[Both] = (
    (r"\brecord ([0-9a-f]{32})", r"记录 \1"),
    (r"\bevent ([0-9a-f]{32})", r"事件 \1"),
    (r"\bleaf (\d+)", r"叶 \1"),
    (r"\bpart (\d+)", r"部分 \1"),
    (r"\bline (\d+)", r"第 \1 行"),
    (r"container: local header of ", "容器：文件头 "),
    (r"container: central directory", "容器：末尾目录"),
    (r"container: after the end", "容器：末尾之后"),
)
# A leaf's index says it shorter.
EVENT_ID = r", event [0-9a-f]{32}(?=, leaf)"

_COMPLETE = {
    Completeness.PROVEN: "complete-proven",
    Completeness.SIGNED: "complete-signed",
}
_PLACES = [(re.compile(pattern, re.ASCII), text) for pattern, text in PLACES]
_EVENT_ID = re.compile(EVENT_ID)


def render(report: Report, lang: str) -> str:
    """The report as plain sentences; `lang` is zh or en."""
    at = 0 if lang == "zh" else 1
    lines = [_result(report, at), "", *_about(report, at), ""]
    for step, title in STEPS.items():
        lines += _step(report, step, title[at], at)
    lines += ["", say("each", at)]
    lines += [_event(event, at) for event in report.events]
    return "\n".join(lines) + "\n"


def say(phrase: str, at: int, *values: object) -> str:
    return PHRASES[phrase][at].format(*values)


def _result(report: Report, at: int) -> str:
    if report.ok:
        open_ = any(finding.level is Level.NOT_CHECKED for finding in report.findings)
        return say("whole", at) + (say("open", at) if open_ else "")
    return say("failed", at, say("listed", at).join(map(str, report.failed_steps)))


def _about(report: Report, at: int) -> list[str]:
    tally = Counter(event.verdict for event in report.events)
    counted = [f"{VERDICTS[v][at]} ({v}) {tally[v]}" for v in Verdict if tally[v]]
    events = say("events", at, len(report.events))
    return [
        say("archive", at, report.origin),
        *_asked(report, at),
        say("checkpoint", at, report.checkpoint_size, report.checkpoint_root),
        say("log-key", at, report.log_key or "-"),
        events + (say("colon", at) + say("comma", at).join(counted) if counted else ""),
    ]


def _asked(report: Report, at: int) -> list[str]:
    about = report.about
    if about is None:
        return []
    phrase = "whole-archive" if about.variety == "archive" else about.variety
    told = [say(phrase, at, about.asked), say("as-of", at, about.as_of)]
    if about.volumes > 1:
        told.append(say("volume", at, about.volume, about.volumes))
    return [say("asked", at, say("comma", at).join(told))]


def _stamped(stamped: Stamped, at: int) -> str:
    line = say("stamped", at, stamped.n, stamped.time, stamped.authority)
    renews = say("listed", at).join(map(str, stamped.renews))
    return line + (say("renews", at, renews) if renews else "")


def _step(report: Report, step: int, title: str, at: int) -> list[str]:
    count = report.counts.get(step, 0)
    state = "step-ok" if count else "step-empty"
    if step in report.failed_steps:
        state = "step-failed"
    tail = say("checked", at, count) if count else ""
    lines = [f"{step:2}. {title}{say('colon', at)}{say(state, at)}{tail}"]
    if step == 3:
        lines += [f"    {say('cosigned', at, name, when)}" for name, when in report.cosigned]
    if step == 7 and report.completeness in _COMPLETE:
        lines.append(f"    {say(_COMPLETE[report.completeness], at)}")
    if step == 15:
        lines += [f"    {_stamped(stamped, at)}" for stamped in report.timestamps]
    lines += [_finding(finding, at) for finding in report.of_step(step)]
    for (of, level, code), number in report.kinds.items():
        if of == step and number > MOST_ALIKE:
            rest = say("more", at, number - MOST_ALIKE)
            lines.append(f"    {LEVELS[level][at]}: {rest}: {FINDINGS[code][at]}")
    return lines


def _finding(finding: Finding, at: int) -> str:
    colon = say("colon", at)
    shown = finding.detail and finding.code not in PLAIN
    detail = f" ({_place(finding.detail, at)})" if shown else ""
    where = "" if finding.code in OF_ALL else _place(finding.where, at) + colon
    return f"    {LEVELS[finding.level][at]}{colon}{where}{FINDINGS[finding.code][at]}{detail}"


def _place(where: str, at: int) -> str:
    where = _EVENT_ID.sub("", where)
    if at == 0:
        for pattern, text in _PLACES:
            where = pattern.sub(text, where)
    return where


def _event(event: EventVerdict, at: int) -> str:
    name = f"{event.number or event.record} v{event.version} {event.type}"
    place, colon = say("leaf", at, event.index), say("colon", at)
    line = f"  {place:>8}  {event.verdict:8}  {name}{colon}{VERDICTS[event.verdict][at]}"
    if event.disposed_by is not None:
        line += say("by-leaf", at, event.disposed_by)
    return line
