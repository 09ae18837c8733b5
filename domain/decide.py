"""`decide`: a command becomes one event, or is refused with a reason. Pure.

No clock, no keys, no store: time and ids come in with the command, everything else with the
context. What follows from an event (state, voided signatures, new items) is folded by `evolve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict

from domain import disposals, forms, rule_versions
from domain.access import resolve
from domain.commands import (
    Acknowledge,
    Actor,
    AnyCommand,
    Command,
    Correct,
    Dispose,
    File,
    Import,
    LinkTo,
    Open,
    Pause,
    Refuse,
    Reopen,
    Resume,
    Sign,
    TakeStep,
)
from domain.conditions import holds
from domain.context import Context
from domain.errors import (
    ConflictError,
    DisposalError,
    FieldFault,
    GuardError,
    InvalidFormError,
    NotEntitledError,
    SeparationError,
    StepNotAllowedError,
    TimeClaimError,
    UnknownStepError,
)
from domain.events import (
    Acknowledged,
    AnyEvent,
    Assurance,
    Attachment,
    Attestation,
    Corrected,
    Disposed,
    Filed,
    Imported,
    LinkedTo,
    Opened,
    Paused,
    Ref,
    Refused,
    Reopened,
    Resumed,
    RuleRef,
    Signature,
    Signed,
    StepTaken,
    Values,
)
from domain.kind import (
    AllOf,
    AnyOf,
    Anyone,
    Condition,
    Field,
    Guard,
    Kind,
    Linked,
    Not,
    Slot,
    Step,
    Systems,
    Text,
    Who,
)
from domain.kinds import find
from domain.record import Entry, Record, SignatureState
from domain.resting import shaken

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a claimed time may lie ahead of the archive's clock."""
MAX_SKEW = timedelta(days=1)
"""A sender's clock that is further off is no clock to judge a claimed time by."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The event, and the versions of other records that it rests on: the commit checks them."""

    event: AnyEvent
    reads: Mapping[str, int]


class _Header(TypedDict):
    event_id: str
    record_id: str
    version: int
    kind: str
    kind_version: int
    actor: str | None
    behalf: str | None
    assurance: Assurance
    occurred_at: datetime
    source: str | None
    source_id: str | None
    sent_at: datetime | None


def decide(record: Record | None, command: AnyCommand, context: Context) -> Decision:
    """The event that a command leads to. Raises a DomainError where it may not be.

    `record` is None exactly for `Open`.
    """
    if record is None and isinstance(command, Open):
        return _open(command, context)
    if record is None:
        raise UnknownStepError(Text(zh="没有这条记录。", en="There is no such record."))
    if record.disposal is not None:
        raise DisposalError(
            "DISPOSED",
            Text(
                zh="记录已处置,不再有任何变更;请新建记录并引用其编号。",
                en="The record was disposed of, and nothing follows: open a new one that names it.",
            ),
        )
    _check_time(record, command)
    return _decide(command, record, context)


def _decide(  # noqa: C901, PLR0912 - one case for each command, so that a forgotten one is a type error
    command: AnyCommand, record: Record, context: Context
) -> Decision:
    match command:
        case Open():
            raise ConflictError(Text(zh="记录已经存在。", en="The record exists already."))
        case TakeStep():
            return _take_step(command, record, context)
        case Correct():
            return _correct(command, record, context)
        case Sign():
            return _sign(command, record, context)
        case Refuse():
            return _refuse(command, record, context)
        case Acknowledge():
            return _acknowledge(command, record, context)
        case Pause():
            return _pause(command, record, context)
        case Resume():
            return _resume(command, record, context)
        case LinkTo():
            return _link(command, record, context)
        case File():
            return _file(command, record, context)
        case Reopen():
            return _reopen(command, record, context)
        case Import():
            return _import(command, record)
        case Dispose():
            return _dispose(command, record, context)


def _header(kind: Kind, command: Command, version: int) -> _Header:
    return _Header(
        event_id=command.event_id,
        record_id=command.record_id,
        version=version,
        kind=kind.id,
        kind_version=kind.version,
        actor=command.actor.id,
        behalf=command.actor.behalf,
        assurance=command.actor.assurance,
        occurred_at=command.occurred_at,
        source=command.source,
        source_id=command.source_id,
        sent_at=command.sent_at,
    )


def _opening_header(kind: Kind, command: Open, context: Context) -> _Header:
    """An anonymous opening says nothing of its author, and only the site's day (SEEDS.md 9.6)."""
    header = _header(kind, command, 1)
    if kind.anonymous:
        day = command.occurred_at.astimezone(context.zone)
        midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
        header["occurred_at"] = midnight.astimezone(UTC)
        header["assurance"] = "system"
        header["actor"] = header["behalf"] = header["source"] = header["source_id"] = None
        header["sent_at"] = None
    return header


# ---------------------------------------------------------------- opening and steps


