"""Search: every record's text, found by any part of it, on both stores alike.

Texts are folded (`archive.folding`) and cut into pieces: each character and each two neighbours
that no space parts. A full-text index keeps which record has which piece, and in the same index
who may find it and by which filters. The pieces of the query give candidates, newest first; a
substring check on the folded text decides. So nothing is missed, nothing wrong is shown, and the
first page of a common word does not read all its candidates.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import add
from typing import Any

from archive.folding import clean, fold, fold_version, is_even, offsets
from archive.views.database import SQLITE, Dialect, RecordChange, ViewDatabase, ViewNotReady

SNIPPET = 80
"""Folded characters of a snippet, a quarter of them before the first match."""
LONGEST_QUERY = 1000
MOST_PIECES = 32
"""Of a long query; the substring check sees all of it."""
PROBED = 192
"""Newest records that PostgreSQL reads before it asks its index (see `_NEWEST`)."""
MOST_PROBED = 6000
_BATCH = 500


class SearchError(Exception):
    """A question that cannot be answered; the message says how to ask."""


class EmptyQuery(SearchError):
    def __init__(self) -> None:
        super().__init__("nothing to search for: type at least one visible character")


class QueryTooLong(SearchError):
    def __init__(self) -> None:
        super().__init__(f"search for at most {LONGEST_QUERY} characters")


class BadCursor(SearchError):
    def __init__(self) -> None:
        super().__init__("this is no cursor of a search: start again from the first page")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What of a record can be found, and by whom.

    `leaf_index` orders the results, newest first, and is the record's alone: its opening leaf,
    so that pages stay as they are while records move on. A record is found by those who hold one
    of the words of `audience`, whatever words the caller chooses.
    """

    record_id: str
    text: str
    kind: str
    recorded_at: str
    leaf_index: int
    departments: frozenset[str]
    audience: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the caller may find (`audience`: None = everything), and what they want to."""

    audience: frozenset[str] | None
    kinds: frozenset[str] | None = None
    departments: frozenset[str] | None = None


@dataclass(slots=True)  # frozen, it would take thrice as long to make
class Hit:
    """`highlights` are the (start, end) of what matched, in `snippet`."""

    record_id: str
    kind: str
    recorded_at: str
    leaf_index: int
    snippet: str
    highlights: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """`cursor` asks for the next page; None where there is none."""

    hits: tuple[Hit, ...]
    cursor: str | None


class SearchView:
    """The index of searchable texts. `document` says what can be found of a changed record."""

    name = "search"

    def __init__(
        self, database: ViewDatabase, document: Callable[[RecordChange], Document | None]
    ) -> None:
        self._database, self._document = database, document

    @property
    def version(self) -> str:
        return f"3-{fold_version()}"

    def tables(self, dialect: Dialect) -> Sequence[str]:
        return _SQLITE_TABLES if dialect is SQLITE else _POSTGRES_TABLES

    # ---- projection

    def project(self, changes: Sequence[RecordChange]) -> None:
        latest = {change.record_id: change for change in changes}
        documents = {key: self._document(change) for key, change in latest.items()}
        self.delete([r for r, document in documents.items() if document is None])
        self.index(d for d in documents.values() if d is not None)

    def index(self, documents: Iterable[Document]) -> None:
        """Replace the records' texts, in the open transaction."""
        loading = self._database.loading(self.name)
        rows = iter(documents)
        while batch := {d.record_id: d for d in islice(rows, _BATCH)}:
            entries = [_entry(d) for d in batch.values()]
            if self._database.dialect is not SQLITE:
                self._database.executemany(_UPSERT_POSTGRES, map(_with_arrays, entries))
            elif loading:
                self._database.executemany(_UPSERT_SQLITE, entries)
            else:
                self._replace(entries)

    def _replace(self, entries: Sequence[_Entry]) -> None:
        """SQLite, after the load: only texts that changed are cut and indexed again."""
        marks = ", ".join("?" * len(entries))
        known = {
            row[0]: row[1:]
            for row in self._database.query(
                "SELECT record_id, position, folded, tags FROM search_documents"
                f" WHERE record_id IN ({marks})",
                [e[1] for e in entries],
            )
        }
        changed = [e for e in entries if known.get(e[1]) != (e[0], e[6], e[7])]
        old = [known[e[1]] for e in changed if e[1] in known]
        self._database.executemany(_FORGET_PIECES, ((p, _words(f, t)) for p, f, t in old))
        self._database.executemany(_UPSERT_SQLITE, entries)
        self._database.executemany(_ADD_PIECES, ((e[0], _words(e[6], e[7])) for e in changed))

    def delete(self, record_ids: Sequence[str]) -> None:
        """Forget the texts of these records, in the open transaction.

        Their bytes are gone from the files after `optimise` and `ViewDatabase.clean`.
        """
        if self._database.dialect is SQLITE and not self._database.loading(self.name):
            for at in range(0, len(record_ids), _BATCH):
                part = record_ids[at : at + _BATCH]
                marks = ", ".join("?" * len(part))
                known = self._database.query(
                    "SELECT position, folded, tags FROM search_documents"
                    f" WHERE record_id IN ({marks})",
                    part,
                )
                self._database.executemany(_FORGET_PIECES, ((p, _words(f, t)) for p, f, t in known))
        self._database.forget("search_documents", record_ids)

    purge = delete

    def optimise(self) -> None:
        """Merge the index, in the open transaction: pieces of no record any more go.

        On PostgreSQL `ViewDatabase.clean` does that.
        """
        if self._database.dialect is SQLITE:
            self._database.execute(_COMMAND, ("optimize",))

    def finish_load(self) -> None:
        if self._database.dialect is not SQLITE:
            self._database.execute("SET LOCAL maintenance_work_mem = '256MB'")
            self._database.execute(_POSTGRES_INDEX)
            return
        rows = self._database.stream(
            "SELECT position, folded, tags FROM search_documents ORDER BY position"
        )
        self._database.execute(_SETTING, ("hashsize", 32 << 20))
        self._database.executemany(_ADD_PIECES, ((p, _words(f, t)) for p, f, t in rows))
        self._database.execute(_SETTING, ("hashsize", 1 << 20))
        self.optimise()

    # ---- queries

    def search(self, query: str, scope: Scope, limit: int = 20, cursor: str | None = None) -> Page:
        """Records whose text has every word of the query; "in quotes" spaces belong to the word.

        Raises EmptyQuery, QueryTooLong, BadCursor, and ViewNotReady during the first load.
        """
        terms = _terms(query)
        before = _position(cursor)
        wanted = (scope.audience, scope.kinds, scope.departments)
        groups = [_tagged(t, w) for t, w in zip(_TAGS, wanted, strict=True) if w is not None]
        rows: list[Any] = []
        if all(groups):
            ask = self._ask_sqlite if self._database.dialect is SQLITE else self._ask_postgres
            rows = ask(terms, groups, before, limit + 1)
            if not rows and self._database.loading(self.name):
                raise ViewNotReady(self.name)
        hits = tuple([_hit(row, terms) for row in rows[:limit]])
        return Page(hits, str(hits[-1].leaf_index) if len(rows) > limit else None)

    def _ask_sqlite(
        self, terms: Sequence[str], groups: Sequence[Sequence[str]], before: int, most: int
    ) -> list[Any]:
        pieces = _query_pieces(terms)
        match = " AND ".join(
            [f'"{piece}"' for piece in pieces]
            + ["(" + " OR ".join(f'"{tag}"' for tag in group) + ")" for group in groups]
        )
        checked = [term for term in terms if term not in pieces or _AMBIGUOUS in term]
        check = " AND instr(d.folded, ?) > 0" * len(checked)
        return self._database.query(
            f"{_SQLITE}{check} ORDER BY p.rowid DESC LIMIT ?", (match, before, *checked, most)
        )

    def _ask_postgres(
        self, terms: Sequence[str], groups: Sequence[Sequence[str]], before: int, most: int
    ) -> list[Any]:
        """The newest records; more of them if that is promising; then all, by the index."""
        check = " AND strpos(folded, ?) > 0" * len(terms) + " AND tags && ?" * len(groups)
        checked = (*terms, *(_array(group) for group in groups))
        newest, indexed = (s.replace("{check}", check) for s in (_NEWEST, _INDEXED))
        ask = self._database.query_as_written
        rows = ask(newest, (before, PROBED, *checked, most))
        if 1 < len(rows) < most:
            window = min(MOST_PROBED, 2 * PROBED * most // len(rows))
            rows = ask(newest, (before, window, *checked, most))
        if len(rows) < most:
            rows = ask(indexed, (_array(_query_pieces(terms)), *checked, before, most))
        return rows


_Entry = tuple[int, str, str, str, int, str, str, str]
"""A row of `search_documents`. `even`: 1 if the original folded character by character."""

_COLUMNS = """(
    position INTEGER PRIMARY KEY, record_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    recorded_at TEXT NOT NULL, even INTEGER NOT NULL, original TEXT NOT NULL,
    folded TEXT NOT NULL, tags TEXT NOT NULL"""
_SQLITE_TABLES = (
    f"CREATE TABLE search_documents {_COLUMNS})",
    # Without positions, sizes and texts: postings only. Its tokens are our pieces, cut by spaces.
    "CREATE VIRTUAL TABLE search_pieces USING fts5"
    " (pieces, content='', columnsize=0, detail=none, tokenize='ascii')",
)
_WORDS = '{} TEXT[] COLLATE "C"'
_POSTGRES_TABLES = (
    "CREATE TABLE search_documents"
    f" {_COLUMNS.replace('tags TEXT', _WORDS.format('tags'))}, {_WORDS.format('pieces')} NOT NULL)",
)

# What waits to be merged into the index is read whole by every search: keep it short (kB).
_POSTGRES_INDEX = (
    "CREATE INDEX search_pieces ON search_documents USING gin (pieces, tags)"
    " WITH (gin_pending_list_limit = 256)"
)

_UPSERT_SQLITE = (
    "INSERT INTO search_documents VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (record_id) DO UPDATE"
    " SET position = excluded.position, kind = excluded.kind, recorded_at = excluded.recorded_at,"
    " even = excluded.even, original = excluded.original, folded = excluded.folded,"
    " tags = excluded.tags"
)
_UPSERT_POSTGRES = _UPSERT_SQLITE.replace("?, ?)", "?, ?, ?)", 1) + ", pieces = excluded.pieces"
_ADD_PIECES = "INSERT INTO search_pieces (rowid, pieces) VALUES (?, ?)"
_FORGET_PIECES = "INSERT INTO search_pieces (search_pieces, rowid, pieces) VALUES ('delete', ?, ?)"
_COMMAND = "INSERT INTO search_pieces (search_pieces) VALUES (?)"
_SETTING = "INSERT INTO search_pieces (search_pieces, rank) VALUES (?, ?)"

_SQLITE = """
SELECT d.position, d.record_id, d.kind, d.recorded_at, d.even, d.original, d.folded
FROM search_pieces p CROSS JOIN search_documents d ON d.position = p.rowid
WHERE search_pieces MATCH ? AND p.rowid < ?"""

# GIN answers in no order, so the first page of a common word would read all its records, and
# statistics, which would warn of that, are samples of the texts in a logged catalogue. So the
# newest records are read first, which is enough for a common word; if they are not enough, then
# the word is rare enough for the index, which is asked for all. Each statement can be carried out
# in one way only, given that `query_as_written` never reads a whole table: OFFSET 0 and + 0 keep
# the second from walking by position.
_LOADED = "NOT EXISTS (SELECT 1 FROM views WHERE view = 'search' AND loading = 1)"
_SHOWN = "position, record_id, kind, recorded_at, even, original, folded"
_NEWEST = f"""
SELECT {_SHOWN} FROM (
    SELECT * FROM search_documents WHERE position < ? AND {_LOADED}
    ORDER BY position DESC LIMIT ?
) newest WHERE true{{check}} ORDER BY position DESC LIMIT ?"""
_INDEXED = f"""
SELECT {_SHOWN} FROM (
    SELECT {_SHOWN} FROM search_documents WHERE pieces @> ?{{check}} AND {_LOADED}
    AND position + 0 < ? OFFSET 0
) indexed ORDER BY position DESC LIMIT ?"""


# ---- pieces

# Both stores take a piece as one word if of ASCII it has small letters and digits only; the rest
# moves to private characters. What falls together by that, the substring check takes apart.
_SAFE = {c: chr(0xE000 + c) for c in range(0x80) if not (chr(c).islower() or chr(c).isdigit())}
_AMBIGUOUS = "\ufffd"
_SAFE |= dict.fromkeys((*range(0xE000, 0xE080), *range(0xE100, 0xE103)), _AMBIGUOUS)
_SPACE = _SAFE[ord(" ")]
_UNSAFE = frozenset(map(chr, _SAFE)) - {" "}
_CHARACTER = "I"
"""Of an array: four bytes, as UTF-32 has."""
_TAGS = ("\ue100\ue100", "\ue101\ue101", "\ue102\ue102")
"""Begin the words for audience, kind and department, longer than any piece of a text."""
_QUERY = re.compile(r'(?<!\S)["“]([^"“”]*[^"“”\s][^"“”]*)["”](?!\S)|(\S+)')


def _pieces(folded: str) -> list[str]:
    """Every character and every two neighbours of a folded text, but for spaces."""
    found: list[str] = []
    for run in _safe(folded).split(" "):
        found += run
        found += map(add, run, run[1:])
    return found


def _safe(folded: str) -> str:
    for character in _UNSAFE.intersection(folded):
        folded = folded.replace(character, _SAFE[ord(character)])
    return folded


def _tagged(tag: str, words: Iterable[str]) -> list[str]:
    return sorted(tag + word.translate(_SAFE) for word in words)


def _entry(document: Document) -> _Entry:
    original = clean(document.text)
    folded = fold(original)
    groups = (document.audience, (document.kind,), document.departments)
    tags = [word for tag, words in zip(_TAGS, groups, strict=True) for word in _tagged(tag, words)]
    return (
        document.leaf_index, document.record_id, document.kind, document.recorded_at,
        int(is_even(original, folded)), original, folded, " ".join(tags),
    )  # fmt: skip


def _words(folded: str, tags: str) -> str:
    """For FTS5, to which it is one whether a word comes once or often, and how many spaces part it:
    `ab` becomes `a ab b b`. A whole text at once takes a third of the time that its pieces would,
    one by one.
    """
    text = array(_CHARACTER, _safe(folded).encode("utf-32-le"))
    spread = array(_CHARACTER, " ".encode("utf-32-le") * 5 * len(text))
    spread[0::5] = spread[2::5] = text
    spread[3:-5:5] = text[1:]
    return f"{spread.tobytes().decode('utf-32-le')} {tags}"


def _with_arrays(entry: _Entry) -> tuple[Any, ...]:
    *columns, folded, tags = entry
    return (*columns, folded, _array(tags.split(" ")), _array(set(_pieces(folded))))


def _array(words: Iterable[str]) -> str:
    """For PostgreSQL; no word needs quotes."""
    return "{" + ",".join(words) + "}"


def _terms(query: str) -> list[str]:
    if len(query) > LONGEST_QUERY:
        raise QueryTooLong
    found = [m[1] or m[2] for m in _QUERY.finditer(fold(query))]
    terms = list(dict.fromkeys(term.strip() for term in found))
    if not terms:
        raise EmptyQuery
    return terms


def _query_pieces(terms: Sequence[str]) -> list[str]:
    """What a text must have to hold all terms: their pairs, or a character that stands alone."""
    pieces = dict.fromkeys(
        piece
        for term in terms
        for run in term.translate(_SAFE).split(_SPACE)
        for piece in (map(add, run, run[1:]) if len(run) > 1 else (run,))
    )
    return list(pieces)[:MOST_PIECES]


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 2**63 - 1
    if not re.fullmatch(r"[0-9]{1,18}", cursor, re.ASCII):
        raise BadCursor
    return int(cursor)


# ---- snippets


def _hit(row: Sequence[Any], terms: Sequence[str]) -> Hit:
    position, record_id, kind, recorded_at, even, original, folded = row
    if len(terms) == 1:
        first, length = folded.find(terms[0]), len(terms[0])
    else:
        first, length = min((folded.find(term), len(term)) for term in terms)
    start = max(0, min(first - SNIPPET // 4, len(folded) - SNIPPET))
    # The match itself is never cut, however long it is.
    end = max(start + SNIPPET, first + length)
    marks = _marks(folded, terms, start, end)
    if even:
        base, snippet = start, original[start:end]
    else:
        places = offsets(original, folded)
        base, snippet = places[start], original[places[start] : places[min(end, len(folded))]]
        marks = [(places[a], places[b]) for a, b in marks]
    highlights = tuple([(a - base, b - base) for a, b in marks])
    return Hit(record_id, kind, recorded_at, position, snippet, highlights)


def _marks(folded: str, terms: Sequence[str], start: int, end: int) -> list[tuple[int, int]]:
    """The stretches of a window that match, joined where they touch."""
    spans: list[tuple[int, int]] = []
    for term in terms:
        at = folded.find(term, start, end)
        while at >= 0:
            spans.append((at, at + len(term)))
            at = folded.find(term, at + 1, end)
    return spans if len(spans) == 1 else _joined(sorted(spans))


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in spans:
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
