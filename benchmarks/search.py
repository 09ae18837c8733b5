"""Search and its loading, against bare queries and inserts on the same texts.

Run as `python -m benchmarks.search [RECORDS] [DSN]`; prints a table of ratios (more is better).
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from archive.folding import fold
from archive.views.database import ViewDatabase
from archive.views.postgres import PostgresViews
from archive.views.search import Document, Scope, SearchView
from archive.views.sqlite import SQLiteViews
from benchmarks.rows import Better, Row, Size, alternating
from benchmarks.stores import Place

CUSTOMERS = (
    "华东精工", "科技公司", "宏远重工", "北方电机",
    "新力泵业", "長江機械", "台达铸件", "联合阀门",
)  # fmt: skip
PARTS = (
    "轴承座", "泵体", "阀盖", "齿轮箱", "叶轮", "法兰",
    "联轴器", "端盖", "壳体", "支架", "活塞杆", "导轨",
)  # fmt: skip
DEFECTS = (
    "气孔", "砂眼", "裂纹", "尺寸超差", "硬度不足", "表面划伤",
    "漏装", "毛刺", "变形", "氣孔超標", "夹渣", "缩松",
)  # fmt: skip
ACTIONS = (
    "隔离库存", "返工复检", "更换模具", "调整炉温",
    "增加全检", "更新控制计划", "修订FMEA", "培训操作工",
)  # fmt: skip
PEOPLE = (
    "王建国", "李敏", "张伟", "刘洋", "陈静",
    "赵强", "孙丽", "周涛", "吴芳", "郑凯",
)  # fmt: skip
DEPARTMENTS = (
    "品质部", "生产部", "技术部", "采购部",
    "销售部", "行政部", "仓储部", "设备部",
)  # fmt: skip
STREETS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
RARE, COMMON, MIDDLE = "钽铼", "投诉", "夹渣"
BOUNDS = {
    "SQLite": "the bare query gives an id and a text; ours three columns and a text more, an "
    "excerpt with its marks for each hit (1.5 us in Python), and asks an index that was written "
    "to since it was merged",
    "PostgreSQL": "two questions, as a database without statistics of the texts cannot know that "
    "a word is rare: the newest 192 texts, then the index",
}


def text(rng: random.Random, n: int, records: int) -> str:
    """A complaint as one is written in a plant, 150 to 250 characters."""
    pick = rng.choice
    lines = [
        f"{pick(CUSTOMERS)}{'投诉' if rng.random() < 0.3 else '反馈'}：零件{pick(PARTS)} "
        f"A-{rng.randrange(10000):04d}/{pick('ABC')}，"
        f"炉号L{rng.randrange(10**6):06d}，数量{rng.randrange(900)}件。",
        f"不良现象：{pick(DEFECTS)}、{pick(DEFECTS)}，硬度{rng.randrange(40, 62)}HRC，"
        f"发现工序：{pick(('入库检验', '装配', '客户现场', '出货检验'))}。",
        f"责任部门：{pick(DEPARTMENTS)}，经办人{pick(PEOPLE)}，会同{pick(DEPARTMENTS)}{pick(PEOPLE)}。",
        f"临时措施：{pick(ACTIONS)}；根本原因："
        f"{''.join(rng.choices(STREETS, k=4))}机台{pick(ACTIONS)}记录缺失。",
        f"纠正措施：{pick(ACTIONS)}，{pick(ACTIONS)}，完成期限2026-"
        f"{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}。",
    ]
    if n % max(1, records // 12) == 5:
        lines.append(f"材料含{RARE}合金。")
    return "\n".join(lines)


def documents(records: int) -> Iterator[Document]:
    rng = random.Random(7)  # noqa: S311 - the same texts in every run
    for n in range(records):
        department = rng.choice(DEPARTMENTS)
        yield Document(
            record_id=f"{n:032x}", text=text(rng, n, records), kind="complaint",
            recorded_at="2026-11-22T08:00:00.000000Z", leaf_index=n,
            departments=frozenset({department}),
            audience=frozenset(
                {"all", f"department:{department}", f"person:{rng.randrange(500):032x}"}
            ),
        )  # fmt: skip


def median(ask: Callable[[], Any], rounds: int = 60) -> float:
    """Milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def load(database: ViewDatabase, records: int) -> tuple[SearchView, float, float]:
    """The filled view, the seconds of its load, and rows a second of re-indexing afterwards."""
    view = SearchView(database, lambda _: None)
    database.drop_all() if database.lead() else None
    database.prepare(view)
    rows = documents(records)
    seconds = 0.0
    while batch := list(islice(rows, 1000)):
        start = time.perf_counter()
        with database.transaction():
            view.index(batch)
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    database.finish_load(view)
    seconds += time.perf_counter() - start
    return view, seconds, _again(database, view, records)


def _again(database: ViewDatabase, view: SearchView, records: int) -> float:
    changed = [replace(d, text=d.text + "\n已关闭") for d in islice(documents(records), 2000)]
    start = time.perf_counter()
    for n in range(0, len(changed), 1000):
        with database.transaction():
            view.index(changed[n : n + 1000])
    return len(changed) / (time.perf_counter() - start)


def pairs(folded: str) -> str:
    found = {folded[n : n + 2] for n in range(len(folded) - 1)}
    return " ".join(pair for pair in found if " " not in pair)