def _open(command: Open, context: Context) -> Decision:
    kind = find(command.kind)
    step = kind.step(command.step)
    if step is None or not step.opens:
        raise UnknownStepError(
            Text(
                zh=f"“{kind.title.zh}”不能以“{command.step}”开始。",
                en=f"A {kind.id} is not opened by {command.step!r}.",
            ),
            field="step",
        )
    _check_not_future(command)
    if command.provenance is not None:
        return _open_imported(kind, step, command)
    values = forms.parse(_form_name(kind, step), step.form, command.values)
    _check_named(step, values, context)
    department = _department(kind, values, command.actor, context)
    opener = None if kind.anonymous else command.actor.behalf or command.actor.person
    _entitled(step.by, step.not_by, command, None, values, context, kind.id, department)
    _check_guards(step.guards, None, values, context)
    event = Opened(
        **_opening_header(kind, command, context),
        step=step.id,
        values=values,
        attachments=_attached(step, values, command.attachments),
        department=department,
        recipients=_recipients(step, None, values, context, department, opener),
        signers=_signers(kind, step, None, values, context, department, opener),
        provenance=command.provenance,
        attests=_attestation(step, None, values),
    )
    return Decision(event, {})


def _open_imported(kind: Kind, step: Step, command: Open) -> Decision:
    """A foreign history begins: what its own system did not ask stays unanswered."""
    _need_trust(command.actor)
    values = forms.parse_given(_form_name(kind, step), step.form, command.values)
    event = Opened(
        **_header(kind, command, 1),
        step=step.id,
        values=values,
        attachments=_attached(step, values, command.attachments),
        provenance=command.provenance,
    )
    return Decision(event, {})


def _need_trust(actor: Actor) -> None:
    if not actor.trusted:
        raise NotEntitledError(
            Text(
                zh="外部历史只能通过导入程序写入。",
                en="A foreign history is only written by the importer.",
            )
        )


def _department(kind: Kind, values: Values, actor: Actor, context: Context) -> str | None:
    if kind.department is not None:
        said = values.get(kind.department)
        return said if isinstance(said, str) else None
    if kind.anonymous:
        return None
    person = context.directory.people.get(actor.behalf or actor.person or "")
    return person.department if person else None


def _take_step(command: TakeStep, record: Record, context: Context) -> Decision:
    step = record.kind.step(command.step)
    if step is None or step.opens:
        raise UnknownStepError(
            Text(
                zh=f"“{record.kind.title.zh}”没有“{command.step}”这一步。",
                en=f"A {record.kind.id} has no step {command.step!r}.",
            ),
            field="step",
        )
    _check_state(step, command.item, record)
    item_values = _item_values(record, step, command.item)
    values = forms.parse(_form_name(record.kind, step), step.form, command.values, record)
    _check_named(step, values, context)
    seen = {**item_values, **values}
    # Whose item it is stands before what the form at hand says: nobody names themselves its owner.
    owned = {**values, **item_values}
    _entitled(step.by, step.not_by, command, record, owned, context, record.kind.id)
    _check_guards(step.guards, record, seen, context)
    event = StepTaken(
        **_header(record.kind, command, record.version + 1),
        step=step.id,
        item=command.item,
        values=values,
        attachments=_attached(step, values, command.attachments),
        recipients=_recipients(step, record, seen, context, record.department),
        signers=_signers(record.kind, step, record, seen, context, record.department),
        attests=_attestation(step, record, values),
        signoff=_signature(step, record),
    )
    return Decision(event, _reads(step.guards, context))


def _attestation(step: Step, record: Record | None, values: Values) -> Attestation | None:
    """The facts of a step that says something for ever: they outlive its content."""
    match step.attests:
        case None:
            return None
        case "rule-set":
            return Attestation("rule-set", rule=rule_versions.next_ref(record, values))
        case "hold-placed" | "hold-released":
            return Attestation(step.attests)
        case "disposal-listed" | "disposal-approved":
            return Attestation(step.attests, list=values["list_hash"])


def _signature(step: Step, record: Record) -> Signature | None:
    """A step that is itself a signature covers what its taker saw: all that was said before, and
    of a disposal the present list with its reviews."""
    if step.signoff is None:
        return None
    if step.attests == "disposal-approved":
        return Signature(step.signoff, disposals.covers(record))
    versions = sorted({v for e in record.entries for v in (e.version, *e.corrected_by)})
    seen = tuple(record.digests[v - 1] for v in versions)
    return Signature(step.signoff, seen or record.digests[-1:])


def _form_name(kind: Kind, step: Step) -> str:
    return f"{kind.id}-{step.id}"


def _item_values(record: Record, step: Step, key: str | None) -> Values:
    if step.item is None or key is None:
        return {}
    return record.items[step.item][key].values


