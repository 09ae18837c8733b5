"""The vocabulary in which a kind of record is written: data only, no behaviour.

A kind says its forms, steps, signatures, deadlines, distribution, links, filing and access.
`decide` and `evolve` read it; routes, pages, OpenAPI and tests are made from it.
Sources are seed rows (SEEDS.md) and clauses; the mark says who asked for a thing:
S stated in a seed, C asked for by the owner, P our proposal.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Constraint

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
"""A coarse word that may stand in a signed statement: no names, no content."""

Mark = Literal["S", "C", "P"]
Path = str
"""`field` of the form at hand, or `step.field` of what a step last said."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Data):
    """What people read, in Chinese and English."""

    zh: str
    en: str


def text(zh: str, en: str) -> Text:
    """A title in few characters: kinds are mostly titles."""
    return Text(zh=zh, en=en)


# ---------------------------------------------------------------- who


class Anyone(_Data):
    """Every person of the directory, and every system entitled to the step."""

    who: Literal["anyone"] = "anyone"


class Author(_Data):
    """Who opened the record."""

    who: Literal["author"] = "author"


class Role(_Data):
    """Whoever holds a role: `gm`, `mr` (管理者代表), `supervisor`, `executive`, ..."""

    who: Literal["role"] = "role"
    role: Word


class Office(_Data):
    """Members of the department with a function: `adm` 行政部, `cs` 客服部, `qc`, `eng` ..."""

    who: Literal["office"] = "office"
    function: Word


class Members(_Data):
    """Members of the departments that a field names (default: the record's department)."""

    who: Literal["members"] = "members"
    of: Path | None = None


class Heads(_Data):
    """Heads of the departments that a field names (default: the record's department).

    Where the field names people: the heads of their departments, their direct superiors (P12).
    """

    who: Literal["heads"] = "heads"
    of: Path | None = None


class Named(_Data):
    """The person or people that a field names; inside an item's step, a field of the item."""

    who: Literal["named"] = "named"
    by: Path


class Taker(_Data):
    """Who took a step: for separation of duties (verifier is not implementer)."""

    who: Literal["taker"] = "taker"
    step: Word


class Systems(_Data):
    """Other systems (ERP, MES, CRM) whose key is scoped to the step."""

    who: Literal["systems"] = "systems"


Who = Annotated[
    Anyone | Author | Role | Office | Members | Heads | Named | Taker | Systems,
    Constraint(discriminator="who"),
]

# ---------------------------------------------------------------- conditions

Scalar = str | int | bool


class Is(_Data):
    """A field has one of these values (a list field: contains one of them)."""

    test: Literal["is"] = "is"
    field: Path
    values: tuple[Scalar, ...]


class Present(_Data):
    """A field was answered."""

    test: Literal["present"] = "present"
    field: Path


class Taken(_Data):
    """A step was taken, since the last reopening where `lately` is set."""

    test: Literal["taken"] = "taken"
    step: Word
    lately: bool = True


class Items(_Data):
    """Every (or some) item of a collection is in one of these states; no items count as every."""

    test: Literal["items"] = "items"
    collection: Word
    states: tuple[Word, ...]
    every: bool = True


class Linked(_Data):
    """At least so many linked records, and none of them outside these states (none: any state).

    Only guards may ask this: states come with the context, and the commit checks their versions.
    """

    test: Literal["linked"] = "linked"
    rel: Word
    incoming: bool = False
    kind: Word | None = None
    states: tuple[Word, ...] = ()
    at_least: int = 1
    every: bool = True
    filed: bool = False
    """Counts as in its state only once it is filed."""


class SignedOff(_Data):
    """Every signer of a slot has signed the present edition, or dissented where the slot allows."""

    test: Literal["signed-off"] = "signed-off"
    slot: Word


class Received(_Data):
    """Everybody to whom a step last distributed something has acknowledged it (T13, P38: production
    is told before a change)."""

    test: Literal["received"] = "received"
    step: Word


class Holds(_Data):
    """A named, pure, versioned function of `domain.rules`, for what data cannot say."""

    test: Literal["holds"] = "holds"
    rule: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*@[0-9]+$")]


class Not(_Data):
    test: Literal["not"] = "not"
    of: Condition


class AllOf(_Data):
    test: Literal["all"] = "all"
    of: tuple[Condition, ...]


class AnyOf(_Data):
    test: Literal["any"] = "any"
    of: tuple[Condition, ...]


Condition = Annotated[
    Is | Present | Taken | Items | Linked | SignedOff | Received | Holds | Not | AllOf | AnyOf,
    Constraint(discriminator="test"),
]

# ---------------------------------------------------------------- forms

FieldType = Literal[
    "text", "integer", "decimal", "boolean", "date", "instant", "choice", "choices",
    "person", "people", "department", "departments", "record", "attachments", "rows",
]  # fmt: skip
Reference = Literal["customer", "part", "batch", "project", "order", "document", "case"]


class Option(_Data):
    id: str
    title: Text


