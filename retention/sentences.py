"""Why and until when, in one sentence of Chinese and one of English: for officers and auditors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from domain.kind import Text, text
from retention.holds import COOL_OFF_DAYS, Hold
from retention.rules import RuleVersion
from retention.schedule import Period

if TYPE_CHECKING:
    from domain.disposals import Reservation
    from retention.assessment import Blocker, Limit, Reckoned
    from retention.holding import Copy, Holding
    from retention.policy import Transfer

DISPOSED = text("已处置，只留凭证", "it was disposed of; its proofs remain")
UNFILED = text("尚未归档，期限未起算", "it is not filed, so no period runs")
UNREADABLE = text("内容无法读取，请先核验", "its content cannot be read: run a check first")
ON_LOAN = text("纸质件借出未还", "the paper copy is on loan: it must be returned or reported lost")
LOST = text("纸质件已报遗失", "the paper copy is reported lost: it can go only once it is found")
CHECK_FAILED = text(
    "电子件核对未通过（须可读、哈希一致、页数一致）",
    "the electronic record failed its comparison with the paper (readable, hashes, pages)",
)
UNCHECKED = text(
    "尚无近期核对通过的电子件，纸质件不得销毁",
    "no fresh comparison with the electronic record has passed, so the paper must stay",
)

_SINCE: Mapping[str, Text] = {
    "filed": text("自{day}归档之日起", "from its filing on {day}"),
    "created": text("自{day}形成之日起", "from its creation on {day}"),
    "product-service-ended": text(
        "自所涉产品停止生产和服务之日{day}起", "from {day}, when its product and service ended"
    ),
    "contract-ended": text("自合同终止之日{day}起", "from {day}, when its contract ended"),
    "customer-date": text("自顾客指定日期{day}起", "from {day}, the date that the customer named"),
}
_EVENTS: Mapping[str, Text] = {
    "product-service-ended": text("产品停止生产和服务", "the end of product and service"),
    "contract-ended": text("合同终止", "the end of the contract"),
    "customer-date": text("顾客指定日期", "the date that the customer names"),
}
_SUBJECTS: Mapping[str, Text] = {
    "part": text("零件", "part"),
    "order": text("订单", "order"),
    "customer": text("客户", "customer"),
    "case": text("案件", "case"),
}


def closed(said: Text) -> Text:
    """As a whole sentence."""
    return text(f"{said.zh}。", f"{said.en[:1].upper()}{said.en[1:]}.")


def period(said: Period) -> Text:
    """`P1Y6M`: 1年6个月, 1 year and 6 months."""
    zh = "".join(
        f"{n}{unit}"
        for n, unit in ((said.years, "年"), (said.months, "个月"), (said.days, "日"))
        if n
    )
    en = [
        f"{n} {unit}{'' if n == 1 else 's'}"
        for n, unit in ((said.years, "year"), (said.months, "month"), (said.days, "day"))
        if n
    ]
    return text(zh, " and ".join((", ".join(en[:-1]), en[-1])) if len(en) > 1 else en[0])


def _citation(rule: RuleVersion) -> Text:
    """A citation may stand in both languages: `中文 / English`."""
    zh, _, en = rule.citation.partition(" / ")
    if not en or not en.isascii() or zh.isascii():
        zh = en = rule.citation
    if not rule.edition:
        return text(zh, en)
    return text(f"{zh}，{rule.edition}", f"{en}, {rule.edition}")


def _rule(rule: RuleVersion) -> Text:
    cited = _citation(rule)
    return text(
        f"规则{rule.rule_id}第{rule.version}版（{cited.zh}）",
        f"rule {rule.rule_id} version {rule.version} ({cited.en})",
    )


# ---------------------------------------------------------------- what stands in the way


def held(hold: Hold) -> Text:
    name = hold.number or hold.id
    return text(f"受法律保全{name}约束", f"it is under legal hold {name}")


def hold_asked(by: Reservation) -> Text:
    name = by.number or by.disposal
    return text(
        f"清单{name}的审查人要求法律保全，尚无人采取",
        f"the reviewer of list {name} asked for a legal hold, and nobody has placed it yet",
    )


def transfer_pending(by: Reservation) -> Text:
    name = by.number or by.disposal
    return text(
        f"清单{name}的审查人要求移交，尚未登记并确认",
        f"the reviewer of list {name} asked for its transfer, which is not recorded and confirmed",
    )


def handed_over(transfer: Transfer) -> Text:
    name, day = transfer.number or transfer.id, transfer.on
    return text(f"已于{day}移交（{name}）", f"it was handed over on {day} ({name})")


def bound(other: Holding, why: Text) -> Text:
    zh, en = other.kind_title.zh, other.kind_title.en
    return text(
        f"与其绑定的{zh}{other.name}{why.zh}",
        f"the {en} {other.name} is bound to it and may not go: {why.en}",
    )


def ruleless(holding: Holding, copy: Copy | None) -> Text:
    medium = text("纸质件", "paper") if copy is not None else text("电子件", "electronic records")
    zh, en = holding.kind_title.zh, holding.kind_title.en
    return text(
        f"没有适用于{zh}{medium.zh}的保管规则（类别 {holding.retention}），须先制定",
        f"no retention rule covers {medium.en} of kind {en!r} (class {holding.retention}), "
        "so one must be set first",
    )


def permanent(reckoned: Reckoned | None) -> Text:
    if reckoned is None:
        return text("此类记录永久保管", "records of its class are kept for ever")
    rule = _rule(reckoned.rule)
    return text(f"依{rule.zh}永久保管", f"{rule.en} keeps it for ever")


def pending(reckoned: Reckoned) -> Text:
    rule, event = _rule(reckoned.rule), _EVENTS.get(reckoned.trigger)
    event = event or text(reckoned.trigger, reckoned.trigger)
    if not reckoned.waits:
        return text(
            f"依{rule.zh}须自{event.zh}起算，而记录未指明零件、订单或客户",
            f"{rule.en} counts from {event.en}, and the record names no part, order or customer",
        )
    zh = "、".join(f"{_SUBJECTS[what].zh}{name}" for what, name in reckoned.waits)
    en = ", ".join(f"{_SUBJECTS[what].en} {name}" for what, name in reckoned.waits)
    return text(
        f"依{rule.zh}须自{event.zh}起算，而{zh}尚未确认",
        f"{rule.en} counts from {event.en}, which is not confirmed for {en}",
    )


# ---------------------------------------------------------------- the arithmetic


def arithmetic(won: Reckoned, whose: Text, which: str) -> Text:
    """Rule, base date, period, cut-off, last day. `whose`: if it is not its own; `which`: it."""
    rule, length = won.rule, won.rule.period
    if length is None or won.base_date is None or won.last_day is None:
        return text("", "")
    cited, long = _rule(rule), period(length)
    since = _SINCE.get(rule.trigger, _SINCE["filed"])
    day = won.base_date.isoformat()
    cut = text("", "")
    if rule.cut_off == "end-of-calendar-year":
        cut = text("，并延至期满当年12月31日", ", and then to the end of that calendar year")
    keeps = f"which {cited.en} keeps" if whose.en else f"{cited.en} keeps {which}"
    return text(
        f"{whose.zh}依{cited.zh}，{since.zh.format(day=day)}保管{long.zh}{cut.zh}，"
        f"最后一日为{won.last_day}",
        f"{whose.en}{keeps} for {long.en} {since.en.format(day=day)}{cut.en}, so that "
        f"the last day is {won.last_day}",
    )


def _whose(won: Reckoned, holding: Holding, subject: Copy | None) -> Text:
    """Whose period it is, where it is not that of the record or copy that was asked about."""
    other = won.record != holding.record_id
    name = won.number or won.record
    paper = text(f"纸质件第{won.copy.copy}份", f"paper copy {won.copy.copy}") if won.copy else None
    if other and paper:
        return text(
            f"与绑定的{name}{paper.zh}一并保管：",
            f"it is kept as long as {paper.en} of {name}, to which it is bound, ",
        )
    if other:
        return text(f"与绑定的{name}一并保管：", f"it is kept together with {name}, ")
    if subject is None and paper:
        return text(
            f"电子件不先于{paper.zh}处置：",
            f"it is kept as long as its {paper.en}, ",
        )
    if subject is not None and won.copy is None:
        return text(
            f"纸质件第{subject.copy}份为须保存的签字原件，与电子件同期保管：",
            f"paper copy {subject.copy}, a signed original that must be kept, stays as long as the "
            "electronic record, ",
        )
    if subject is not None and paper and won.copy and won.copy.record_id != subject.record_id:
        return text(f"与{paper.zh}同期保管：", f"it is kept as long as {paper.en}, ")
    return text("", "")


def _later(limits: Sequence[Limit], last: date) -> Text:
    """What moves the last day beyond that of the rule which won."""
    limit = next(each for each in limits if each.last_day == last and each.reckoned is None)
    if limit.released is not None:
        hold = limit.released
        name, day = hold.number or hold.id, hold.released_on(ZoneInfo(limit.zone))
        return text(
            f"；法律保全{name}于{day}解除，冷静期{COOL_OFF_DAYS}日，最后一日延至{last}",
            f"; the cool-off of {COOL_OFF_DAYS} days after the release of legal hold {name} on "
            f"{day} moves it to {last}",
        )
    if limit.kept is not None:
        name = limit.kept.number or limit.kept.disposal
        return text(
            f"；经清单{name}审查决定，继续保管至{last}",
            f"; the review of list {name} keeps it until {last}",
        )
    day = limit.imported.imported_on if limit.imported else None
    return text(
        f"；记录于{day}导入，满30日方可处置，最后一日延至{last}",
        f"; the wait of 30 days after the import on {day} moves it to {last}",
    )


def _of_how_many(won: Reckoned, reckoned: Sequence[Reckoned]) -> Text:
    rules = {(r.rule.stream, r.rule.version) for r in (*reckoned, won)}
    if len(rules) == 1:
        return text("", "")
    return text(
        f"（适用的{len(rules)}项规定中期限最长）", f" (the longest of {len(rules)} that apply)"
    )


def sentence(
    holding: Holding,
    subject: Copy | None,
    blockers: Sequence[Blocker],
    won: Reckoned | None,
    limits: Sequence[Limit],
    reckoned: Sequence[Reckoned],
    last: date | None,
    free: date | None,
) -> Text:
    """The whole: what stands in the way, the arithmetic, what moved it, from when it may go."""
    zh, en = [], []
    if blockers:
        more = len(blockers) - 1
        zh.append(blockers[0].what.zh + (f"（另有{more}项原因）" if more else ""))
        en.append(
            blockers[0].what.en
            + (f" (and {more} more reason{'' if more == 1 else 's'})" if more else "")
        )
    if won is not None and last is not None:
        which = "it" if subject is None else f"paper copy {subject.copy}"
        how = arithmetic(won, _whose(won, holding, subject), which)
        many = _of_how_many(won, reckoned)
        beyond = won.last_day is not None and last > won.last_day
        later = _later(limits, last) if beyond else text("", "")
        zh.append(how.zh + many.zh + later.zh)
        en.append(how.en + many.en + later.en)
    if free is not None and free != date.max:
        zh.append(f"{free}起可列入处置清单")
        en.append(f"it may be listed for disposal from {free}")
    else:
        zh.append("现在不得处置")
        en.append("it may not go now")
    return closed(text("；".join(zh), "; ".join(en)))
