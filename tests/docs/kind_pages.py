"""The pages of the kinds, written from the kinds: `python -m tests.docs.kind_pages` renews them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from domain.kind import (
    AllOf,
    AnyOf,
    Anyone,
    Author,
    CalendarDays,
    Collection,
    Condition,
    Deadline,
    Field,
    Guard,
    Heads,
    Holds,
    Hours,
    Is,
    Items,
    Kind,
    Linked,
    Members,
    Named,
    Not,
    Office,
    Present,
    Received,
    Role,
    SignedOff,
    Slot,
    Step,
    Systems,
    Taken,
    Taker,
    Text,
    Until,
    Who,
    WorkingDays,
)
from domain.kinds import current

DOCS = Path(__file__).parents[2] / "docs"
FOLDERS = {"en": DOCS / "kinds", "zh": DOCS / "zh" / "kinds"}


def pages() -> Mapping[Path, str]:
    """Every page by its place: one per kind and language."""
    return {
        folder / f"{kind.id}.md": Page(kind, language).text()
        for language, folder in FOLDERS.items()
        for kind in current().values()
    }


class Page:
    """One kind in one language."""

    def __init__(self, kind: Kind, language: str) -> None:
        self.kind, self.zh = kind, language == "zh"

    def say(self, zh: str, en: str) -> str:
        return zh if self.zh else en

    def title(self, text: Text) -> str:
        return text.zh if self.zh else text.en

    def text(self) -> str:
        parts = itertools.chain(
            self._head(),
            self._states(),
            self._steps(),
            self._forms(),
            self._items(),
            self._signatures(),
            self._limits(),
            self._pauses(),
            self._links(),
            self._ends(),
        )
        return "\n".join(parts).rstrip() + "\n"

    # ---------------------------------------------------------------- sections

    def _head(self) -> Iterator[str]:
        kind = self.kind
        yield f"# {self.title(kind.title)} `{kind.id}`"
        yield ""
        yield self.say(
            "<!-- 由 python -m tests.docs.kind_pages 从种类生成，请勿手改 -->",
            "<!-- written from the kind by python -m tests.docs.kind_pages: do not edit -->",
        )
        yield ""
        number = f"`{kind.prefix}-2026-00001`"
        facts = [
            self.say(f"版本 {kind.version}", f"version {kind.version}"),
            self.say(f"编号如 {number}", f"numbers such as {number}"),
            self.say(f"保存类别 `{kind.retention}`", f"retention class `{kind.retention}`"),
        ]
        if kind.confidential:
            facts.append(self.say("保密", "confidential"))
        elif kind.confidential_when is not None:
            when = self._condition(kind.confidential_when)
            facts.append(self.say(f"保密条件：{when}", f"confidential where {when}"))
        if kind.internal:
            facts.append(self.say("档案自身的数据", "data of the archive itself"))
        yield self.say("；", "; ").join(facts) + self.say("。", ".")
        yield ""
        if kind.entitled:
            yield self.say("- 另可阅读：", "- May also read it: ") + self._people(kind.entitled)
        if kind.seeds:
            yield self.say("- 需求行：", "- Seed rows: ") + ", ".join(kind.seeds)
        if kind.clauses:
            yield self.say("- 条款：", "- Clauses: ") + "; ".join(kind.clauses)
        yield ""

    def _states(self) -> Iterator[str]:
        yield from self._section("状态", "States")
        yield from table(
            [self.say("状态", "state"), "", self.say("终态", "final")],
            ([f"`{s.id}`", self.title(s.title), self._tick(s.final)] for s in self.kind.states),
        )

    def _steps(self) -> Iterator[str]:
        yield from self._section("步骤", "Steps")
        heads = (("步骤", "step"), ("", ""), ("从", "from"), ("到", "to"), ("谁", "who"),
                 ("不满足时的提示", "refused with"), ("发给", "goes to"),
                 ("出处", "source"))  # fmt: skip
        yield from table([self.say(*h) for h in heads], map(self._step, self.kind.steps))

    def _step(self, step: Step) -> list[str]:
        start = self.say("（新建）", "(opens)") if step.opens else codes(step.start)
        if step.item:
            start = f"{step.item}: {start}"
        if step.late:
            start += self.say("；补录：", "; late in: ") + codes(step.late)
        who = self._people(step.by)
        if step.not_by:
            who += self.say("；但不可是", "; but not ") + self._people(step.not_by)
        receivers = ""
        if step.distribute is not None:
            receivers = self._people(step.distribute.to)
            if step.distribute.acknowledge:
                receivers += self.say("（须确认）", " (to acknowledge)")
        return [
            f"`{step.id}`",
            self.title(step.title),
            start,
            self._target(step),
            who,
            self._guards(step.guards),
            receivers,
            f"{step.source} [{step.mark}]".strip(),
        ]

    def _target(self, step: Step) -> str:
        if step.adds_item:
            return f"+ {step.adds_item}"
        if step.to is None:
            return "–"
        if isinstance(step.to, str):
            return f"`{step.to}`"
        ways = []
        for branch in step.to:
            when = f" ({self._condition(branch.when)})" if branch.when else ""
            ways.append(f"`{branch.to}`{when}")
        return "; ".join(ways)

    def _guards(self, guards: Iterable[Guard]) -> str:
        return " ".join(self.title(guard.message) for guard in guards)

    def _unless(self, guards: Iterable[Guard]) -> str:
        messages = self._guards(guards)
        return self.say("不满足时的提示：", " Refused with: ") + messages if messages else ""

    def _forms(self) -> Iterator[str]:
        yield from self._section("表单", "Forms")
        yield self.say(
            "`?` 选填；`†` 仅在条件成立时需要；`#` 业务编号，可据以查找。",
            "`?` may be left out; `†` asked only where its condition holds; "
            "`#` a business reference by which records are found.",
        )
        yield ""
        rows = (
            [f"`{step.id}`", ", ".join(map(self._field, step.form.fields))]
            for step in self.kind.steps
            if step.form.fields
        )
        yield from table([self.say("步骤", "step"), self.say("栏目", "fields")], rows)

    def _field(self, field: Field) -> str:
        marks = "†" if field.when else "" if field.required else "?"
        marks += "#" if field.reference else ""
        rows = f" ({', '.join(map(self._field, field.rows))})" if field.rows else ""
        return f"{self.title(field.title)} `{field.id}`{marks}{rows}"

    def _items(self) -> Iterator[str]:
        if self.kind.collections:
            yield from self._section("条目", "Items")
            heads = (("条目", "items"), ("", ""), ("状态", "states"), ("责任", "owner"),
                     ("期限", "due"))  # fmt: skip
            yield from table([self.say(*h) for h in heads], map(self._item, self.kind.collections))

    def _item(self, one: Collection) -> list[str]:
        states = ", ".join(f"{self.title(s.title)} `{s.id}`" for s in one.states)
        owner, due = (f"`{name}`" if name else "–" for name in (one.owner, one.due))
        return [f"`{one.id}`", self.title(one.title), states, owner, due]

    def _signatures(self) -> Iterator[str]:
        if self.kind.slots:
            yield from self._section("签字", "Signatures")
            heads = (("签字", "signature"), ("", ""), ("含义", "meaning"), ("谁", "who"),
                     ("何时请签", "asked by"), ("拒签", "on refusal"),
                     ("更正后作废", "voided by a correction"), ("出处", "source"))  # fmt: skip
            yield from table([self.say(*h) for h in heads], map(self._slot, self.kind.slots))
        signed = [s for s in self.kind.steps if s.signoff]
        if signed:
            if not self.kind.slots:
                yield from self._section("签字", "Signatures")
            yield self.say("办理即签字：", "Steps that are themselves signatures: ") + ", ".join(
                f"`{s.id}` ({s.signoff})" for s in signed
            )
            yield ""

    def _slot(self, slot: Slot) -> list[str]:
        every = self.say("全部", "all of: ") if slot.every else self.say("其一：", "one of: ")
        refusal = {
            "blocks": self.say("阻止，直至本人签字", "blocks until they sign"),
            "returns": self.say("退回", "returns the record"),
            "dissents": self.say("记为异议", "is a recorded dissent"),
        }[slot.on_refusal]
        voided = {
            "all": self.say("全部", "all"),
            "touched": self.say("所涉内容被更正时", "where what it covers was corrected"),
            "none": self.say("不作废", "none"),
        }[slot.on_correction]
        back = f" → `{slot.returns_to}`" if slot.returns_to else ""
        return [
            f"`{slot.id}`",
            self.title(slot.title),
            slot.meaning,
            every + self._people(slot.signers),
            f"`{slot.opened_by}`",
            refusal + back,
            voided,
            f"{slot.source} [{slot.mark}]".strip(),
        ]

    def _limits(self) -> Iterator[str]:
        if self.kind.deadlines:
            yield from self._section("时限", "Limits")
            heads = (("时限", "limit"), ("", ""), ("起算", "runs from"), ("长度", "how long"),
                     ("停止", "stopped by"), ("责任", "owner"), ("级", "level"),
                     ("出处", "source"))  # fmt: skip
            yield from table([self.say(*h) for h in heads], map(self._limit, self.kind.deadlines))

    def _limit(self, one: Deadline) -> list[str]:
        start = f"`{one.starts}`" + (f", `{one.field}`" if one.field else "")
        if one.when is not None:
            start += f" ({self._condition(one.when)})"
        if one.item:
            start = f"{one.item}: {start}"
        advisory = self.say("（仅提示）", " (shown only)") if one.advisory else ""
        return [
            f"`{one.id}`",
            self.title(one.title),
            start,
            self._span(one) + advisory,
            codes(one.stops),
            self._people(one.owner),
            "" if one.level is None else str(one.level),
            f"{one.source} [{one.mark}]".strip(),
        ]

    def _span(self, one: Deadline) -> str:
        match one.limit:
            case Hours(n=n):
                return self.say(f"{n} 小时", f"{n} h")
            case WorkingDays(n=n):
                return self.say(f"{n} 个工作日", f"{n} working day{'s' * (n != 1)}")
            case CalendarDays(n=n) if n < 0:
                return self.say(f"提前 {-n} 天", f"{-n} days before")
            case CalendarDays(n=n):
                return self.say(f"{n} 天", f"{n} days")
            case Until():
                return self.say("至该时间", "until then")

    def _pauses(self) -> Iterator[str]:
        if self.kind.pauses:
            yield from self._section("暂停", "Pauses")
            heads = (("原因", "reason"), ("", ""), ("停住的时限", "limits that stand still"),
                     ("谁", "who"))  # fmt: skip
            rows = (
                [f"`{p.id}`", self.title(p.title), codes(p.clocks), self._people(p.by)]
                for p in self.kind.pauses
            )
            yield from table([self.say(*h) for h in heads], rows)

    def _links(self) -> Iterator[str]:
        if self.kind.links:
            yield from self._section("关联", "Links")
            heads = (("关系", "relation"), ("", ""), ("到", "to"), ("绑定", "binding"))
            rows = (
                [f"`{r.rel}`", self.title(r.title), codes(r.kinds) or "–", self._tick(r.binding)]
                for r in self.kind.links
            )
            yield from table([self.say(*h) for h in heads], rows)

    def _ends(self) -> Iterator[str]:
        """Filing, reopening, correcting."""
        kind = self.kind
        yield from self._section("归档、重新打开、更正", "Filing, reopening, correcting")
        if kind.filing is not None:
            states, who = codes(kind.filing.states), self._people(kind.filing.by)
            yield (
                "- "
                + self.say(
                    f"归档：状态 {states}；由{who}；{kind.filing.within_days} 天内。",
                    f"Filed in {states} by {who}, within {kind.filing.within_days} days.",
                )
                + self._unless(kind.filing.guards)
            )
        if kind.reopening is not None:
            to = f"→ `{kind.reopening.to}`" if kind.reopening.to else ""
            who = self._people(kind.reopening.by)
            yield "- " + self.say(f"重新打开{to}：由{who}。", f"Reopened {to} by {who}.").replace(
                "  ", " "
            )
        who = self._people(kind.correcting.by)
        locked = ""
        if kind.correcting.locked:
            states = codes(kind.correcting.locked)
            locked = self.say(
                f"在 {states} 须先重新打开。", f" In {states} it must be reopened first."
            )
        yield "- " + self.say(f"更正：由{who}。", f"Corrected by {who}.") + locked

    # ---------------------------------------------------------------- words

    def _section(self, zh: str, en: str) -> Iterator[str]:
        yield f"## {self.say(zh, en)}"
        yield ""

    def _tick(self, yes: bool) -> str:
        return self.say("是", "yes") if yes else ""

    def _people(self, whos: Iterable[Who]) -> str:
        return self.say("、", ", ").join(map(self._who, whos)) or "–"

    def _who(self, who: Who) -> str:
        match who:
            case Anyone():
                return self.say("任何人", "anyone")
            case Author():
                return self.say("记录的开立人", "its author")
            case Role(role=role):
                return self.say(f"角色 `{role}`", f"role `{role}`")
            case Office(function=function):
                return self.say(f"职能 `{function}` 的部门", f"office `{function}`")
            case Members(of=of):
                return self._of("成员", "members", of)
            case Heads(of=of):
                return self._of("负责人", "heads", of)
            case Named(by=by):
                return self.say(f"`{by}` 所列", f"named in `{by}`")
            case Taker(step=step):
                return self.say(f"`{step}` 的办理人", f"who took `{step}`")
            case Systems():
                return self.say("授权的系统", "entitled systems")

    def _of(self, zh: str, en: str, of: str | None) -> str:
        if of is None:
            return self.say(f"记录所属部门的{zh}", f"{en} of its department")
        return self.say(f"`{of}` 的{zh}", f"{en} of `{of}`")

    def _condition(self, test: Condition) -> str:
        match test:
            case Is(field=field, values=values):
                return f"`{field}` = {'/'.join(map(self._value, values))}"
            case Present(field=field):
                return self.say(f"填了 `{field}`", f"`{field}` is given")
            case Taken(step=step):
                return self.say(f"已办 `{step}`", f"`{step}` was taken")
            case Items(collection=items, states=states, every=every):
                which = self.say("全部", "all") if every else self.say("有", "some")
                return f"{which} {items}: {'/'.join(states)}"
            case Linked(rel=rel):
                return self.say(f"关联 `{rel}`", f"linked by `{rel}`")
            case SignedOff(slot=slot):
                return self.say(f"`{slot}` 已签齐", f"`{slot}` is signed off")
            case Received(step=step):
                return self.say(f"`{step}` 均已确认", f"`{step}` is acknowledged by all")
            case Holds(rule=rule):
                return self.say(f"规则 `{rule}`", f"rule `{rule}`")
            case Not(of=inner):
                return self.say(
                    f"非（{self._condition(inner)}）", f"not ({self._condition(inner)})"
                )
            case AllOf(of=parts):
                return self.say("且", " and ").join(map(self._condition, parts))
            case AnyOf(of=parts):
                return self.say("或", " or ").join(map(self._condition, parts))

    def _value(self, value: str | int) -> str:
        if isinstance(value, bool):
            return self.say("是", "yes") if value else self.say("否", "no")
        return str(value)


def codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def table(heads: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    yield ""


def main() -> None:
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