class Field(_Data):
    """One question of a form.

    `required` with `when`: asked, and required, only where the condition holds. `minimum` and
    `maximum` bound a number's value, a text's length in characters, or a list's count.
    `reference` makes the answer a business reference by which records are found.
    `collection` makes each row a keyed child with an owner, a due date and states of its own.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    title: Text
    type: FieldType = "text"
    required: bool = True
    when: Condition | None = None
    options: tuple[Option, ...] = ()
    rows: tuple[Field, ...] = ()
    collection: Word | None = None
    minimum: int | None = None
    maximum: int | None = None
    reference: Reference | None = None
    kinds: tuple[Word, ...] = ()
    personal: bool = False
    mark: Mark = "S"
    source: str = ""
    help: Text | None = None


NAMING: frozenset[FieldType] = frozenset(
    ("person", "people", "department", "departments", "record", "attachments", "rows")
)


class Form(_Data):
    fields: tuple[Field, ...] = ()

    def __hash__(self) -> int:
        """Shallow: a form is looked up in caches for every command, and is a deep tree."""
        return hash(tuple(f.id for f in self.fields))

    @cached_property
    def naming(self) -> tuple[Field, ...]:
        """The few fields whose answers name people, departments, records or files, and rows."""
        return tuple(f for f in self.fields if f.type in NAMING)


# ---------------------------------------------------------------- steps and states


class State(_Data):
    id: Word
    title: Text
    final: bool = False
    """Nothing is due any more; filing may follow."""


class Branch(_Data):
    """Where a step leads when its own answers meet a condition; the last one may have none."""

    to: Word
    when: Condition | None = None


class Guard(_Data):
    """What must hold before a step, and what to tell whoever tries too early."""

    needs: Condition
    message: Text


class Distribution(_Data):
    """To whom a step's outcome goes; each edition is acknowledged by each person."""

    to: tuple[Who, ...]
    acknowledge: bool = False


Meaning = Literal[
    "wrote", "attended", "agrees", "approves", "verified", "witnessed", "accepts", "confirms"
]


Attested = Literal[
    "rule-set", "hold-placed", "hold-released", "disposal-listed", "disposal-approved"
]


class Step(_Data):
    """One act that a person or system takes.

    `start` are the states in which it may be taken (of the item, where `item` names a collection);
    in the states `late` it may still be entered afterwards, and then moves nothing.
    An opening step has no `start`. `to`: one state, branches, or None to stay.
    `signoff`: taking the step is itself a signature with this meaning.
    `attests`: the signed statement says so in its type, with facts that outlive the content.
    """

    id: Word
    title: Text
    form: Form = Form()
    by: tuple[Who, ...]
    not_by: tuple[Who, ...] = ()
    opens: bool = False
    start: tuple[Word, ...] = ()
    late: tuple[Word, ...] = ()
    to: Word | tuple[Branch, ...] | None = None
    item: Word | None = None
    adds_item: Word | None = None
    """The form's answers become a new item of this collection."""
    guards: tuple[Guard, ...] = ()
    distribute: Distribution | None = None
    signoff: Meaning | None = None
    attests: Attested | None = None
    new_edition: bool = False
    """What signers see changes: earlier signatures stay visible, but cover an earlier edition."""
    mark: Mark = "S"
    source: str = ""
    help: Text | None = None


class Collection(_Data):
    """Keyed children of a record: action items, milestones, commitments, defects."""

    id: Word
    title: Text
    states: tuple[State, ...]
    initial: Word
    label: str
    """The field that names an item."""
    owner: str | None = None
    """The field with the person or department that owns an item."""
    due: str | None = None
    """The date field until which an item is due (24:00 site time)."""


class Slot(_Data):
    """A signature that is asked for: its signers are frozen, by name, when a step is taken.

    `on_refusal`: `blocks` (stays unsigned until the refuser signs), `returns` (the record goes back
    to `returns_to` and a new edition is needed) or `dissents` (recorded; counts as answered).
    `on_correction`: a correction after signing voids `all` signatures of the slot, those whose
    `covers` name the corrected step (`touched`), or `none`.
    """

    id: Word
    title: Text
    meaning: Meaning
    signers: tuple[Who, ...]
    every: bool = True
    """Each frozen signer signs; otherwise one of them is enough."""
    opened_by: Word
    covers: tuple[Word, ...] = ()
    delegable: bool = True
    on_refusal: Literal["blocks", "returns", "dissents"] = "blocks"
    returns_to: Word | None = None
    on_correction: Literal["all", "touched", "none"] = "all"
    completes: Word | None = None
    """The state in which the record is once every slot opened by the same step is signed off."""
    asks: Word | None = None
    """The state in which the record is while nobody has signed: a correction leads back to it."""
    partly: Word | None = None
    """The state in which the record is while some have signed and some have not."""
    mark: Mark = "S"
    source: str = ""


# ---------------------------------------------------------------- clocks


class Hours(_Data):
    """Clock hours, round the clock (SEEDS.md 9.4)."""

    unit: Literal["hours"] = "hours"
    n: int


