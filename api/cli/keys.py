"""`liuhen keys`: the archive's signing keys and the callers' API keys."""

from __future__ import annotations

import json

import click

from api.cli.opened import opened
from api.clock import now
from archive.callers import Callers
from archive.ledger import NoSuchRecordError
from archive.log import vkey
from archive.opening import Archive
from domain.record import Record

USES = click.Choice(["log", "intake"])


@click.group()
def keys() -> None:
    """The archive's signing keys, and the API keys of people and systems."""


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def list_(*, as_json: bool) -> None:
    """The key register: which key may sign what, and from which leaf to which."""
    with opened() as archive:
        rows = [
            {"key": name, "use": e.use, "owner": e.owner, "from": e.registered, "until": e.revoked}
            for name, e in archive.keyring.register.entries.items()
        ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        until = "" if row["until"] is None else f" until leaf {row['until']}"
        click.echo(f"{row['key']} {row['use']:6} from leaf {row['from']}{until}")


@keys.command("vkey")
def show_vkey() -> None:
    """The log's verifier key, for an auditor to keep apart from this archive."""
    with opened() as archive:
        click.echo(vkey(archive.options.origin, archive.keyring.log_key))


@keys.command()
@click.argument("use", type=USES)
def rotate(use: str) -> None:
    """A new signing key takes over, the old one is revoked; both are events of the log."""
    with opened() as archive:
        click.echo(archive.keyring.rotate(archive.committer, use))


@keys.command()
@click.argument("key")
@click.option("--reason", default="compromised", show_default=True, help="One coarse word.")
def revoke(key: str, reason: str) -> None:
    """From the next leaf on, signatures by KEY count no more."""
    with opened() as archive:
        entry = archive.keyring.register.entries.get(key)
        if entry is None or entry.use != "own":
            raise click.UsageError(
                "name an own key of `liuhen keys list`; rotate the archive's keys"
            )
        archive.keyring.revoke(archive.committer, key, reason)
        click.echo(f"{key} revoked")


@keys.command()
@click.argument("caller")
def issue(caller: str) -> None:
    """A new API key for CALLER (number or id of its record); it is shown this once."""
    with opened() as archive:
        record = _caller(archive, caller)
        click.echo(Callers(archive.keys).issue(record.id, now()))


def _caller(archive: Archive, named: str) -> Record:
    try:
        record = archive.ledger.get(archive.find(named))
    except NoSuchRecordError as error:
        raise click.UsageError(str(error)) from None
    if record.kind.id != "caller":
        raise click.UsageError(f"{named} is a {record.kind.id}, not a caller")
    return record
