"""Rules that data cannot say: pure, versioned functions that kinds name, in a closed registry.

A version, once a stored event rests on it, never changes: a new behaviour is a new version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from domain import disposals

if TYPE_CHECKING:
    from domain.context import Context
    from domain.events import Values
    from domain.record import Record

Rule = Callable[["Record | None", "Values", "Context | None"], bool]

_SATURDAY = 5
_DECEMBER = 12
_LONGEST_KEEP = 10
"""Years that a review may keep a record: who needs longer sets a rule."""


def seed_opens_commitment_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """The seed now revealed is the one whose hash was committed before the sample was drawn."""
    committed = record.answer("plan.seed_commitment") if record is not None else None
    seed = values.get("seed")
    return isinstance(seed, str) and hashlib.sha256(seed.encode()).hexdigest() == committed


def delegation_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Nobody delegates to themselves, and a span of time has a length.

    Instants are in their one text form, so their order is that of the text.
    """
    return bool(values["principal"] != values["delegate"] and values["since"] < values["until"])


def calendar_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Days of one year or the December before (a New Year's holiday may begin there)."""
    year = values.get("year") or (record.answer("publish.year") if record is not None else None)
    off = [date.fromisoformat(row["date"]) for row in values["holidays"]]
    worked = [date.fromisoformat(row["date"]) for row in values.get("workdays", ())]
    inside = all(
        day.year == year or (day.year + 1 == year and day.month == _DECEMBER)
        for day in (*off, *worked)
    )
    once = len({*off, *worked}) == len(off) + len(worked)
    return inside and once and all(day.weekday() >= _SATURDAY for day in worked)


def caller_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """A key belongs to a person or to a system, and to one of the two."""
    return ("person" in values) != ("system" in values)


def _later(record: Record | None, step: str, than: str) -> bool:
    """Whether a step was taken after another was last taken."""
    said = record.said(step) if record is not None else None
    before = record.said(than) if record is not None else None
    return said is not None and (before is None or said.version > before.version)


def legal_knows_the_plan_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Legal was told since the plan was last made: a new offer is news to them."""
    return _later(record, "inform-legal", than="analyse")


def documents_answered_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """FMEA and control plan were answered for the actions that were submitted last."""
    return _later(record, "update-documents", than="submit")


# ---------------------------------------------------------------- retention

_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PERIOD = re.compile(r"P(?=[0-9])([0-9]{1,3}Y)?([0-9]{1,4}M)?([0-9]{1,5}D)?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def retention_rule_is_sound_1(
    record: Record | None, values: Values, context: Context | None
) -> bool:
    """It has a name that may stand in a signed statement, a period that is one, and a span.

    A permanent rule has no period: the form does not ask for it.
    """
    named = record is not None or _RULE_ID.fullmatch(values["rule_id"]) is not None
    period = values.get("period")
    counted = period is None or (
        _PERIOD.fullmatch(period) is not None and any(digit in period for digit in "123456789")
    )
    ends = values.get("ends_on")
    return named and counted and (ends is None or values["effective_from"] < ends)


def hold_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """It names records, or says what it covers; ids are ids and days are days."""
    named, where = values.get("records", ()), values.get("where", ())
    ids = all(_ID.fullmatch(row["record"]) for row in named)
    days = [row["value"] for row in where if row["what"] in ("opened-from", "opened-until")]
    return bool(named or where) and ids and all(_is_day(day) for day in days)


def _is_day(said: str) -> bool:
    try:
        return date.fromisoformat(said).isoformat() == said
    except ValueError:
        return False


def disposal_list_is_sound_1(
    record: Record | None, values: Values, context: Context | None
) -> bool:
    """The hash is that of the rows; items are unique, hashes and ids are such, owners are known."""
    rows = values["items"]
    owners = {row["owner"] for row in rows if "owner" in row}
    return (
        _rows_are_sound(rows, copies=values["medium"] == "paper")
        and owners <= set(values["owners"])
        and values["list_hash"] == disposals.list_hash(rows)
    )


def _rows_are_sound(rows: Sequence[Values], *, copies: bool) -> bool:
    """Nothing stands twice, whether as an item or as what it is about."""
    about = [row.get("copy") if copies else row["record"] for row in rows]
    return (
        len({row["item"] for row in rows}) == len(rows)
        and len(set(about)) == len(rows)
        and all(isinstance(one, str) and _ID.fullmatch(one) for one in about)
        and all(_ID.fullmatch(row["record"]) for row in rows)
        and all(_HASH.fullmatch(row["head"]) and _HASH.fullmatch(row["rule_hash"]) for row in rows)
        and all(_RULE_ID.fullmatch(row["rule"]) for row in rows)
    )


def review_is_of_the_list_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Each row is about an item of the present list."""
    items = disposals.listing(record).items if record is not None else {}
    return all(row["item"] in items for row in values["items"])


def review_says_why_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """What is not to be destroyed has a reason, and what is kept has its day; nothing else has."""
    return all(
        (row["outcome"] == "destroy" or "reason" in row)
        and (row["outcome"] == "keep") == ("until" in row)
        for row in values["items"]
    )


def keeping_extends_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Beyond the item's last day and the day of its listing, and at most ten years from that."""
    if record is None or context is None:
        return False
    present = disposals.listing(record)
    listed = next(e for e in record.entries if e.version == present.version)
    today = listed.recorded_at.astimezone(context.zone).date()
    ten_years = f"{today.year + _LONGEST_KEEP}{today.isoformat()[4:]}"
    return all(
        max(present.items[row["item"]].last_day, today).isoformat() < row["until"] <= ten_years
        for row in values["items"]
        if row["item"] in present.items and "until" in row
    )


def disposal_reviewed_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Every item of the present list was reviewed by its own owner."""
    return record is not None and (
        disposals.listing(record).items.keys() <= disposals.outcomes(record).keys()
    )


def list_hash_is_shown_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Nobody approves a list that they have not seen."""
    return record is not None and values["list_hash"] == disposals.listing(record).list_hash


def paper_was_destroyed_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """There is something to witness."""
    return record is not None and record.said("destroy-paper") is not None


def correction_names_something_1(
    record: Record | None, values: Values, context: Context | None
) -> bool:
    """A record, and what of its marks, parts, customers or reviews was wrong."""
    named = any(values.get(field) for field in ("marks", "parts", "customers", "outcomes"))
    return named and _ID.fullmatch(values["record"]) is not None


def transfer_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Ids are ids, each once, and the hash is one."""
    ids = [row["record"] for row in values["items"]]
    return (
        len(set(ids)) == len(ids)
        and all(_ID.fullmatch(each) for each in ids)
        and _HASH.fullmatch(values["bundle_hash"]) is not None
    )


def replay_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Rows as a list has them (fewer, perhaps), and two approvals that were given before."""
    given = [row["digest"] for row in values["approvals"]]
    return (
        _rows_are_sound(values["items"], copies=values["medium"] == "paper")
        and all(_HASH.fullmatch(each) for each in (*given, values["list_hash"]))
        and len(set(given)) == len(given) > 1
    )


RULES: Mapping[str, Rule] = {
    "seed-opens-commitment@1": seed_opens_commitment_1,
    "delegation-is-sound@1": delegation_is_sound_1,
    "calendar-is-sound@1": calendar_is_sound_1,
    "caller-is-sound@1": caller_is_sound_1,
    "legal-knows-the-plan@1": legal_knows_the_plan_1,
    "documents-answered@1": documents_answered_1,
    "retention-rule-is-sound@1": retention_rule_is_sound_1,
    "hold-is-sound@1": hold_is_sound_1,
    "disposal-list-is-sound@1": disposal_list_is_sound_1,
    "review-is-of-the-list@1": review_is_of_the_list_1,
    "review-says-why@1": review_says_why_1,
    "keeping-extends@1": keeping_extends_1,
    "disposal-reviewed@1": disposal_reviewed_1,
    "list-hash-is-shown@1": list_hash_is_shown_1,
    "paper-was-destroyed@1": paper_was_destroyed_1,
    "correction-names-something@1": correction_names_something_1,
    "transfer-is-sound@1": transfer_is_sound_1,
    "replay-is-sound@1": replay_is_sound_1,
}
