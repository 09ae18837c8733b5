"""`liuhen retention`: what is due and why not, and the way of a disposal, each in a person's name.

To be on the machine entitles to nothing here: a command acts for the person of the API key in
LIUHEN_KEY, by the same rules as a request over HTTP, and what is refused is noted just so.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from api.admission import Visit
from api.app import create_desk
from api.certificate_page import page
from api.cli.opened import opened, progress, settle
from api.clock import now
from api.disposals import (
    ImportFiling,
    Listing,
    execute,
    file_imports,
    import_json,
    list_for_disposal,
    start,
)
from api.problems import Refusal, problem_of
from api.retention_json import certificate_json, disposal_json, lines_json, sentence, time_json
from api.retention_lists import UNFILED_DAYS, DuePage, What, listed, present, rules_json
from api.settings import Settings
from archive.callers import CallerRefusedError
from domain.kind import Text
from retention.certificate import certificate as read_certificate
from retention.certificate import write_bundle
from retention.due_lists import Line

FILE = click.Path(dir_okay=False, path_type=Path)
LISTS: tuple[What, ...] = ("due", "held", "pending", "blocked", "unfiled")
STATES: dict[str, tuple[str, str]] = {
    "due": ("到期", "due"),
    "running": ("期限内", "running"),
    "held": ("法律保全", "held"),
    "pending": ("待触发", "pending"),
    "blocked": ("受阻", "blocked"),
    "unfiled": ("未归档", "unfiled"),
    "disposed": ("已处置", "disposed"),
}
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
owner_option = click.option(
    "--owner", default=None, help="Id of the person who reviews what no department's head does."
)


@click.group()
def retention() -> None:
    """What may go, when and why; disposal lists; certificates. Acts for the key in LIUHEN_KEY."""


@contextmanager
def acting(what: str) -> Iterator[Visit]:
    """The person of LIUHEN_KEY, let in as over HTTP; refusals become sentences."""
    settings = Settings.from_environment()
    if settings.key is None:
        raise click.UsageError("say who you are: put your API key into LIUHEN_KEY")
    with opened() as archive:
        settle(archive)
        desk = create_desk(archive, settings)
        visit = Visit(desk, "cli", f"liuhen retention {what}", now(), f"Bearer {settings.key}")
        try:
            yield visit
        except (Refusal, CallerRefusedError) as error:
            raise click.ClickException(_explained(error)) from None
        finally:
            desk.executions.stop()
            desk.accesses.flush()


def _explained(error: Exception) -> str:
    problem = problem_of(error)
    details = [f"{name}: {message.zh} {message.en}" for name, message in problem.errors]
    said = [problem.detail, problem.type.fix]
    return "\n".join([*(f"{each.zh} {each.en}" for each in said), *details])


def _print(said: Any) -> None:
    click.echo(json.dumps(said, ensure_ascii=False, indent=2))


def _both(said: Text) -> str:
    return f"{said.zh} {said.en}"


# ---------------------------------------------------------------- what would go


@retention.command()
@click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), default=None, help="As of this day; today if not."
)
@click.option("--thorough", is_flag=True, help="Reckon every record from the log, not the views.")
@as_json
def plan(on: datetime | None, *, thorough: bool, as_json: bool) -> None:
    """What would be due on a day, and what stands in the way of the rest. Changes nothing."""
    with acting("plan") as visit:
        time, today = present(visit)
        day = on.date() if on else today
        with progress("plan", shown=not as_json) as bar:
            rows = list((_reckoned if thorough else _shown)(visit, day, bar))
    counts = Counter(row["status"] for row in rows)
    if as_json:
        said = {"on": day.isoformat(), "time": time_json(time), "counts": counts}
        _print({**said, "thorough": thorough, "records": rows})
        return
    click.echo(_both(time.sentence))
    for status, (zh, en) in STATES.items():
        if counts[status] or status == "due":
            click.echo(f"{zh} {en:10} {counts[status]:>8}")
    for row in rows:
        if row["status"] not in ("running", "disposed"):
            click.echo(f"{row['number'] or row['record']:16} {row['status']:9} {row['why']}")


def _shown(visit: Visit, day: date, bar: Any) -> Iterator[dict[str, Any]]:
    """By the view's lists, page by page."""
    visit.guest.check_right("read")
    view, viewer = visit.desk.due, visit.guest.viewer(visit.desk)
    total = sum(view.counts(day, viewer).values())
    done = 0
    seen: set[str] = set()
    for what in LISTS:
        for line in _lines(visit, what, day):
            done += 1
            bar(done, max(total, done))
            if line.record_id not in seen:
                seen.add(line.record_id)
                why = " ".join(_both(b.what) for b in line.blockers)
                yield {
                    "record": line.record_id,
                    "number": line.number,
                    "medium": line.medium,
                    "status": what,
                    "last_day": line.last_day,
                    "why": why or f"{line.rule_id} {line.last_day or ''}".strip(),
                }