def _check_state(step: Step, key: str | None, record: Record) -> None:
    _not_filed(record)
    if step.item is not None:
        children = record.items.get(step.item, {})
        if key is None or key not in children:
            raise UnknownStepError(
                Text(
                    zh=f"没有条目“{key}”;现有:{'、'.join(children) or '无'}。",
                    en=f"There is no item {key!r}; there are: {', '.join(children) or 'none'}.",
                ),
                field="item",
            )
        state, allowed = children[key].state, step.start
    else:
        state, allowed = record.state, (*step.start, *step.late)
    if state not in allowed:
        steps = allowed_steps(record)
        raise StepNotAllowedError(
            Text(
                zh=f"当前状态“{_state_title(record, state).zh}”不能做“{step.title.zh}”;"
                f"现在可以:{'、'.join(_titles(record, steps)) or '无'}。",
                en=f"In state {state!r} the step {step.id!r} is not possible; "
                f"now possible: {', '.join(steps) or 'none'}.",
            ),
            steps,
        )


def _state_title(record: Record, state: str) -> Text:
    found = record.kind.state(state)
    return found.title if found else Text(zh=state, en=state)


def _titles(record: Record, steps: tuple[str, ...]) -> list[str]:
    found = (record.kind.step(s) for s in steps)
    return [s.title.zh for s in found if s is not None]


def allowed_steps(record: Record) -> tuple[str, ...]:
    """The steps that the record's state allows now, whoever takes them."""
    if record.filing is not None:
        return ()
    return tuple(
        step.id
        for step in record.kind.steps
        if not step.opens
        and (
            any(c.state in step.start for c in record.items.get(step.item, {}).values())
            if step.item is not None
            else record.state in (*step.start, *step.late)
        )
    )


def _check_named(step: Step, values: Values, context: Context) -> None:
    """People, departments and records that the answers name must exist."""
    faults = []
    for what, identifier, path in forms.named_people(step.form, values):
        known: Mapping[str, object] = (
            context.directory.people if what == "person" else context.directory.departments
        )
        if identifier not in known:
            faults.append(FieldFault(path, Text(zh="名录中没有此人或部门", en=f"no such {what}")))
    for field, identifier in forms.named_records(step.form, values):
        kind = context.known.get(identifier)
        if kind is None or (field.kinds and kind not in field.kinds):
            faults.append(no_such_record(field))
    if faults:
        raise InvalidFormError(tuple(faults))


def no_such_record(field: Field) -> FieldFault:
    return FieldFault(
        field.id,
        Text(
            zh=f"没有这条记录,或种类不符(应为 {'、'.join(field.kinds) or '任意'})",
            en=f"no such record, or not one of {', '.join(field.kinds) or 'any kind'}",
        ),
    )


def _attached(
    step: Step, values: Values, attachments: tuple[Attachment, ...]
) -> tuple[Attachment, ...]:
    """The files that the answers name, each uploaded before."""
    by_id = {a.id: a for a in attachments}
    named = list(dict.fromkeys(forms.attachment_ids(step.form, values)))
    missing = [i for i in named if i not in by_id]
    if missing:
        raise InvalidFormError(
            tuple(
                FieldFault(
                    i, Text(zh="附件尚未上传,请先上传", en="this attachment was not uploaded")
                )
                for i in missing
            )
        )
    return tuple(by_id[i] for i in named)


# ---------------------------------------------------------------- who


def _entitled(
    by: tuple[Who, ...],
    not_by: tuple[Who, ...],
    command: Command,
    record: Record | None,
    values: Values,
    context: Context,
    kind: str,
    department: str | None = None,
) -> None:
    actor = command.actor
    if actor.trusted:
        return
    if actor.person is None:
        _entitled_without_person(by, actor)
        return
    person = _acting(command, context, kind)
    if not _is_among(person, by, record, values, context, department):
        allowed = resolve(by, context.directory, record, values)
        names = "、".join(sorted(_name(context, p) for p in allowed)[:5])
        raise NotEntitledError(
            Text(
                zh=f"您无权做这一步;可由以下人员办理:{names or '(未设定)'}。",
                en=f"You are not entitled to this; it is for: {names or 'nobody yet'}.",
            )
        )
    if not not_by:
        return
    barred = resolve(not_by, context.directory, record, values)
    if person in barred or actor.person in barred:
        raise SeparationError(
            Text(
                zh="职责分离:办理过前一步的人不能做这一步,请由他人办理。",
                en="Separation of duties: another person must do this.",
            )
        )


def _is_among(
    person: str,
    by: tuple[Who, ...],
    record: Record | None,
    values: Values,
    context: Context,
    department: str | None,
) -> bool:
    if record is None and person in _own(by, context, department, None):
        return True
    return any(person in resolve((who,), context.directory, record, values) for who in by)


def _entitled_without_person(by: tuple[Who, ...], actor: Actor) -> None:
    """A system takes the steps that are open to systems; its key is scoped further at the door."""
    if any(isinstance(w, Anyone) or (isinstance(w, Systems) and actor.system) for w in by):
        return
    raise NotEntitledError(
        Text(zh="这一步须由本人办理,系统不能代办。", en="This takes a person; a system cannot.")
        if actor.system
        else Text(zh="请以个人或系统身份登录后再做。", en="Sign in as a person or a system.")
    )


