"""`liuhen publish` and `liuhen prove`: the log for those who have no key to the archive."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from api.cli.archives import as_json
from api.cli.opened import opened
from archive.evidence import tlog_proof
from archive.ledger import NoSuchRecordError
from archive.proving import prove_event
from archive.publishing import publish as publish_log
from archive.publishing import target_at


@click.command()
@click.argument("place", metavar="DIR|s3://BUCKET[/PREFIX]")
@click.option("--all", "whole", is_flag=True, help="Write every file anew, not only what is new.")
@as_json
def publish(place: str, *, whole: bool, as_json: bool) -> None:
    """Write the log as static files (C2SP tlog-tiles), for any web server or bucket to serve.

    Only what is new since the last time. Killed at any moment, what was published stays whole.
    """
    target = target_at(place)
    with opened() as archive:
        archive.witnesses.cosign_all()
        made = publish_log(archive, target, whole=whole)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(made)))
    else:
        click.echo(
            f"{made.target}: 已发布 {made.size} 条 (此前 {made.before} 条),"
            f" 新写 {made.files} 个文件\n"
            f"published {made.size} leaves ({made.before} before), wrote {made.files} files of "
            f"{made.octets} bytes"
        )


@click.command()
@click.argument("record")
@click.argument("version", type=click.IntRange(1, 2**31 - 1))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=None)
def prove(record: str, version: int, output: Path | None) -> None:
    """Write a C2SP tlog-proof of event VERSION of RECORD (its number or id): that it is in the log.

    The file carries the leaf, and no content: `liuhen verify FILE --vkey KEY`.
    """
    path = output or Path(f"{record.replace('/', '-')}-{version}.tlog-proof")
    with opened() as archive:
        rows = archive.store.record(archive.find(record), after=version - 1, upto=version)
        if not rows:
            raise NoSuchRecordError(record)
        path.write_bytes(tlog_proof.encode(prove_event(archive.log, archive.witnesses, rows[0])))
    click.echo(f"{path}\n验证 verify: python -m archive.evidence {path} --vkey KEY")
