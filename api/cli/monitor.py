"""`liuhen monitor`: follow a published log from another machine."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import click

from api.clock import now
from api.settings import Settings
from archive.evidence.errors import EvidenceError
from archive.evidence.policy import Policy
from archive.monitoring import Monitor, Published, Turn
from archive.notifying import Notifier, notify
from archive.outbound import AnswerRefused, address
from archive.remembering import MemoryBroken

SAID = {
    "ok": ("一切正常", "all is well"),
    "wrong": ("发现问题", "something is wrong"),
    "unreachable": (
        "无法读取日志(不说明日志有误)",
        "cannot be read (which says nothing of the log)",
    ),
}
EXIT = {"ok": 0, "wrong": 1, "unreachable": 2}


@click.command()
@click.argument("url")
@click.option(
    "--vkey", "vkeys", multiple=True, help="The log's verifier key; after a rotation both."
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A tlog-policy: witnesses that must have cosigned, and the log's keys.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file in which it remembers what it verified. Without it, it begins anew each time.",
)
@click.option(
    "--interval",
    default=60,
    show_default=True,
    type=click.IntRange(1, 86_400),
    help="Seconds between two looks.",
)
@click.option(
    "--max-age",
    default=48,
    show_default=True,
    type=click.IntRange(0, 8760),
    help="Hours after which the newest leaf or cosignature is too old; 0: never.",
)
@click.option("--webhook", help="Where to tell, by a JSON POST, when the outcome changes.")
@click.option("--once", is_flag=True, help="One look, and end with its outcome.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a look, on a line.")
def monitor(  # noqa: PLR0913 - the options of a command
    url: str,
    vkeys: tuple[str, ...],
    policy: Path | None,
    state: Path | None,
    interval: int,
    max_age: int,
    webhook: str | None,
    *,
    once: bool,
    as_json: bool,
) -> None:
    """Follow the log published at URL as an auditor would; needs no database and no archive.

    从别处跟踪已发布的日志:回退、分叉、改动、签名、时间与停滞。

    Exit status with --once: 0 all is well, 1 something is wrong, 2 the log could not be read. A log
    that is not public is read with the API key LIUHEN_KEY.
    """
    for each in (url, webhook) if webhook else (url,):
        _check_address(each)
    published = Published(url, Settings.from_environment().key)
    age = timedelta(hours=max_age) if max_age else None
    following = Monitor(published, _policy(vkeys, policy), state, now, age)
    try:
        if once:
            turn = following.turn()
            _show(turn, as_json=as_json)
            if webhook and turn.state != "ok":
                _tell_now(webhook, turn)
            raise SystemExit(EXIT[turn.state])
        _follow(following, interval, webhook, as_json=as_json)
    except MemoryBroken as error:
        raise click.ClickException(str(error)) from None


def _follow(following: Monitor, interval: int, webhook: str | None, *, as_json: bool) -> None:
    """Until it is stopped. Told is what changes: the same trouble is not told each minute."""
    notifier = Notifier(webhook) if webhook else None
    told: tuple[str, ...] = ("ok",)
    if notifier:
        notifier.start()
    try:
        while True:
            turn = following.turn()
            _show(turn, as_json=as_json)
            outcome = turn.state, *sorted({finding.code for finding in turn.findings})
            if notifier and outcome != told:
                notifier.tell(turn.as_json())
            told = outcome
            time.sleep(interval)
    finally:
        if notifier:
            notifier.stop()


def _policy(vkeys: tuple[str, ...], path: Path | None) -> Policy:
    try:
        found = Policy.parse(path.read_bytes(), of_a_log=True) if path else Policy([])
        for vkey in vkeys:
            (key,) = Policy.of_vkey(vkey).logs
            if key not in found.logs:
                found.logs.append(key)
    except EvidenceError as error:
        raise click.UsageError(str(error)) from None
    if not found.logs:
        raise click.UsageError("say whom to trust: --vkey KEY (`liuhen keys vkey`), or --policy")
    if len({key.name for key in found.logs}) > 1:
        raise click.UsageError("one log at a time: these verifier keys are of several")
    return found


def _check_address(url: str) -> None:
    try:
        address(url)
    except AnswerRefused as error:
        raise click.UsageError(f"{url}: {error}") from None


def _tell_now(webhook: str, turn: Turn) -> None:
    try:
        notify(webhook, turn.as_json())
    except AnswerRefused as error:
        click.echo(f"webhook: {error}", err=True)


def _show(turn: Turn, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(turn.as_json(), ensure_ascii=False))
        return
    zh, en = SAID[turn.state]
    click.echo(f"{turn.at:%Y-%m-%d %H:%M:%S}Z {turn.origin} {turn.size}: {zh} {en}")
    for finding in turn.findings:
        click.echo(f"✗ {finding.text('zh')}\n  {finding.text('en')}")
    if turn.unreachable:
        click.echo(f"  {turn.unreachable}")
