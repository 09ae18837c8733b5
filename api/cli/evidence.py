"""`liuhen verify`: the outsider's verifier, the same that `python -m archive.evidence` runs."""

from __future__ import annotations

import sys

import click

from archive.evidence.__main__ import main as verify_bundle


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> None:
    """Verify a bundle offline: `liuhen verify BUNDLE [--lang zh|en] [--vkey KEY] [--json]`."""
    sys.exit(verify_bundle(list(arguments)))
