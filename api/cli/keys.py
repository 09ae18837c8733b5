"""`liuhen keys`: the archive's signing keys and the callers' API keys."""

from __future__ import annotations

import json
import os
import pwd

import click

from api.cli.opened import opened
from api.clock import now
from archive.accesses import Access, AccessLog
from archive.callers import Callers
from archive.ledger import NoSuchRecordError, new_id
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
    """From the next leaf on, signatures by KEY count no more; or the API key of this id is void."""
    with opened() as archive:
        entry = archive.keyring.register.entries.get(key)
        callers = Callers(archive.keys)
        issued = callers.still(key, now())
        if entry is not None and entry.use == "own":
            _note(archive, "revoked", entry.owner)
            archive.keyring.revoke(archive.committer, key, reason)
        elif issued is not None:
            _note(archive, "revoked", issued.caller)
            callers.revoke(key)
        else:
            raise click.UsageError(
                "name an own key of `liuhen keys list`, or the id of an API key (the 16 digits "
                "after `lh_`); rotate the archive's keys"
            )
        click.echo(f"{key} revoked")


@keys.command()
@click.argument("caller")
def issue(caller: str) -> None:
    """A new API key for CALLER (number or id of its record); it is shown this once."""
    with opened() as archive:
        record = _caller(archive, caller)
        _note(archive, "issued", record.id)
        click.echo(Callers(archive.keys).issue(record.id, now()))


def _note(archive: Archive, what: str, record: str | None) -> None:
    """Before the key works or is void, as over HTTP: who is known only as a user of the machine."""
    accesses = AccessLog(archive.ledger, archive.options.clock)
    accesses.note(
        Access(
            at=now(),
            what=what,
            who=_login(),
            caller=None,
            record=record,
            route=f"liuhen keys {'issue' if what == 'issued' else 'revoke'}",
            request=new_id(),
        )
    )
    accesses.flush()


def _login() -> str:
    """Not a person of the archive, and not to be taken for one."""
    try:
        return f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"os:{os.getuid()}"


def _caller(archive: Archive, named: str) -> Record:
    try:
        record = archive.ledger.get(archive.find(named))
    except NoSuchRecordError as error:
        raise click.UsageError(str(error)) from None
    if record.kind.id != "caller":
        raise click.UsageError(f"{named} is a {record.kind.id}, not a caller")
    if record.state != "active":
        raise click.UsageError(f"{named} is revoked: it gets no keys any more")
    return record
