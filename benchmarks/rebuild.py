"""Rebuild of all views against writing the same final rows by plain bulk SQL.

    python benchmarks/rebuild.py sqlite|postgres [DSN] [events] [rounds]

The archive is real: walks through every kind, sealed and committed. Plain bulk SQL is one
transaction of `executemany` for each table, with rows at hand in memory, then the same indexes.
Prints the medians and their ratio, and the rebuild's peak of memory.
"""

import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from archive.opening import Archive, Options, open_archive
from archive.views.database import CREATED, ViewDatabase, open_views
from archive.views.postgres import PostgresViews
from benchmarks.rows import Better, Pair, Row, Size, timed
from benchmarks.stores import Place
from domain.events import Opened, Recorded, StepTaken
from domain.kinds import find
from tests.archive.stored import commit_history
from tests.archive.views.logs import kinds, walks

WORDS = [
    "客户",
    "投诉",
    "产品",
    "交付",
    "延迟",
    "设备",
    "焊缝",
    "气孔",
    "检查",
    "原因",
    "分析",
    "措施",
    "负责人",
    "完成",
    "日期",
    "更换",
    "通知",
    "供应商",
    "模具",
    "图纸",
    "A-4711/B",
    "批次",
    "返工",
    "会议",
    "决定",
    "确认",
    "海报",
    "市场部",
    "报告",
    "进度",
    "问题",
    "解决",
    "验证",
    "有效",
    "。",
    ",",
]


def main(words: Sequence[str]) -> None:
    store = words[0] if words else "sqlite"
    dsn = words[1] if store == "postgres" else None
    rest = words[2:] if store == "postgres" else words[1:]
    events = int(rest[0]) if rest else 20_000
    rounds = int(rest[1]) if len(rest) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), clock(), database=dsn)
        with open_archive(options) as archive:
            fill(archive, events)
            report(archive, Path(folder), dsn, rounds)


def measure(size: Size, place: Place) -> list[Row]:
    with open_archive(Options(place.folder, clock(), database=place.dsn)) as archive:
        fill(archive, size.events)
        pairs = compare(archive, place.folder, place.dsn, min(size.rounds, 3))
    return [
        Row(
            f"rebuild of all views, {size.events:,} events",
            place.store,
            pairs,
            "s",
            0.4,
            "the same rows by plain bulk SQL",
            Better.LESS,
            bound="opening, decrypting and folding every event and working out what its record "
            "waits for before a row can be written (about 150 us, in all processes), where the "
            "plain rows take 30 to 40 us; the start of each other process, 0.45 s of it, which "
            "counts at this size; and the text index, which one process builds on both sides",
        )
    ]


def compare(archive: Archive, folder: Path, dsn: str | None, rounds: int) -> list[Pair]:
    """Seconds of a rebuild, and of writing the same rows."""
    archive.views.rebuild()
    rows = {t: archive.view_database.query(f"SELECT * FROM {t}") for t in tables(archive)}
    pairs = []
    for n in range(rounds):
        plain = timed(partial(write, archive, rows, folder / f"plain{n}.db", dsn, n))
        pairs.append(Pair(timed(archive.views.rebuild), plain))
    return pairs


def clock() -> Callable[[], datetime]:
    now = [datetime(2026, 4, 20, tzinfo=UTC)]

    def tick() -> datetime:
        now[0] += timedelta(milliseconds=1)
        return now[0]

    return tick


def fill(archive: Archive, events: int) -> None:
    """The same walks again and again, under new ids."""
    chance = Random(1)  # noqa: S311 - the same texts in every run
    known = [
        [written(r, chance) for r in case.history]
        for case in walks(chance, kinds(), 8 * len(kinds()))
    ]
    done = n = 0
    while done < events:
        history = known[n % len(known)]
        commit_history(archive, os.urandom(16).hex(), history)
        done, n = done + len(history), n + 1


def written(recorded: Recorded, chance: Random) -> Recorded:
    """Texts as long as people write them: of those without a narrow limit, 40 to 300 characters."""
    event = recorded.event
    if not isinstance(event, Opened | StepTaken):
        return recorded
    step = find(event.kind, event.kind_version).step(event.step or "")
    if step is None:
        return recorded
    wide = {f.id for f in step.form.fields if f.type == "text" and (f.maximum or 20_000) >= 1000}
    said = {k: passage(chance) if k in wide else v for k, v in event.values.items()}
    return replace(recorded, event=replace(event, values=said))


def passage(chance: Random) -> str:
    return "".join(chance.choices(WORDS, k=chance.randint(20, 150)))


def report(archive: Archive, folder: Path, dsn: str | None, rounds: int) -> None:
    rebuilt, plain = [], []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    archive.views.rebuild()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = {t: archive.view_database.query(f"SELECT * FROM {t}") for t in tables(archive)}
    for n in range(rounds):
        path = folder / f"plain{n}.db"
        plain.append(timed(partial(write, archive, rows, path, dsn, n)))
        rebuilt.append(timed(archive.views.rebuild))
    ratio = statistics.median(p / r for p, r in zip(plain, rebuilt, strict=True))
    size = archive.store.head().size
    print(f"{size} events, {sum(map(len, rows.values()))} rows in {len(rows)} tables")
    print(f"rebuild     {statistics.median(rebuilt):8.2f} s")
    print(f"plain SQL   {statistics.median(plain):8.2f} s")
    print(f"ratio       {ratio:8.2f}   (target 0.4)")
    print(f"memory      {before / 1024:8.0f} MB before, {peak / 1024:.0f} MB peak")


def tables(archive: Archive) -> list[str]:
    dialect = archive.view_database.dialect
    return [
        name
        for view in archive.views.views
        for statement in view.tables(dialect)
        for name in CREATED.findall(statement)
        if name != "search_pieces"
    ]


def write(
    archive: Archive, rows: dict[str, list[Any]], path: Path, dsn: str | None, n: int
) -> None:
    target: ViewDatabase = open_views(path) if dsn is None else PostgresViews(dsn, f"plain{n}")
    for view in archive.views.views:
        target.prepare(view)
    for table, mine in rows.items():
        if mine:
            marks = ", ".join("?" * len(mine[0]))
            with target.transaction():
                target.executemany(f"INSERT INTO {table} VALUES ({marks})", mine)
    index(archive, target)
    target.close()


def index(archive: Archive, target: ViewDatabase) -> None:
    """The same indexes; those of the search by its own means."""
    views = archive.views
    for view in (views.register, views.worklist, views.search):
        view._database, mine = target, view._database  # noqa: SLF001 - its indexes, elsewhere
        try:
            with target.transaction():
                view.finish_load()
        finally:
            view._database = mine  # noqa: SLF001


if __name__ == "__main__":
    main(sys.argv[1:])