def _acting(command: Command, context: Context, kind: str) -> str:
    """The person whose right is used: the actor, or the one who delegated to them."""
    actor = command.actor
    person = context.directory.people.get(actor.person or "")
    if actor.person is None or person is None or not person.active:
        raise NotEntitledError(
            Text(zh="名录中没有您,或已停用。", en="You are not in the directory, or inactive.")
        )
    if actor.behalf is None:
        return actor.person
    if find(kind).internal:  # or a delegate could extend the delegation, or hand out keys
        raise NotEntitledError(
            Text(
                zh="人员、授权、密钥等内部记录须由本人办理,不可委托。",
                en="Records of people, rights and keys are not kept by delegation.",
            )
        )
    principal = context.directory.people.get(actor.behalf)
    lent = context.directory.may_act_for(actor.person, actor.behalf, kind, command.received_at)
    if not lent or principal is None or not principal.active:
        raise NotEntitledError(
            Text(
                zh="没有有效的授权委托,不能代办;请先登记委托。",
                en="No valid delegation lets you act for that person; register one first.",
            )
        )
    return actor.behalf


def _name(context: Context, person: str) -> str:
    found = context.directory.people.get(person)
    return found.name if found else person


def _recipients(
    step: Step,
    record: Record | None,
    values: Values,
    context: Context,
    department: str | None,
    opener: str | None = None,
) -> tuple[str, ...]:
    if step.distribute is None:
        return ()
    people = resolve(step.distribute.to, context.directory, record, values)
    if record is None:
        people |= _own(step.distribute.to, context, department, opener)
    return tuple(sorted(people))


def _signers(
    kind: Kind,
    step: Step,
    record: Record | None,
    values: Values,
    context: Context,
    department: str | None,
    opener: str | None = None,
) -> dict[str, tuple[str, ...]]:
    """Freeze, by name, who must sign what this step puts before them."""
    signers: dict[str, tuple[str, ...]] = {}
    for slot in kind.slots:
        if slot.opened_by != step.id:
            continue
        people = resolve(slot.signers, context.directory, record, values)
        if record is None:
            people |= _own(slot.signers, context, department, opener)
        if not people:
            raise GuardError(
                Text(
                    zh=f"“{slot.title.zh}”找不到签字人;请先在名录中设定部门负责人或角色。",
                    en=f"Nobody can sign {slot.id!r}; set the department head or role first.",
                )
            )
        signers[slot.id] = tuple(sorted(people))
    return signers


def _own(
    who: tuple[Who, ...], context: Context, department: str | None, opener: str | None
) -> frozenset[str]:
    """While a record is being opened, its department and author are known before it is."""
    directory = context.directory
    departments = () if department is None else (department,)
    found: frozenset[str] = frozenset()
    for word in who:
        if word.who == "author" and opener is not None:
            found |= {opener}
        elif word.who == "heads" and word.of is None:
            found |= directory.heads(departments)
        elif word.who == "members" and word.of is None:
            found |= directory.members(departments)
    return found


# ---------------------------------------------------------------- guards


def _check_guards(
    guards: tuple[Guard, ...], record: Record | None, values: Values, context: Context
) -> None:
    for guard in guards:
        if not holds(guard.needs, record, values, context):
            raise GuardError(guard.message)


def _reads(guards: tuple[Guard, ...], context: Context) -> dict[str, int]:
    """Linked records whose state a guard rested on: their versions are part of the bargain."""
    asked = [c for guard in guards for c in _linked_conditions(guard.needs)]
    return {
        head.record: head.version
        for head in context.linked
        if any(
            c.rel == head.rel and c.incoming == head.incoming and c.kind in (None, head.kind)
            for c in asked
        )
    }


def _linked_conditions(condition: Condition) -> list[Linked]:
    match condition:
        case Linked():
            return [condition]
        case Not(of=inner):
            return _linked_conditions(inner)
        case AllOf(of=parts) | AnyOf(of=parts):
            return [c for part in parts for c in _linked_conditions(part)]
        case _:
            return []


def _check_time(record: Record, command: Command) -> None:
    _check_not_future(command)
    if command.occurred_at < record.opened_at - CLOCK_TOLERANCE and record.provenance is None:
        raise TimeClaimError(
            Text(
                zh="发生时间早于记录开始的时间;请核对日期。",
                en="The claimed time lies before the record began; check the date.",
            ),
            field="occurred_at",
        )


def _check_not_future(command: Command) -> None:
    """A sender who says what its clock shows is judged by that clock: how far it is off is kept."""
    now = command.received_at
    if command.sent_at is not None and abs(command.sent_at - now) <= MAX_SKEW:
        now = max(now, command.sent_at)
    if command.occurred_at > now + CLOCK_TOLERANCE:
        raise _future()


