"""Killed anywhere amid an execution, it ends in one and the same state, with one certificate."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from retention.due import DueView
from tests.retention.people import Staff
from tests.retention.test_attacks import bound
from tests.worlds import World

REPO = Path(__file__).parents[2]

KILLER = """
import itertools, os, shutil, signal, sys
from datetime import datetime, timedelta
from pathlib import Path
import psycopg
from psycopg import conninfo, sql
from archive.check import Thoroughness
from archive.committer import Committer
from archive.keystore import KeyStore
from archive.masters import Masters
from archive.opening import Options, open_archive
from archive.postgres import PostgresStore
from archive.projector import Projector
from archive.sql import SqlStore
from archive.sqlite import SQLiteStore
from archive.views.database import ViewDatabase
from domain import disposals
from retention.due import DueView
from retention.opening import open_retention
from retention.proven_time import proven_time
from tests.worlds import Clock
data, database, moment, disposal = sys.argv[1:]

def counted(owner, name, seen, last):
    function = getattr(owner, name)
    def call(*given, **named):
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*given, **named)
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, call)

def copied(last):
    # The archive as it was when the execution was started.
    folder, address = Path(data).parent / f"killed-{last}", None
    shutil.copytree(data, folder, copy_function=shutil.copy2)
    if database:
        name = conninfo.conninfo_to_dict(database)["dbname"]
        address = conninfo.make_conninfo(database, dbname=f"{name}_{last}")
        other = conninfo.make_conninfo(database, dbname="postgres")
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(f"{name}_{last}"), sql.Identifier(name)))
    clock = Clock(datetime.fromisoformat(moment))
    return Options(folder, clock, database=address, views=(DueView,))

def opened(options):
    archive = open_archive(options)
    return archive, open_retention(archive, lambda: proven_time(archive)).disposals

def dropped(options):
    shutil.rmtree(options.data)
    if options.database:
        name = sql.Identifier(conninfo.conninfo_to_dict(options.database)["dbname"])
        other = conninfo.make_conninfo(database, dbname="postgres")
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

def execute_and_die(options, last):
    archive, deeds = opened(options)
    seen = itertools.count(1)
    store = SQLiteStore if options.database is None else PostgresStore
    for owner, name in (
        (Committer, "commit_many"), (Committer, "commit"), (Committer, "commit_made"),
        (Masters, "make"), (Masters, "remove_all_but"), (KeyStore, "destroy"),
        (Projector, "_purge"), (Projector, "purge"), (SqlStore, "destroy_content"),
        (store, "scrub"),
    ):
        counted(owner, name, seen, last)
    deeds.execute(disposal)

ends = set()
for last in itertools.count(1, 4 if database else 1):  # copying a database takes seconds
    options = copied(last)
    child = os.fork()
    if not child:
        try:
            execute_and_die(options, last)
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    options.clock.turn(hours=1)
    archive, deeds = opened(options)
    before = archive.ledger.get(disposal).state
    assert deeds.resume() == ([disposal] if before == "executing" else []), last
    size = archive.store.head().size
    assert deeds.resume() == [], last
    record = archive.ledger.get(disposal)
    listing = disposals.listing(record)
    results = disposals.results(record)
    steps = [entry.step for entry in record.entries]
    gone = [i.record for i in listing.items.values() if results[i.item].result == "destroyed"]
    assert archive.destruction.remaining(gone) == set(), last
    assert archive.destruction.disposed([i.record for i in listing.items.values()]) == set(gone)
    for item in listing.items.values():
        after = archive.ledger.get(item.record)
        assert after.version == item.version + (item.record in gone), last
    found = archive.check(how=Thoroughness(processes=0)).findings
    assert found == (), (last, found)
    assert len(list((options.data / "master").iterdir())) == 1, last
    ends.add((
        record.state, steps.count("certify"), steps.count("results"), size,
        tuple((name, each.result, each.code) for name, each in sorted(results.items())),
    ))
    archive.close()
    dropped(options)
    if status == 0:
        break
(end,) = ends
print("killed at", last - 1, "writes:", *end[:3], [each[1:] for each in end[4]])
"""


@pytest.mark.slow
def test_killed_at_every_write_of_an_execution(world: World) -> None:
    """A record, two that are bound together, one under hold: after each kill, `resume` leaves the
    same results, the same number of events, one certificate, and nothing of what went."""
    world.options = replace(world.options, views=(DueView,))
    world.reopen()
    staff = Staff(world)
    single, held, (dossier, _) = staff.imported("甲"), staff.imported("乙"), bound(staff)
    world.clock.turn(days=1200)
    disposal = staff.approved(staff.reviewed(staff.listed(single, held, dossier)))
    staff.as_("legal").open(
        "legal-hold", "place", matter="诉讼", authority="法院", reason="应诉",
        custodian=staff.people["legal"], records=[{"record": held.id}],
    )  # fmt: skip
    world.clock.turn(days=7)
    staff.retention.disposals.start(staff.actor("lister"), disposal.id)
    moment = world.clock().isoformat()
    world.archive.close()
    arguments = [world.options.data, world.options.database or "", moment, disposal.id]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, *map(str, arguments)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    said = re.fullmatch(r"killed at (\d+) writes: certified 1 1 (.*)\n", done.stdout)
    assert said is not None, done.stdout
    assert int(said[1]) >= 20
    assert said[2].count("'destroyed'") == 3
    assert said[2].count("'HELD'") == 1
