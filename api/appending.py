"""A command comes in by HTTP: who asks, is it a retry, what happened; and the answer's body.

The same for every step and act: each route only says how its body becomes a command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from api.admission import Visit
from api.bodies import Said, moment, read_as
from api.problems import Problem, Refusal, problem_of
from archive.evidence.instant import time_text
from archive.keystore import KeyDestroyed
from archive.ledger import Asked, NoSuchRecordError, Outcome, Prepared, RecordDestroyedError, new_id
from archive.store import Committed, StoreError, VersionConflict
from domain.clocks import clocks
from domain.commands import Actor, AnyCommand, Correct, Open, Refuse, Sign, TakeStep
from domain.decide import allowed_steps, no_such_record
from domain.errors import DisposalError, DomainError, InvalidFormError
from domain.events import Attachment, Opened, StepTaken
from domain.forms import attachment_ids, model, named_records
from domain.kind import Form, text
from domain.kinds import find
from domain.record import Record

LONGEST_KEY = 255
MOST_FILES = 200
"""Named by one event: each is looked up, and the appends of others wait meanwhile."""


@dataclass(frozen=True, slots=True)
class Header:
    """The part of a command that does not depend on what it is about."""

    event_id: str
    record_id: str
    actor: Actor
    occurred_at: datetime
    received_at: datetime
    source: str | None
    source_id: str | None
    sent_at: datetime | None

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


Make = Callable[[Visit, Any, Header, Record | None], AnyCommand]


@dataclass(frozen=True, slots=True)
class Act:
    """What a route asks for. `kind` and `record` as the path names them; `word` for the scope."""

    model: type[Said]
    make: Make
    word: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the caller sent besides the body's matter."""

    value: Any
    raw: bytes
    key: str | None = None
    if_match: str | None = None
    sent_at: str | None = None
    validate: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    def content(self) -> bytes:
        return orjson.dumps(self.body)


@dataclass(frozen=True, slots=True)
class Pending:
    """A command that the door has let in, and that the ledger has not yet taken."""

    visit: Visit
    record: Record | None
    asked: Asked


def append(visit: Visit, act: Act, name: str | None, sent: Sent) -> Reply:
    """Take a command, or say what it would do. Raises Refusal, DomainError, StoreError ...

    Errors about a record that the caller may know of come with its head (`Behind`).
    """
    begun = begin(visit, act, name, sent)
    if isinstance(begun, Reply):
        return begun
    (outcome,) = visit.desk.archive.ledger.execute_many([begun.asked])
    return end(begun, outcome)


def begin(visit: Visit, act: Act, name: str | None, sent: Sent) -> Pending | Reply:
    """What comes before the ledger: who asks, what for, is it the same as before."""
    record = None if name is None else visit.reach(name, act.kind)
    check_reach(visit, act, record)
    said = read_as(act.model, sent.value)
    header = header_of(visit, said, record, sent)
    expected = expected_version(sent.if_match)
    try:
        command = act.make(visit, said, header, record)
        check_command(visit, command, record)
        if sent.validate:
            return _foreseen(visit, visit.desk.archive.ledger.prepare(command, expected=expected))
    except (DomainError, StoreError) as error:
        raise Behind(said_of(error), record, visit) from error
    return Pending(visit, record, _asked(visit, command, expected, sent))


def end(pending: Pending, outcome: Outcome | Exception) -> Reply:
    """The answer to what the ledger said."""
    visit, asked = pending.visit, pending.asked
    if isinstance(outcome, DomainError | StoreError):
        raise Behind(said_of(outcome), pending.record, visit) from outcome
    if isinstance(outcome, Exception):
        raise outcome
    if outcome.committed.replayed and asked.source is not None:
        _check_same(visit, asked.command, outcome.committed)
    return reply(visit, outcome)


