"""`liuhen witness`: a witness of one or many logs, on a host that is not theirs."""

from __future__ import annotations

from pathlib import Path

import click
import uvicorn

from api import logs
from api.clock import now
from api.connections import bounded
from api.witness import witness_app
from archive.witness import Witness

HEAD_SECONDS = 10
CONNECTIONS = 500
folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.group()
def witness() -> None:
    """Sign heads of logs that only ever grow, with a key and a memory of its own in DIR.

    Run it where the archive's administrators have no access: at the auditor's, the customer's.
    """


@witness.command("init")
@folder_argument
@click.option("--name", required=True, help="Its name in every cosignature: witness.example/w1")
def init(folder: Path, name: str) -> None:
    """Make a witness in DIR, with a new key, and print its verifier key for policies."""
    click.echo(Witness.make(folder, name))


@witness.command("add")
@folder_argument
@click.argument("vkey")
def add(folder: Path, vkey: str) -> None:
    """Sign for the log of this verifier key (`liuhen keys vkey`) from now on."""
    with Witness.open(folder, now) as opened:
        opened.trust(vkey)
    click.echo(f"已加入 added: {vkey}")


@witness.command("remove")
@folder_argument
@click.argument("vkey")
def remove(folder: Path, vkey: str) -> None:
    """Sign no more for this key, after its log has another; what was seen stays remembered."""
    with Witness.open(folder, now) as opened:
        opened.distrust(vkey)
    click.echo(f"已移除 removed: {vkey}")


@witness.command("show")
@folder_argument
def show(folder: Path) -> None:
    """The witness's verifier key, its logs, and how much of each it has seen."""
    with Witness.open(folder, now) as opened:
        click.echo(opened.vkey)
        for vkey, size in opened.logs():
            click.echo(f"  {'-' if size is None else size} {vkey}")


@witness.command("serve")
@folder_argument
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8471, show_default=True, type=click.IntRange(0, 65535))
def serve(folder: Path, host: str, port: int) -> None:
    """Answer logs and monitors, until stopped. Put TLS in front of it."""
    logs.set_up()
    with Witness.open(folder, now) as opened:
        click.echo(f"见证 witness {opened.vkey}\nhttp://{host}:{port}/", err=True)
        uvicorn.run(
            witness_app(opened),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            http=bounded(HEAD_SECONDS),
            timeout_keep_alive=60,
            limit_concurrency=CONNECTIONS,
        )
