"""`liuhen import | check | export | rebuild`: work on the whole archive, offline."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from api.cli.opened import opened, progress, settle
from api.clock import now
from api.questions import YEARS, Question, QuestionError, of_year
from archive.disclosing import UnknownStepError, without
from archive.exporting import Exported, Wanted
from archive.importing import ImportingError, Report, import_xes, load_mapping
from archive.opening import Archive
from archive.selecting import everything, everything_linked, listed
from archive.views.access import EVERYTHING
from retention.judging import judged_by
from retention.ledgers import Shelf

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.command("import")
@click.argument("format_", metavar="FORMAT", type=click.Choice(["xes"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", required=True, help="A shipped mapping's name, or a JSON file.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
@as_json
def import_(format_: str, file: Path, mapping: str, *, dry_run: bool, as_json: bool) -> None:
    """Import a foreign history: each case becomes a record, each event stays as it was.

    Run twice, or again after an interruption, it adds nothing twice.
    """
    del format_
    try:
        chosen = load_mapping(mapping)
        with opened() as archive, progress("import", shown=not as_json) as bar:
            done = 0

            def told(n: int) -> None:
                nonlocal done
                done += n
                bar(done, done + 1)

            report = import_xes(
                archive.ledger, file, chosen, clock=now, dry_run=dry_run, progress=told
            )
            settle(archive)
    except ImportingError as error:
        raise click.ClickException(str(error)) from None
    click.echo(_json(report) if as_json else _text(report))
    sys.exit(0 if report.whole else 1)


def _json(report: Report) -> str:
    return json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2)


def _text(report: Report) -> str:
    lines = [
        f"读到 read: {report.cases} cases, {report.events} events",
        f"{'可导入 would import' if report.dry_run else '已导入 imported'}: "
        f"{report.imported_cases} cases, {report.imported_events} events",
        f"早已导入 imported before: {report.known_cases} cases",
        f"未导入 not imported: {report.refused_cases} cases",
        *report.lines,
        *(f"{count} x {remark}" for remark, count in sorted(report.remarks.items())),
    ]
    return "\n".join(lines)


@click.command()
@click.option("--views/--no-views", default=True, help="Compare the views with a fresh replay too.")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@as_json
def check(*, views: bool, lang: str, as_json: bool) -> None:
    """Verify every leaf, signature, chain, checkpoint, content and view; name what is wrong."""
    with opened() as archive, progress("check", shown=not as_json) as bar:
        settle(archive)
        report = archive.check(bar, views=views)
    click.echo(json.dumps(report.as_json(), ensure_ascii=False) if as_json else report.text(lang))
    sys.exit(0 if report.ok else 1)


@click.command()
@click.argument("record", required=False)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=None)
@click.option("--linked", is_flag=True, help="With every record that is linked to it.")
@click.option(
    "--query", metavar="FILTERS", help="What the register lists: kind=complaint&filed=true."
)
@click.option("--year", type=click.IntRange(*YEARS), help="What was opened in a year.")
@click.option("--all", "everything_", is_flag=True, help="The whole archive.")
@click.option(
    "--withhold",
    "withheld",
    metavar="WHAT",
    multiple=True,
    help="Prove it without showing it: attachments, step:call-back, or a record. May be repeated.",
)
@as_json
def export(
    record: str | None,
    output: Path | None,
    *,
    linked: bool,
    query: str | None,
    year: int | None,
    everything_: bool,
    withheld: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a bundle that proves RECORD (its number or id) to anybody, offline; or a query's
    answer, a year, or all. Large ones come in volumes, NAME-001.zip and so on."""
    if sum(each not in (None, False) for each in (record, query, year, everything_)) != 1:
        raise click.UsageError("ask for one of RECORD, --query, --year and --all")
    with opened() as archive:
        wanted = _wanted(archive, record, query, year, linked=linked)
        if not wanted.records:
            raise click.UsageError("no record is so; nothing was written")
        name = record or (str(year) if year else "archive" if everything_ else "query")
        written = _Volumes(output or Path(f"{name}.zip"))
        shelf = Shelf(archive)
        try:
            shows = without(withheld, archive.find)
        except UnknownStepError as error:
            raise click.UsageError(f"--withhold step:{error}: no kind has such a step") from None
        told = archive.exporter.volumes(
            dataclasses.replace(
                wanted,
                shows=shows,
                beside=lambda records: judged_by(archive, shelf, records),
            ),
            written.open,
        )
    _tell(list(zip(written.paths, told, strict=True)), as_json=as_json)


def _wanted(
    archive: Archive, record: str | None, query: str | None, year: int | None, *, linked: bool
) -> Wanted:
    if record is not None:
        chosen = [archive.find(record)]
        archive.ledger.get(chosen[0])
        if linked:
            chosen = everything_linked(archive.store, chosen[0], archive.views.incoming)
        return Wanted(records=chosen, variety="case" if linked else "record")
    if query is None and year is None:
        return Wanted(records=everything(archive.store, archive.options.origin), variety="archive")
    settle(archive)
    try:
        question = of_year(year, archive.options.zone) if year else Question.read(query or "")
        asked = f"{year:04}" if year else question.asked
    except QuestionError as error:
        raise click.UsageError(f"--query: {error}") from None
    chosen = list(listed(archive.views.register, EVERYTHING, question.filter(now())))
    return Wanted(records=chosen, variety="year" if year else "query", asked=asked)


class _Volumes:
    """Files that get their names once they are whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.paths: list[Path] = []

    @contextmanager
    def open(self, n: int, of: int) -> Iterator[BinaryIO]:
        stem = f"{self._path.stem}-{n:03}" if of > 1 else self._path.stem
        path = self._path.with_name(f"{stem}{self._path.suffix}")
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("w+b") as file:
                yield file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self.paths.append(path)


def _tell(written: list[tuple[Path, Exported]], *, as_json: bool) -> None:
    if as_json:
        told = [{"file": str(path), **dataclasses.asdict(each)} for path, each in written]
        click.echo(json.dumps(told[0] if len(told) == 1 else {"volumes": told}))
        return
    for path, each in written:
        click.echo(
            f"{path}: {each.records} 份记录 record(s), 佐证 context {each.context}, "
            f"{each.leaves} events, 未出示 withheld {each.withheld}, {path.stat().st_size} bytes"
        )
    names = " ".join(str(path) for path, _ in written)
    click.echo(f"验证 verify: python -m archive.evidence {names}")


@click.command()
@as_json
def rebuild(*, as_json: bool) -> None:
    """Build every view anew from the log. Nothing else is touched."""
    with opened() as archive, progress("rebuild", shown=not as_json) as bar:
        archive.views.rebuild(bar)
        position = archive.views.position()
    text = f"视图已重建到第 {position} 条 views rebuilt up to leaf {position}"
    click.echo(json.dumps({"position": position}) if as_json else text)