def _future() -> TimeClaimError:
    return TimeClaimError(
        Text(
            zh="发生时间晚于现在;请核对本机时钟和时区。",
            en="The claimed time lies in the future; check your clock and time zone.",
        ),
        field="occurred_at",
    )


# ---------------------------------------------------------------- corrections


def _correct(command: Correct, record: Record, context: Context) -> Decision:
    _not_filed(record)
    rule = record.kind.correcting
    target = next((e for e in record.entries if e.version == command.target), None)
    step = record.kind.step(target.step) if target else None
    if target is None or step is None:
        raise UnknownStepError(
            Text(
                zh=f"第 {command.target} 步没有可更正的内容。",
                en=f"Version {command.target} holds nothing that can be corrected.",
            ),
            field="target",
        )
    if record.state in rule.locked:
        raise StepNotAllowedError(
            Text(zh="此状态下须先重新打开才能更正。", en="Reopen the record before correcting it."),
            ("reopen",),
        )
    _need_reason(command.reason)
    own = command.actor.id is not None and command.actor.id == target.actor
    if not own or record.kind.internal:  # who registered others need not be entitled any more
        _entitled(rule.by, (), command, record, target.values, context, record.kind.id)
    elif command.actor.person is not None:
        _acting(command, context, record.kind.id)
    values = forms.parse_some(
        _form_name(record.kind, step), step.form, command.values, target.values, record
    )
    if not values:
        raise ConflictError(Text(zh="没有任何改动。", en="Nothing would change."))
    _check_named(step, values, context)
    kept = tuple(a for e in record.entries if e is target for a in e.attachments)
    event = Corrected(
        **_header(record.kind, command, record.version + 1),
        refs=(Ref("corrects", record.id, target.digest),),
        values=values,
        reason=command.reason,
        attachments=tuple(
            a for a in _attached(step, values, (*kept, *command.attachments)) if a not in kept
        ),
    )
    _check_rights_stand(event, target, record, context)
    return Decision(event, {})


def _check_rights_stand(event: Corrected, target: Entry, record: Record, context: Context) -> None:
    rested = shaken(record, event, target, context.directory)
    if rested is not None:
        raise StepNotAllowedError(
            Text(
                zh=f"“{rested.title.zh}”的办理资格依据此答案,且已办理,不能再更正;"
                "如有变动,请以新的步骤说明。",
                en=f"Who might take the step {rested.id!r} rested on this answer, and it was "
                "taken: the answer is not corrected any more; say what changed in a new step.",
            ),
            allowed_steps(record),
        )


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidFormError((FieldFault("reason", Text(zh="请写明原因", en="give a reason")),))


def _not_filed(record: Record) -> None:
    if record.filing is not None:
        raise StepNotAllowedError(
            Text(
                zh="记录已归档;如需更改,请先重新打开。", en="The record is filed; reopen it first."
            ),
            ("reopen",),
        )


# ---------------------------------------------------------------- signatures


def _sign(command: Sign, record: Record, context: Context) -> Decision:
    slot, signer = _to_answer(command, command.slot, command.edition, record, context)
    person = context.directory.people[command.actor.person or ""]
    event = Signed(
        **_header(record.kind, command, record.version + 1),
        step=slot.id,
        slot=slot.id,
        meaning=slot.meaning,
        covers=covered(record, slot),
        signer=signer.signer,
        edition=record.edition,
        printed_name=person.name,
        printed_role=person.title or "、".join(sorted(person.roles)),
    )
    return Decision(event, {})


def _refuse(command: Refuse, record: Record, context: Context) -> Decision:
    _need_reason(command.reason)
    slot, signer = _to_answer(command, command.slot, command.edition, record, context)
    if signer.refused is not None:
        raise ConflictError(Text(zh="您已拒绝签字。", en="You have refused already."))
    person = context.directory.people[command.actor.person or ""]
    event = Refused(
        **_header(record.kind, command, record.version + 1),
        step=slot.id,
        slot=slot.id,
        covers=covered(record, slot),
        signer=signer.signer,
        edition=record.edition,
        printed_name=person.name,
        printed_role=person.title or "、".join(sorted(person.roles)),
        reason=command.reason,
    )
    return Decision(event, {})


def covered(record: Record, slot: Slot) -> tuple[str, ...]:
    """Envelope hashes of what the signer sees: the covered steps, and every correction of them."""
    entries = [e for e in record.entries if not slot.covers or e.step in slot.covers]
    versions = sorted({v for e in entries for v in (e.version, *e.corrected_by)})
    return tuple(record.digests[v - 1] for v in versions)


