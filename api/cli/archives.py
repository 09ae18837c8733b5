"""`liuhen import | check | export | rebuild`: work on the whole archive, offline."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from api.cli.opened import opened, progress, settle
from api.clock import now
from archive.exporting import Wanted
from archive.importing import ImportingError, Report, import_xes, load_mapping
from archive.selecting import everything_linked

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
@click.argument("record")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=None)
@click.option("--linked", is_flag=True, help="With every record that is linked to it.")
@as_json
def export(record: str, output: Path | None, *, linked: bool, as_json: bool) -> None:
    """Write a bundle that proves RECORD (its number or id) to anybody, offline."""
    path = output or Path(f"{record}.zip")
    with opened() as archive:
        chosen = [archive.find(record)]
        if linked:
            chosen = everything_linked(archive.store, chosen[0], archive.views.incoming)
        archive.ledger.get(chosen[0])
        with path.open("w+b") as file:
            variety = "case" if linked else "record"
            written = archive.exporter.export(Wanted(records=chosen, variety=variety), file)
    if as_json:
        click.echo(json.dumps({"file": str(path), **dataclasses.asdict(written)}))
    else:
        click.echo(
            f"{path}: {written.records} record(s), {written.leaves} events, "
            f"{path.stat().st_size} bytes\n"
            f"验证 verify: python -m archive.evidence {path}"
        )


@click.command()
@as_json
def rebuild(*, as_json: bool) -> None:
    """Build every view anew from the log. Nothing else is touched."""
    with opened() as archive, progress("rebuild", shown=not as_json) as bar:
        archive.views.rebuild(bar)
        position = archive.views.position()
    text = f"视图已重建到第 {position} 条 views rebuilt up to leaf {position}"
    click.echo(json.dumps({"position": position}) if as_json else text)