def _lines(visit: Visit, what: What, day: date | None = None) -> Iterator[Line]:
    cursor = None
    while True:
        lines, cursor = listed(visit, what, DuePage(limit=500, cursor=cursor), day)
        yield from lines
        if cursor is None:
            return


def _reckoned(visit: Visit, day: date, bar: Any) -> Iterator[dict[str, Any]]:
    """Each record as the log says it, with its paper copies."""
    visit.guest.check_right("read")
    desk = visit.desk
    shelf, ledger = desk.retention.shelf, desk.archive.ledger
    rows = desk.archive.store.leaves(0)
    ids = list(dict.fromkeys(row.record_id for row in rows if not row.topic.startswith("~")))
    for n, record_id in enumerate(ids, start=1):
        bar(n, len(ids))
        if not visit.guest.may_see(ledger.get(record_id), desk):
            continue
        assessed = shelf.assess(record_id)
        copies = [(c.record_id, shelf.assess_copy(c.record_id)) for c in assessed.holding.copies]
        for each, one in ((record_id, assessed), *copies):
            found = one.assessment
            yield {
                "record": each,
                "number": one.holding.number,
                "medium": "electronic" if each == record_id else "paper",
                "status": "due" if found.due(day) else found.status,
                "last_day": found.last_day.isoformat() if found.last_day else None,
                "why": _both(sentence(visit, found)),
            }


@retention.command()
@click.option(
    "--list", "what", type=click.Choice(LISTS), default="due", show_default=True,
    help=f"Another list; unfiled: since more than {UNFILED_DAYS} days.",
)  # fmt: skip
@as_json
def due(what: What, *, as_json: bool) -> None:
    """What may go today; or what is held, pending, blocked, unfiled, and why."""
    with acting("due") as visit:
        lines = tuple(_lines(visit, what))
        said = lines_json(visit, lines)
    if as_json:
        _print({"list": what, "records": said})
        return
    for row in said:
        rule = f"{row['rule']['id']} v{row['rule']['version']}" if row["rule"] else ""
        why = " ".join(f"{b['what']['zh']} {b['what']['en']}" for b in row["blockers"])
        days = f"{row['base_date'] or '-':10} {row['last_day'] or '-':10}"
        click.echo(f"{row['number'] or row['record']:16} {row['medium']:10} {days} {rule} {why}")
    click.echo(f"{len(said)} 件 in all")


@retention.command()
@as_json
def rules(*, as_json: bool) -> None:
    """Every version of every rule, and on whose authority."""
    with acting("rules") as visit:
        found = rules_json(visit)
    if as_json:
        _print({"rules": found})
        return
    for rule in found:
        authority = rule["authority"]
        click.echo(
            f"{rule['id']:8} v{rule['version']} {rule['period'] or rule['action']:9} "
            f"{rule['trigger']}, {rule['cut_off']} · {rule['title']['zh']} {rule['title']['en']}\n"
            f"            {authority['type']}: {authority['citation']}"
        )


# ---------------------------------------------------------------- the way of a disposal