def _to_answer(
    command: Command, slot_id: str, edition: int, record: Record, context: Context
) -> tuple[Slot, SignatureState]:
    """The slot and the signature that this person is asked for, in person or by delegation."""
    slot = record.kind.slot(slot_id)
    if slot is None:
        raise UnknownStepError(
            Text(zh=f"没有签字项“{slot_id}”。", en=f"There is no signature {slot_id!r}."),
            field="slot",
        )
    _not_filed(record)
    if command.actor.person is None:
        raise NotEntitledError(
            Text(zh="系统不能代人签字。", en="A system cannot sign for a person.")
        )
    signer = _acting(command, context, record.kind.id)
    if command.actor.behalf is not None and not slot.delegable:
        raise NotEntitledError(
            Text(zh="此签字不可委托。", en="This signature cannot be delegated.")
        )
    asked = [
        s for s in record.signatures if s.slot == slot_id and s.signer == signer and not s.voided_by
    ]
    if not asked and any(s.slot == slot_id and s.signer == signer for s in record.signatures):
        raise StepNotAllowedError(
            Text(
                zh="这一版已退回或被新版取代,请等待重新提交签字。",
                en="This edition was returned or replaced; wait until it is issued again.",
            ),
            allowed_steps(record),
        )
    if not asked:
        raise NotEntitledError(
            Text(zh="您不在签字人名单中。", en="You are not among the signers of this edition.")
        )
    if asked[-1].signed_by is not None:
        raise ConflictError(Text(zh="您已签字。", en="This is signed already."))
    if edition != record.edition:
        raise StepNotAllowedError(
            Text(
                zh=f"现为第 {record.edition} 版,您看到的是第 {edition} 版;请重新阅读后再签。",
                en=f"This is edition {record.edition} now, not {edition}; read it again first.",
            )
        )
    return slot, asked[-1]


def _acknowledge(command: Acknowledge, record: Record, context: Context) -> Decision:
    if command.actor.person is None:
        raise NotEntitledError(
            Text(zh="须由收件人本人确认。", en="Only a recipient can acknowledge.")
        )
    if command.edition > record.edition:
        raise StepNotAllowedError(
            Text(
                zh=f"没有第 {command.edition} 版;现为第 {record.edition} 版。",
                en=f"There is no edition {command.edition}; the present one is {record.edition}.",
            )
        )
    person = _acting(command, context, record.kind.id)
    mine = [r for r in record.receipts if r.person == person and r.edition <= command.edition]
    if not mine:
        raise NotEntitledError(
            Text(zh="您不在分发名单中。", en="You are not among the recipients of this edition.")
        )
    if all(r.at is not None for r in mine):
        raise ConflictError(Text(zh="您已确认。", en="This is acknowledged already."))
    event = Acknowledged(
        **_header(record.kind, command, record.version + 1), edition=command.edition
    )
    return Decision(event, {})


# ---------------------------------------------------------------- pauses


def _pause(command: Pause, record: Record, context: Context) -> Decision:
    _not_filed(record)
    reason = next((r for r in record.kind.pauses if r.id == command.reason), None)
    if reason is None:
        raise UnknownStepError(
            Text(
                zh=f"没有暂停原因“{command.reason}”。", en=f"There is no pause {command.reason!r}."
            ),
            field="reason",
        )
    _need_reason(command.note)
    _entitled(reason.by, (), command, record, {}, context, record.kind.id)
    if any(p.reason == reason.id and p.until is None for p in record.pauses):
        raise ConflictError(Text(zh="已因此原因暂停。", en="Paused for this reason already."))
    event = Paused(
        **_header(record.kind, command, record.version + 1),
        step=reason.id,
        reason=reason.id,
        note=command.note,
        attachments=command.attachments,
    )
    return Decision(event, {})


def _resume(command: Resume, record: Record, context: Context) -> Decision:
    reason = next((r for r in record.kind.pauses if r.id == command.reason), None)
    pause = next((p for p in record.pauses if p.reason == command.reason and p.until is None), None)
    if reason is None or pause is None:
        raise ConflictError(Text(zh="没有因此原因暂停。", en="Not paused for this reason."))
    _entitled(reason.by, (), command, record, {}, context, record.kind.id)
    if command.occurred_at < pause.since:
        raise TimeClaimError(
            Text(zh="恢复时间早于暂停时间。", en="It cannot resume before it was paused."),
            field="occurred_at",
        )
    event = Resumed(
        **_header(record.kind, command, record.version + 1),
        step=reason.id,
        reason=reason.id,
        note=command.note,
    )
    return Decision(event, {})


# ---------------------------------------------------------------- links, filing, reopening