def said_of(error: DomainError | StoreError) -> DomainError | StoreError:
    """To append where the content is gone is refused by the rules, also in the moment it goes."""
    if isinstance(error, RecordDestroyedError | KeyDestroyed):
        return DisposalError(
            "DISPOSED",
            text(
                "记录已处置,不再有任何变更;请新建记录并引用其编号。",
                "The record was disposed of, and nothing follows: open a new one that names it.",
            ),
        )
    return error


def check_reach(visit: Visit, act: Act, record: Record | None) -> None:
    """Whether the caller's key reaches this kind and this step, word or deed."""
    kind = act.kind if record is None else record.kind.id
    if kind is None:
        raise AssertionError("an opening route names its kind")
    visit.guest.check_step(kind, act.word)


class Behind(Exception):
    """A refusal, with the head of the record as the caller would read it now."""

    def __init__(self, error: Exception, record: Record | None, visit: Visit) -> None:
        super().__init__(type(error).__name__)
        self.error, self.record, self.visit = error, record, visit

    def problem(self) -> Problem:
        return problem_of(self.error, self._head())

    def _head(self) -> dict[str, Any]:
        if self.record is None or not isinstance(self.error, DomainError | VersionConflict):
            return {}
        try:
            now = self.visit.desk.archive.ledger.get(self.record.id)
        except StoreError:
            return {}
        head = {"version": now.version, "etag": etag(now.version), "state": now.state}
        return {"head": head, "allowed": list(allowed_steps(now))}


def header_of(visit: Visit, said: Said, record: Record | None, sent: Sent) -> Header:
    guest = visit.guest
    check_source(visit, said.source)
    source = said.source or (guest.caller.system if guest.person is None else None)
    if said.source_id is not None and source is None:
        message = text("给出 source_id 时须给出 source", "source_id needs a source")
        raise Refusal("invalid-request", None, (("source", message),))
    return Header(
        event_id=new_id(),
        record_id=_new_record(visit, sent) if record is None else record.id,
        actor=guest.actor(said.behalf),
        occurred_at=said.occurred_at or visit.now,
        received_at=visit.now,
        source=source,
        source_id=said.source_id,
        sent_at=None if sent.sent_at is None else moment(sent.sent_at, "X-Sent-At"),
    )


def check_source(visit: Visit, source: str | None) -> None:
    """The name of a registered system is that system's: nobody else's events lie in its days."""
    callers = visit.desk.archive.organisation.registry.callers.values()
    if source is None or source == visit.guest.caller.system:
        return
    if any(caller.system == source for caller in callers):
        message = text("此来源系统有自己的密钥", "that system has a key of its own")
        raise Refusal("not-entitled", message, (("source", message),))


def _new_record(visit: Visit, sent: Sent) -> str:
    """An id whose key was made ahead; a command that is only tried takes none."""
    return new_id() if sent.validate else visit.desk.archive.keys.new_record()[0]