class WorkingDays(_Data):
    """Until 24:00 of the n-th official Chinese working day after the start (RETENTION.md E)."""

    unit: Literal["working-days"] = "working-days"
    n: int


class CalendarDays(_Data):
    """Until 24:00 of the n-th day after the start's date; a negative n lies before it."""

    unit: Literal["days"] = "days"
    n: int


class Until(_Data):
    """Until 24:00 of the start's own date, or the start's own instant."""

    unit: Literal["until"] = "until"


Limit = Annotated[Hours | WorkingDays | CalendarDays | Until, Constraint(discriminator="unit")]


class Deadline(_Data):
    """A clock: starts with a step (or a field that it filled), and stops with one of others.

    Taken again, the step starts the clock anew. `field` counts from a date or instant that the
    step (or the item) names. `level` places it on the escalation ladder. `advisory`: shown, but
    never counted late by itself (the advance notice of a delay that may not come).
    """

    id: Word
    title: Text
    starts: Word
    field: Path | None = None
    when: Condition | None = None
    limit: Limit
    stops: tuple[Word, ...]
    item: Word | None = None
    owner: tuple[Who, ...] = ()
    level: int | None = None
    advisory: bool = False
    mark: Mark = "S"
    source: str = ""


class PauseReason(_Data):
    """Why clocks may stand still, and which: others go on."""

    id: Word
    title: Text
    clocks: tuple[Word, ...]
    by: tuple[Who, ...]
    mark: Mark = "P"


# ---------------------------------------------------------------- the whole


class LinkRule(_Data):
    """`binding` links keep records together until all may go (RETENTION.md 4)."""

    rel: Word
    title: Text
    kinds: tuple[Word, ...] = ()
    binding: bool = False


class Filing(_Data):
    """归档: who files, in which states, and within how many days it should be done."""

    states: tuple[Word, ...]
    by: tuple[Who, ...]
    within_days: int = 30
    keeper: Word = "adm"
    guards: tuple[Guard, ...] = ()


class Reopening(_Data):
    """A filed record, or one in these states, is opened again; without `to` its state stays."""

    states: tuple[Word, ...] = ()
    to: Word | None = None
    by: tuple[Who, ...]


class Correcting(_Data):
    by: tuple[Who, ...]
    locked: tuple[Word, ...] = ()
    """States in which the record must be reopened first."""


RetentionClass = Literal["dossier", "communication", "product", "audit", "personnel", "permanent"]


class Kind(_Data):
    """One kind of record, in one version. Stored records pin the version they were opened with."""

    id: Word
    version: int
    title: Text
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}$")]
    seeds: tuple[str, ...]
    clauses: tuple[str, ...]
    retention: RetentionClass
    subject: tuple[Path, ...]
    """The fields that make the record's one-line subject."""
    department: Path | None = None
    """The field that says to which department the record belongs; else the opener's own."""
    confidential: bool = False
    entitled: tuple[Who, ...] = ()
    """Who else may read a confidential record, besides those who act in it."""
    confidential_when: Condition | None = None
    """Where only some records of the kind are confidential (a supplier meeting among minutes)."""
    anonymous: bool = False
    """Opened without an author: no actor, no system name, claimed time rounded to the day."""
    internal: bool = False
    """Data of the archive itself (people, departments, calendars), not a communication record."""
    states: tuple[State, ...]
    steps: tuple[Step, ...]
    collections: tuple[Collection, ...] = ()
    slots: tuple[Slot, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    pauses: tuple[PauseReason, ...] = ()
    links: tuple[LinkRule, ...] = ()
    filing: Filing | None = None
    reopening: Reopening | None = None
    correcting: Correcting = Correcting(by=(Author(), Heads()))

    @cached_property
    def offices(self) -> tuple[Who, ...]:
        """To whom the kind gives something to do by office or role, whatever their department."""
        acts = [w for step in self.steps for w in step.by]
        acts += self.filing.by if self.filing else ()
        acts += self.reopening.by if self.reopening else ()
        return tuple(dict.fromkeys(w for w in acts if isinstance(w, Office | Role)))

    @cached_property
    def moving(self) -> frozenset[str]:
        """The steps that move the record itself to another state."""
        return frozenset(s.id for s in self.steps if s.to is not None and s.item is None)

    @cached_property
    def steps_by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.steps}

    @cached_property
    def states_by_id(self) -> dict[str, State]:
        return {state.id: state for state in self.states}

    def step(self, step_id: str) -> Step | None:
        return self.steps_by_id.get(step_id)

    def slot(self, slot_id: str) -> Slot | None:
        return next((s for s in self.slots if s.id == slot_id), None)

    def collection(self, collection_id: str) -> Collection | None:
        return next((c for c in self.collections if c.id == collection_id), None)

    def state(self, state_id: str) -> State | None:
        return self.states_by_id.get(state_id)


for _model in (Not, AllOf, AnyOf, Field, Form, Branch, Guard, Step, Deadline, Kind):
    _model.model_rebuild()