def _link(command: LinkTo, record: Record, context: Context) -> Decision:
    _not_filed(record)
    rule = next((r for r in record.kind.links if r.rel == command.rel), None)
    if rule is None:
        raise UnknownStepError(
            Text(zh=f"没有关联“{command.rel}”。", en=f"There is no link {command.rel!r}."),
            field="rel",
        )
    _entitled(
        (*record.kind.correcting.by, *_actors(record)),
        (),
        command,
        record,
        {},
        context,
        record.kind.id,
    )
    kind = context.known.get(command.record)
    if command.record == record.id or kind is None or (rule.kinds and kind not in rule.kinds):
        raise InvalidFormError(
            (FieldFault("record", Text(zh="没有这条记录,或种类不符", en="no such record to link")),)
        )
    exists = any(link.rel == command.rel and link.record == command.record for link in record.links)
    if command.withdraw:
        _need_reason(command.reason)
    if exists != command.withdraw:
        raise ConflictError(
            Text(zh="没有此关联。", en="There is no such link.")
            if command.withdraw
            else Text(zh="已经关联。", en="They are linked already.")
        )
    head = next((h for h in context.linked if h.record == command.record), None)
    event = LinkedTo(
        **_header(record.kind, command, record.version + 1),
        step="withdrawn" if command.withdraw else None,
        refs=(Ref(command.rel, command.record, head.digest if head else None),),
        withdrawn=command.withdraw,
        reason=command.reason,
    )
    return Decision(event, {})


def _actors(record: Record) -> tuple[Who, ...]:
    """Whoever may take a step of the kind may link it."""
    return tuple(w for step in record.kind.steps for w in step.by)


def _file(command: File, record: Record, context: Context) -> Decision:
    rule = record.kind.filing
    _not_filed(record)
    imported = record.provenance is not None and command.actor.trusted
    if rule is None or not (imported or record.state in rule.states):
        raise StepNotAllowedError(
            Text(
                zh=f"当前状态“{_state_title(record, record.state).zh}”还不能归档。",
                en=f"A record in state {record.state!r} cannot be filed yet.",
            ),
            allowed_steps(record),
        )
    _entitled(rule.by, (), command, record, {}, context, record.kind.id)
    if not imported:  # its order was not ours
        _check_guards(rule.guards, record, {}, context)
    base_date, refs, reads = _base_date(command, record, context)
    event = Filed(
        **_header(record.kind, command, record.version + 1),
        refs=refs,
        base_date=base_date.isoformat(),
        zone=context.zone.key,
        tzdata=context.tzdata,
        scope=command.scope,
        marks=tuple(sorted(set(command.marks))),
        copies=tuple(f"paper-{n + 1}" for n in range(len(command.locations))),
        note=command.note,
        locations=command.locations,
    )
    return Decision(event, reads | _reads(rule.guards, context))


def _base_date(
    command: File, record: Record, context: Context
) -> tuple[date, tuple[Ref, ...], dict[str, int]]:
    """The day from which the filing counts, in the site's zone: today.

    The archive itself files an imported record by its import's day; by an earlier one only with an
    approved claim that says it (RETENTION.md 4). Once reopened, it is filed like any other.
    """
    today = command.received_at.astimezone(context.zone).date()
    if command.claim is not None or command.base_date is not None:
        return _claimed(command, record, context, today)
    if record.provenance is None or not command.actor.trusted or record.reopened:
        return today, (), {}
    return record.entries[0].recorded_at.astimezone(context.zone).date(), (), {}


def _claimed(
    command: File, record: Record, context: Context, today: date
) -> tuple[date, tuple[Ref, ...], dict[str, int]]:
    """The day that an approved claim says of this record."""
    _need_trust(command.actor)
    claim = context.warrant
    said = claim.said("claim") if claim is not None else None
    approved = claim.said("approve-second") if claim is not None else None
    if (
        claim is None
        or said is None
        or approved is None
        or claim.id != command.claim
        or (claim.kind.id, claim.state) != ("base-date-claim", "approved")
        or record.provenance is None
        or record.reopened
    ):
        raise _no_claim()
    days = {row["date"] for row in said.values["items"] if row["record"] == record.id}
    if len(days) != 1 or command.base_date not in (None, *days):
        raise _no_claim()
    day = date.fromisoformat(days.pop())
    if day > today:
        raise _no_claim()
    return day, (Ref("claim", claim.id, approved.digest),), {claim.id: claim.version}


def _no_claim() -> GuardError:
    return GuardError(
        Text(
            zh="没有经批准的认定支持此归档日期;请先申报并由两人批准。",
            en="No approved claim says this day of filing: claim it, and have two people approve.",
        )
    )


def _reopen(command: Reopen, record: Record, context: Context) -> Decision:
    rule = record.kind.reopening
    if rule is None or (record.filing is None and record.state not in rule.states):
        raise StepNotAllowedError(
            Text(zh="此记录现在不能重新打开。", en="This record cannot be reopened now."),
            allowed_steps(record),
        )
    _need_reason(command.reason)
    _entitled(rule.by, (), command, record, {}, context, record.kind.id)
    event = Reopened(**_header(record.kind, command, record.version + 1), reason=command.reason)
    return Decision(event, {})