def expected_version(if_match: str | None) -> int | None:
    """The version of an If-Match header: one strong tag, or `*` for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip()
    digits = tag[1:-1]
    if len(tag) < 3 or tag[0] != '"' or tag[-1] != '"' or not digits.isascii():
        raise _bad_tag()
    if not digits.isdigit() or len(digits) > 9:
        raise _bad_tag()
    return int(digits)


def _bad_tag() -> Refusal:
    message = text('应为一个 ETag,如 "3"', 'one ETag as you were given it, such as "3"')
    return Refusal("invalid-request", None, (("If-Match", message),))


def check_command(visit: Visit, command: AnyCommand, record: Record | None) -> None:
    """What a command says, against what its caller may reach."""
    _check_departments(visit, command)
    _check_signoff(visit, command, record)
    _check_named(visit, command, record)


def _check_signoff(visit: Visit, command: AnyCommand, record: Record | None) -> None:
    """A signature is made with a key that only the person can use, where the settings ask for it,
    and by whoever has such a key."""
    desk, person = visit.desk, visit.guest.person
    if person is None or command.actor.assurance not in ("session", "api-key"):
        return
    if not _is_signature(command, record):
        return
    if desk.settings.signoff == "personal" or desk.signoff.valid(person.id):
        raise Refusal("signoff-required")


def _is_signature(command: AnyCommand, record: Record | None) -> bool:
    if isinstance(command, TakeStep) and record is not None:
        step = record.kind.step(command.step)
        return step is not None and step.signoff is not None
    return isinstance(command, Sign | Refuse)


def _check_named(visit: Visit, command: AnyCommand, record: Record | None) -> None:
    """An answer cannot name a record that the caller may not know of, as if it did not exist."""
    if not isinstance(command, Open | TakeStep | Correct):
        return
    faults = [
        no_such_record(field)
        for field, named in named_records(_form_of(command, record), command.values)
        if not _is_known(visit, named)
    ]
    if faults:
        raise InvalidFormError(tuple(faults))


def _form_of(command: Open | TakeStep | Correct, record: Record | None) -> Form:
    kind = find(command.kind) if isinstance(command, Open) else record.kind if record else None
    name = None
    if isinstance(command, Correct):
        entries = record.entries if record is not None else ()
        name = next((e.step for e in entries if e.version == command.target), None)
    else:
        name = command.step
    step = kind.step(name) if kind is not None and name is not None else None
    return step.form if step is not None else Form()


def _is_known(visit: Visit, named: str) -> bool:
    """Whether the caller may know of such a record; its kind is the rules' affair."""
    try:
        return visit.guest.may_reach(visit.desk.archive.ledger.get(named), visit.desk)
    except NoSuchRecordError:
        return False


def _check_departments(visit: Visit, command: AnyCommand) -> None:
    """A key that is bound to departments opens records only there."""
    scope = visit.guest.caller.departments
    if not scope or not isinstance(command, Open):
        return
    kind = find(command.kind)
    step = kind.step(command.step)
    named = {
        one
        for field in (step.form.fields if step else ())
        if field.type in ("department", "departments")
        for one in _listed(command.values.get(field.id))
    }
    if visit.guest.person is not None and visit.guest.person.department is not None:
        named.add(visit.guest.person.department)
    if not named & scope:
        raise Refusal(
            "not-entitled",
            text(
                "此密钥只能在其部门内开启记录。", "This key opens records in its departments only."
            ),
        )


def _listed(said: Any) -> Sequence[str]:
    if isinstance(said, list):
        return [one for one in said if isinstance(one, str)]
    return [said] if isinstance(said, str) else []


# ---------------------------------------------------------------- retries


def _asked(visit: Visit, command: AnyCommand, expected: int | None, sent: Sent) -> Asked:
    caller = visit.guest.id
    idempotency, source = None, None
    if sent.key is not None:
        body = sent.raw + b"\n" + visit.route.encode()
        idempotency = visit.desk.windows.asked(visit.now, caller, check_key(sent.key), body)
    if command.source is not None and command.source_id is not None:
        source = visit.desk.windows.source(caller, command.source, command.source_id)
    return Asked(command, expected, idempotency, source)


def check_key(key: str) -> str:
    """An Idempotency-Key: visible ASCII; the quotes of a structured string belong to it."""
    if not 0 < len(key) <= LONGEST_KEY or not all("!" <= c <= "~" for c in key):
        message = text("1 至 255 个可见 ASCII 字符", "1 to 255 visible ASCII characters")
        raise Refusal("invalid-request", None, (("Idempotency-Key", message),))
    return key


def _check_same(visit: Visit, command: AnyCommand, first: Committed) -> None:
    """A source id names one thing: the same id with other answers is no retry."""
    if not isinstance(command, Open | TakeStep):
        return
    ledger = visit.desk.archive.ledger
    (recorded,) = ledger.history(first.record_id, after=first.version - 1, upto=first.version)
    event = recorded.event
    same = isinstance(event, Opened | StepTaken) and event.step == command.step
    if same and event.readable and isinstance(event, Opened | StepTaken):
        form = _form(event.kind, event.kind_version, command.step)
        same = _plain(event.values, form) == _plain(command.values, form)
    if not same:
        raise Refusal("source-id-reused")


