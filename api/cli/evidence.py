"""`liuhen verify`: the outsider's verifier, the same that `python -m archive.evidence` runs; and
`liuhen verifier`: that verifier to hand out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from archive.evidence import packing
from archive.evidence.__main__ import main as verify_bundle


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> None:
    """Verify a bundle offline: `liuhen verify BUNDLE [--lang zh|en] [--vkey KEY] [--json]`."""
    sys.exit(verify_bundle(list(arguments)))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="dist")
def verifier(folder: Path) -> None:
    """Write the verifier for others into FOLDER: liuhen-verify.pyz for a bare Python 3.11, and
    verify.html for a browser. Neither needs anything else, nor a network."""
    packing.main([str(folder)])