def _import(command: Import, record: Record) -> Decision:
    """Imported history goes past the guards of the steps: their order was not ours."""
    _need_trust(command.actor)
    if record.provenance is None:
        raise StepNotAllowedError(
            Text(
                zh="只有导入的记录可以补入外部历史。",
                en="Only an imported record takes lines of a foreign history.",
            ),
            allowed_steps(record),
        )
    event = Imported(
        **_header(record.kind, command, record.version + 1),
        activity=command.activity,
        status=command.status,
        person=command.person,
        unit=command.unit,
        attributes=command.attributes,
    )
    return Decision(event, {})


# ---------------------------------------------------------------- disposal


def _dispose(command: Dispose, record: Record, context: Context) -> Decision:
    """A record goes by an executing disposal that lists it as it is now, reviewed and approved by
    two; or by a restoration that repeats what was done so. Never before its last day is over.

    What else stands in the way (holds, bindings, paper, time) is asked above, in `retention`, and
    the commit checks that it has not moved since.
    """
    if not command.actor.trusted:
        raise NotEntitledError(
            Text(
                zh="处置只能由经批准的处置清单执行,任何人不得直接销毁。",
                en="A record goes only by an approved disposal; nobody destroys it directly.",
            )
        )
    warrant = context.warrant
    if record.filing is None:
        raise DisposalError("UNFILED", Text(zh="记录尚未归档。", en="The record is not filed."))
    if warrant is None or warrant.id != command.warrant:
        raise _no_warrant()
    match warrant.kind.id, warrant.state:
        case "disposal", "executing":
            item, listed, approved = _by_list(command, record, warrant)
        case "restoration", "replaying":
            item, listed, approved = _by_replay(command, record, warrant)
        case _:
            raise _no_warrant()
    today = command.received_at.astimezone(context.zone).date()
    base_date = date.fromisoformat(record.filing.base_date)
    if not base_date <= item.last_day < today:
        raise DisposalError(
            "NOT_DUE",
            Text(
                zh=f"最后保管日 {item.last_day} 尚未过,或早于起算日 {base_date}。",
                en=f"Its last day {item.last_day} is not over, or before its base {base_date}.",
            ),
        )
    event = Disposed(
        **_header(record.kind, command, record.version + 1),
        refs=(
            Ref("disposal", warrant.id, listed.entry),
            *((Ref("transfer", item.transfer),) if item.transfer else ()),
        ),
        list=listed.list_hash,
        rule=RuleRef(item.rule, item.rule_version, item.rule_hash),
        last_day=item.last_day.isoformat(),
        approvals=approved,
    )
    return Decision(event, {warrant.id: warrant.version})


def _by_list(
    command: Dispose, record: Record, warrant: Record
) -> tuple[disposals.Item, disposals.Listing, tuple[str, ...]]:
    listed = disposals.listing(warrant)
    item = listed.items.get(command.item)
    if item is None or item.record != record.id or listed.medium != "electronic":
        raise _unlisted()
    said = disposals.outcome(warrant, item.item)
    if said is None or said.outcome != "destroy":
        raise DisposalError(
            "HELD" if said is not None and said.outcome == "hold" else "KEPT",
            Text(zh="审查结论不是销毁。", en="Its reviewer did not say that it may be destroyed."),
        )
    if (item.head, item.version) != (record.head, record.version):
        raise DisposalError(
            "CHANGED",
            Text(zh="列单后记录有新事件。", en="The record has changed since it was listed."),
        )
    approved = disposals.approvals(warrant)
    if {approval.step for approval in approved} != set(disposals.APPROVING):
        raise _no_warrant()
    people = [listed.listed_by, *(approval.person for approval in approved)]
    if len({*people}) != len(people):
        raise DisposalError(
            "SEPARATION",
            Text(zh="列单人与两名批准人须各为其人。", en="Lister and approvers are three people."),
        )
    return item, listed, tuple(approval.digest for approval in approved)


def _by_replay(
    command: Dispose, record: Record, warrant: Record
) -> tuple[disposals.Item, disposals.Listing, tuple[str, ...]]:
    """The backup may be older than the last events before the disposal, but not another history."""
    for listed in disposals.replays(warrant):
        item = listed.items.get(command.item)
        if item is None or item.record != record.id or listed.medium != "electronic":
            continue
        if record.version > item.version or (
            record.version == item.version and record.head != item.head
        ):
            raise DisposalError(
                "CHANGED",
                Text(
                    zh="恢复的记录与已处置的不是同一历史。",
                    en="The restored record is not the one that was disposed of.",
                ),
            )
        return item, listed, listed.approvals
    raise _unlisted()


def _unlisted() -> DisposalError:
    return DisposalError(
        "UNLISTED", Text(zh="清单中没有这条记录。", en="This list does not have this record.")
    )


def _no_warrant() -> DisposalError:
    return DisposalError(
        "NO_APPROVED_BATCH",
        Text(
            zh="没有经两级批准、正在执行的处置清单;请先列单、审查、批准。",
            en="No list with two approvals is being executed: list, review and approve first.",
        ),
    )
