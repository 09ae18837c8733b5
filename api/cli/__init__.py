"""The command line: `liuhen`. Every command says what it did, with an exit status to rely on.

0: done, and nothing is wrong. 1: done, and something is wrong (a failed check, a refused case).
2: it could not be done: bad arguments, settings or input; the message says what to do.
"""

from __future__ import annotations

import sys

import click

from api.cli import archives, evidence, keys, serving
from api.cli.bench import bench
from api.settings import SettingError
from archive.evidence.errors import EvidenceError
from archive.store import StoreError
from archive.views.database import ViewError
from domain.errors import DomainError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="liuhen")
def cli() -> None:
    """留痕 Liuhen: a record archive that proves itself. 自证其真的沟通记录档案。

    The archive is the folder LIUHEN_DATA (default: ./data), or with LIUHEN_DATABASE a PostgreSQL
    database. All settings: docs/settings.md.
    """


for command in (
    serving.init,
    serving.serve,
    archives.import_,
    archives.check,
    archives.export,
    archives.rebuild,
    evidence.verify,
    keys.keys,
    bench,
):
    cli.add_command(command)


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
    except DomainError as error:
        _fail(f"{error.message.zh}\n{error.message.en}")
    except (StoreError, ViewError, EvidenceError, SettingError, OSError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    click.echo(f"liuhen: {message}", err=True)
    sys.exit(2)
