"""Why retention refuses: a code that is stable, and in both languages what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import DisposalError
from domain.kind import Text, text

WHY: Mapping[str, Text] = {
    "NOT_DUE": text(
        "未到期,最早可处置日期之前任何人不得销毁", "not due yet: nobody may destroy it"
    ),
    "UNFILED": text("尚未归档,保管期限未起算", "not filed, so its period has not begun"),
    "PENDING": text("等待触发事件(如产品停产)登记确认", "waits for a trigger to be confirmed"),
    "NO_RULE": text("没有适用的保管规则,请先制定", "no rule applies to it: set one first"),
    "PERMANENT": text("永久保管", "kept for ever"),
    "HELD": text("处于法律保全中", "under legal hold"),
    "HOLD_ASKED": text(
        "审查人要求法律保全，尚无人采取", "its reviewer asked for a legal hold: place it"
    ),
    "TRANSFER_PENDING": text(
        "审查人要求移交，尚未登记并确认",
        "its reviewer asked for its transfer: record and confirm that",
    ),
    "TRANSFERRED": text("已移交", "it was handed over"),
    "BOUND": text("同组记录尚不能处置", "a record bound to it may not go yet"),
    "PAPER_ALIVE": text("尚有纸质件未销毁", "a paper copy of it is still there"),
    "ON_LOAN": text("纸质件借出未还", "the paper copy is on loan: return it or report its loss"),
    "LOST": text("纸质件已报遗失", "the paper copy is reported lost"),
    "COPY_UNCHECKED": text(
        "电子件近期未核验通过(可读、页数一致)", "its electronic copy has no fresh passed check"
    ),
    "CHAIN_BROKEN": text("事件链不完整,请先核验", "its history is not intact: run a check"),
    "ON_ANOTHER_LIST": text(
        "已在另一份未了结的处置清单上", "it stands on another list that is still open"
    ),
    "CHANGED": text(
        "列入清单后有新事件,请重新列单", "it has changed since it was listed: list it anew"
    ),
    "KEPT": text(
        "审查结论为继续保管、移交或保全", "its reviewer keeps it, transfers it or holds it"
    ),
    "DISPOSED": text("已处置", "it was disposed of"),
    "LOCKED": text(
        "密钥已销毁,密文尚未删净,请重试", "its key is gone, its ciphertext is not: retry"
    ),
    "NO_OWNER": text("没有业务负责人,请指定审查人", "nobody owns it: name a reviewer"),
    "UNLISTED": text("没有可列入清单的记录", "there is nothing to list"),
    "NO_APPROVED_BATCH": text(
        "没有经两级批准的清单,请先列单、审查、批准",
        "no list with two approvals stands: list, review and approve first",
    ),
    "SEPARATION": text(
        "职责分离:列单人、两名批准人、执行人须各为其人,系统管理员不得参与",
        "separation of duties: lister, the two approvers and the executor are different people, "
        "and none is an administrator",
    ),
    "APPROVAL_LAPSED": text(
        "批准已逾90天失效,请重新列单批准", "the approvals are older than 90 days: list anew"
    ),
    "COOL_OFF": text("批准后的冷静期未满", "the cool-off after the approval is not over"),
    "NOT_A_WORKING_DAY": text("今日非工作日,顺延至下一工作日", "no working day: try on the next"),
    "UNWITNESSED": text("纸质件销毁须有销毁人和监销人", "paper needs a destroyer and a witness"),
    "TIME_NOT_PROVEN": text(
        "系统时钟超前于可信外部时间,处置已冻结",
        "the clock is ahead of the time that others prove: disposal is frozen",
    ),
    "CLOCK_BEHIND": text(
        "系统时钟早于最后一条记录,处置已冻结",
        "the clock is behind the last event: disposal is frozen",
    ),
}
"""RETENTION.md 7 and 9 D."""


class DisposalRefusedError(DisposalError):
    """Nothing was destroyed by this call, and nothing certified (LOCKED: keys may be gone, and the
    rest is to be tried again); the refusal stands in the retention journal.

    `record`: the record that is in the way, where it is one.
    """

    def __init__(self, code: str, detail: Text | None = None, record: str | None = None) -> None:
        why = WHY[code]
        more = text(f":{detail.zh}", f": {detail.en}") if detail else text("", "")
        super().__init__(code, text(f"{why.zh}{more.zh}。", f"{why.en}{more.en}."))
        self.record = record
