"""`liuhen bench`: the yardsticks, from a source checkout: what is fast, what is not, and why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

CHECKOUT = Path(__file__).resolve().parents[2]
SIZES = click.Choice(["laptop", "full"])


@click.command()
@click.option(
    "--size", type=SIZES, default="laptop", show_default=True, help="minutes, or the million"
)
@click.option("--only", multiple=True, metavar="NAME", help="One measurement (repeat for more).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def bench(*, size: str, only: tuple[str, ...], as_json: bool) -> None:
    """Measure against the yardsticks, on SQLite and PostgreSQL; writes docs/performance.md.

    Leaves the archive of LIUHEN_DATA alone: everything is measured in folders of its own.
    """
    if not (CHECKOUT / "benchmarks" / "__main__.py").is_file():
        raise click.ClickException(
            "the measurements are part of the source checkout: run `make bench` there"
        )
    words = [sys.executable, "-m", "benchmarks", "--size", size]
    words += [word for name in only for word in ("--only", name)]
    words += ["--json"] if as_json else []
    done = subprocess.run(words, cwd=CHECKOUT, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise click.exceptions.Exit(done.returncode)