@retention.command("list")
@click.argument("records", nargs=-1)
@click.option("--all-due", is_flag=True, help="All that is due and on no other list.")
@click.option("--paper", is_flag=True, help="Paper copies: RECORDS are paper-copy records.")
@click.option("--relist", default=None, help="List this disposal anew; its approvals are void.")
@owner_option
@as_json
def list_(
    records: tuple[str, ...],
    *,
    all_due: bool,
    paper: bool,
    relist: str | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Freeze a list of RECORDS (numbers or ids) for review and two approvals."""
    named = list(records) or None
    said = Listing(
        records=None if paper else named,
        copies=named if paper else None,
        all_due=all_due,
        medium="paper" if paper else "electronic",
        owner=owner,
    )
    with acting("list") as visit:
        record = list_for_disposal(visit, said, relist)
        told = disposal_json(visit, record)
    _told(told, as_json=as_json)


@retention.command("start")
@click.argument("disposal")
@as_json
def start_(disposal: str, *, as_json: bool) -> None:
    """Begin the execution of DISPOSAL, once it is approved and its cool-off is over."""
    with acting("start") as visit:
        told = disposal_json(visit, start(visit, disposal))
    _told(told, as_json=as_json)


@retention.command("execute")
@click.argument("disposal")
@as_json
def execute_(disposal: str, *, as_json: bool) -> None:
    """Destroy what may still go of DISPOSAL, verify, certify. May be repeated after anything.

    Where a server runs, it leads the views: let it execute, by its page or route.
    """
    with acting("execute") as visit:
        record = execute(visit, disposal)
        visit.desk.executions.wait(record.id, None)
        failure = visit.desk.executions.failure(record.id)
        if failure is not None:
            raise failure
        told = disposal_json(visit, visit.desk.archive.ledger.get(record.id))
    _told(told, as_json=as_json)
    sys.exit(0 if all(i["result"]["result"] == "destroyed" for i in told["items"]) else 1)


def _told(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print(said)
        return
    click.echo(f"{said['number']} {said['state']}\n清单哈希 list hash {said['list_hash']}")
    for item in said["items"]:
        result = item["result"] or {}
        ended = " ".join(filter(None, (result.get("result"), result.get("code"))))
        rule = f"{item['rule']} v{item['rule_version']}"
        click.echo(
            f"{item['item']:>5} {item['number'] or item['record']:16} "
            f"{item['base_date']} {item['last_day']} {rule} {ended}"
        )


@retention.command()
@click.argument("disposal")
@click.option("--bundle", type=FILE, default=None, help="Write the proof that verifies offline.")
@click.option("--html", type=FILE, default=None, help="Write the printable page.")
@as_json
def certificate(disposal: str, bundle: Path | None, html: Path | None, *, as_json: bool) -> None:
    """The certificate of DISPOSAL: what was destroyed, by which rule, by whom decided."""
    with acting("certificate") as visit:
        visit.guest.check_right("read")
        record = visit.record(disposal, "disposal")
        archive = visit.desk.archive
        found = read_certificate(archive, record.id)
        if html is not None:
            html.write_text(page(archive, found), encoding="utf-8")
        if bundle is not None:
            visit.guest.check_right("export")
            visit.note("export", record.id)
            visit.desk.accesses.flush()
            with bundle.open("w+b") as file:
                write_bundle(archive, record.id, file)
    if as_json:
        _print(certificate_json(found))
        return
    click.echo(
        f"{found.number} {found.ended_at}\n清单哈希 list hash {found.list_hash}\n"
        f"已销毁 destroyed {found.destroyed}, 例外 exceptions {len(found.exceptions)}, "
        f"时间 time {found.time_status}"
    )
    for path in (html, bundle):
        if path is not None:
            click.echo(str(path))
    if bundle is not None:
        click.echo(f"验证 verify: python -m archive.evidence {bundle}")


@retention.command("file-imported")
@click.argument("records", nargs=-1)
@click.option("--claim", default=None, help="An approved claim of base dates, by number or id.")
@click.option("--all", "every", is_flag=True, help="All that is imported and not filed.")
@click.option("--scope", is_flag=True, help="They are inside the archive scope.")
@as_json
def file_imported(
    records: tuple[str, ...], claim: str | None, *, every: bool, scope: bool, as_json: bool
) -> None:
    """File imported RECORDS by the day of their import, or by the day that a claim says."""
    said = ImportFiling(claim=claim, records=list(records) or None, all=every, scope=scope)
    with acting("file-imported") as visit:
        results = [import_json(visit, one, "en") for one in file_imports(visit, said)]
    failed = [row for row in results if row["status"] != 201]
    if as_json:
        _print({"results": results})
    else:
        click.echo(f"已归档 filed: {len(results) - len(failed)}, 未归档 not filed: {len(failed)}")
        for row in failed:
            click.echo(f"{row['record']} {row['detail']}", err=True)
    sys.exit(1 if failed else 0)
