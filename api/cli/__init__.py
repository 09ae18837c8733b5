"""The command line: `liuhen`. Every command says what it did, with an exit status to rely on.

0: done, and nothing is wrong. 1: done, and something is wrong (a failed check, a refused case).
2: it could not be done: bad arguments, settings or input; the message says what to do.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

COMMANDS = {
    "init": "serving",
    "serve": "serving",
    "import": "archives",
    "check": "archives",
    "export": "archives",
    "rebuild": "archives",
    "publish": "publishing",
    "prove": "publishing",
    "verify": "evidence",
    "verifier": "evidence",
    "keys": "keys",
    "backup": "backup",
    "backup-key": "backup",
    "restore": "backup",
    "witness": "witness",
    "monitor": "monitor",
    "retention": "retention",
    "bench": "bench",
}
"""Where each command lies. Its module is loaded when it is asked for: the server's takes a second,
which neither the other commands should pay nor the processes that help them, since a process that
is spawned loads the program of its parent anew."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"{__name__}.{COMMANDS[cmd_name]}")
        name = "import_" if cmd_name == "import" else cmd_name.replace("-", "_")
        command: click.Command = getattr(module, name)
        return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liuhen")
def cli() -> None:
    """留痕 Liuhen: a record archive that proves itself. 自证其真的沟通记录档案。

    The archive is the folder LIUHEN_DATA (default: ./data), or with LIUHEN_DATABASE a PostgreSQL
    database. All settings: docs/settings.md.
    """


def main() -> None:
    """The console script. Our own errors are one sentence, never a trace."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        click.echo("stopped: what was done stays done", err=True)
        sys.exit(130)
    except Exception as error:
        message = _explained(error)
        if message is None:
            raise
        click.echo(f"liuhen: {message}", err=True)
        sys.exit(2)


def _explained(error: Exception) -> str | None:
    """What to tell people; None for what is a fault of this program."""
    from api.settings import SettingError  # noqa: PLC0415 - not before they are needed
    from archive.evidence.errors import EvidenceError  # noqa: PLC0415
    from archive.store import StoreError  # noqa: PLC0415
    from archive.views.database import ViewError  # noqa: PLC0415
    from domain.errors import DomainError  # noqa: PLC0415

    if isinstance(error, DomainError):
        return f"{error.message.zh}\n{error.message.en}"
    known = StoreError, ViewError, EvidenceError, SettingError, OSError
    return str(error) if isinstance(error, known) else None