def bare_sqlite(folder: Path, records: int) -> tuple[Callable[[str], Any], float]:
    """The same folded texts and pairs by plain bulk SQL, and the plainest query of them."""
    rows = [(d.leaf_index, fold(d.text)) for d in documents(records)]
    pieces = [(n, pairs(folded)) for n, folded in rows]
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    start = time.perf_counter()
    db.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        "CREATE TABLE texts (id INTEGER PRIMARY KEY, folded TEXT);"
        "CREATE VIRTUAL TABLE bare USING fts5(p, content='', detail=none);BEGIN"
    )
    db.executemany("INSERT INTO texts VALUES (?, ?)", rows)
    db.executemany("INSERT INTO bare (rowid, p) VALUES (?, ?)", pieces)
    db.execute("COMMIT")
    seconds = time.perf_counter() - start

    def ask(word: str) -> Any:
        return db.execute(
            "SELECT t.id, t.folded FROM bare CROSS JOIN texts t ON t.id = bare.rowid"
            " WHERE bare MATCH ? ORDER BY bare.rowid DESC LIMIT 20",
            (f'"{word}"',),
        ).fetchall()

    return ask, seconds


def bare_postgres(dsn: str, records: int) -> tuple[Callable[[str], Any], float]:
    rows = [(d.leaf_index, fold(d.text)) for d in documents(records)]
    full = [(n, folded, pairs(folded).split(" ")) for n, folded in rows]
    db = psycopg.connect(dsn, autocommit=True)
    db.execute("DROP TABLE IF EXISTS bare")
    start = time.perf_counter()
    db.execute("CREATE UNLOGGED TABLE bare (id bigint PRIMARY KEY, folded text, p text[])")
    with db.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
        for row in full:
            copy.write_row(row)
    db.execute("CREATE INDEX ON bare USING gin (p)")
    seconds = time.perf_counter() - start
    db.execute("ANALYZE bare")

    def ask(word: str) -> Any:
        return db.execute(
            "SELECT id, folded FROM bare WHERE p @> %s::text[] ORDER BY id DESC LIMIT 20",
            ([word],), prepare=False,
        ).fetchall()  # fmt: skip

    return ask, seconds


def compare(
    name: str, database: ViewDatabase, bare: Callable[[str], Any], bare_load: float, records: int
) -> None:
    view, seconds, again = load(database, records)
    everybody = Scope(audience=None)
    one = Scope(audience=frozenset({f"department:{DEPARTMENTS[0]}", f"person:{7:032x}"}))
    print(f"{name}: load {records / seconds:,.0f} rows/s, bare {records / bare_load:,.0f} rows/s,"
          f" ratio {bare_load / seconds:.2f}; replaced later {again:,.0f} rows/s")  # fmt: skip
    for label, word in (("common", COMMON), ("middle", MIDDLE), ("rare", RARE)):
        ours = {h.leaf_index for h in view.search(word, everybody).hits}
        if ours != {row[0] for row in bare(word)}:
            raise SystemExit(f"{name} does not find what the bare query finds: {word}")
        floor = median(lambda w=word: bare(w))
        mine = median(lambda w=word: view.search(w, everybody))
        scoped = median(lambda w=word: view.search(w, one))
        print(f"  {label:7} {word}  bare {floor:.3f} ms  ours {mine:.3f} ms"
              f"  ratio {floor / mine:.2f}  in one's own scope {scoped:.3f} ms")  # fmt: skip
    for query in ("诉", "A-4711/B", "夹渣 调整炉温 王建国", '"会同品质部"', "客户现场，发现"):
        mine = median(lambda q=query: view.search(q, everybody), 20)
        print(f"  {query}: {mine:.3f} ms")


def measure(size: Size, place: Place) -> list[Row]:
    if place.dsn is None:
        database: ViewDatabase = SQLiteViews(place.folder / "views.db")
        bare, _ = bare_sqlite(place.folder, size.records)
    else:
        database = PostgresViews(place.dsn)
        bare, _ = bare_postgres(place.dsn, size.records)
    view, _, _ = load(database, size.records)
    rows = [
        searched(view, bare, label, word, size, place)
        for label, word in (("common", COMMON), ("rare", RARE))
    ]
    database.close()
    return rows


def searched(
    view: SearchView, bare: Callable[[str], Any], label: str, word: str, size: Size, place: Place
) -> Row:
    """The first 20, newest first; both must find the same."""
    everybody = Scope(audience=None)
    ours = [hit.leaf_index for hit in view.search(word, everybody).hits]
    if ours != [row[0] for row in bare(word)]:
        raise SystemExit(f"{place.store} does not find what the bare query finds: {word}")
    return Row(
        f"search for a {label} word in {size.records:,} records",
        place.store,
        alternating(
            lambda: median(lambda: view.search(word, everybody)),
            lambda: median(lambda: bare(word)),
            size.rounds,
        ),
        "ms",
        0.5,
        "a bare FTS5 query" if place.dsn is None else "a bare GIN query",
        Better.LESS,
        bound=BOUNDS[place.store],
        note="recall 1.0",
    )


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare, seconds = bare_sqlite(folder, records)
        database = SQLiteViews(folder / "views.db")
        compare("SQLite", database, bare, seconds, records)
        database.close()
        if len(sys.argv) > 2:
            postgres = PostgresViews(sys.argv[2])
            bare, seconds = bare_postgres(sys.argv[2], records)
            compare("PostgreSQL", postgres, bare, seconds, records)
            postgres.close()


if __name__ == "__main__":
    main()