def _form(kind: str, version: int, step: str) -> Form:
    found = find(kind, version).step(step)
    return found.form if found else Form()


def _plain(values: Mapping[str, Any], form: Form) -> Any:
    """The answers as they are kept, so that 12.50 and "12.50", or two spellings of an instant, do
    not differ. What the form refuses differs from everything."""
    parsed = model("retry", form).model_validate(dict(values))
    return parsed.model_dump(exclude_none=True)


# ---------------------------------------------------------------- attachments


def files(visit: Visit, form: Form, values: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The files that the answers name, uploaded by this caller or readable to it."""
    named = dict.fromkeys(attachment_ids(form, values))
    if len(named) > MOST_FILES:
        message = text(f"一次最多 {MOST_FILES} 个附件", f"at most {MOST_FILES} files at once")
        raise Refusal("invalid-request", message, (("answers", message),))
    found = (file(visit, each) for each in named)
    return tuple(each for each in found if each is not None)


def file(visit: Visit, attachment_id: str) -> Attachment | None:
    if len(attachment_id) != 32 or not set(attachment_id) <= set("0123456789abcdef"):
        return None
    archive = visit.desk.archive
    staged = archive.attachments.staged(attachment_id)
    if staged is not None:
        return staged.file if staged.owner == visit.guest.id else None
    for holder in archive.store.holders(attachment_id):
        record = archive.ledger.get(holder)
        if visit.guest.may_see(record, visit.desk) or record.opened_by == visit.guest.id:
            for recorded in archive.ledger.history(holder):
                for each in recorded.event.attachments:
                    if each.id == attachment_id:
                        return each
    return None


# ---------------------------------------------------------------- answers


def etag(version: int) -> str:
    return f'"{version}"'


def reply(visit: Visit, outcome: Outcome) -> Reply:
    """The receipt, and where the record stood after this event: the same again for a retry."""
    placed = outcome.committed
    ledger = visit.desk.archive.ledger
    record = outcome.record or ledger.get(placed.record_id, version=placed.version)
    state = record.kind.state(record.state)
    body = {
        "event": placed.event_id,
        "record": placed.record_id,
        "number": record.number,
        "kind": record.kind.id,
        "version": placed.version,
        "leaf_index": placed.leaf_index,
        "leaf_hash": placed.leaf_hash.hex(),
        "recorded_at": time_text(placed.recorded_at),
        "receipt": placed.receipt.decode(),
        "state": {"id": record.state, "title": state.title.model_dump() if state else None},
        "edition": record.edition,
        "allowed": list(allowed_steps(record)),
    }
    headers = {"ETag": etag(placed.version), "Location": f"/v1/records/{placed.record_id}"}
    if placed.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Reply(201, body, headers)


def _foreseen(visit: Visit, prepared: Prepared) -> Reply:
    event, after = prepared.decision.event, prepared.after
    context = visit.desk.archive.organisation.context()
    people = context.directory.people
    recipients = event.recipients if isinstance(event, Opened | StepTaken) else ()
    signers = event.signers if isinstance(event, Opened | StepTaken) else {}

    def named(ids: Sequence[str]) -> list[dict[str, str]]:
        return [{"id": i, "name": people[i].name if i in people else i} for i in ids]

    state = after.kind.state(after.state)
    body = {
        "valid": True,
        "type": event.TOPIC,
        "kind": after.kind.id,
        "step": event.step,
        "version": event.version,
        "state": {"id": after.state, "title": state.title.model_dump() if state else None},
        "edition": after.edition,
        "recipients": named(recipients),
        "signers": {slot: named(ids) for slot, ids in signers.items()},
        "clocks": [
            {
                "deadline": clock.deadline,
                "item": clock.item,
                "state": clock.state,
                "due_at": time_text(clock.due_at),
                "provisional": clock.provisional,
            }
            for clock in clocks(after, context.calendar, context.zone, visit.now)
        ],
        "allowed": list(allowed_steps(after)),
    }
    return Reply(200, body, {"Preference-Applied": "validate"})
