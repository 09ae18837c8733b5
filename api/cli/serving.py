"""`liuhen init | serve`: make an archive, and run it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvicorn

from api import first_start, sample
from api.app import create_app
from api.cli.opened import options
from api.clock import now
from api.connections import bounded
from api.settings import Settings
from archive.log import Heartbeat
from archive.opening import Archive, open_archive
from archive.restoring import check_served
from archive.sweeping import Sweeper
from archive.timestamps import Stamper
from archive.watching import Watch
from archive.witnessing import Cosigner
from retention import founding

SAMPLE_KEYS = "sample-keys.json"
"""The sample plant's API keys, kept to be shown again: no other key ever lies in a file."""


@click.command()
@click.option("--administrator", default="系统管理员", show_default=True, help="Their name.")
@click.option("--sample", "with_sample", is_flag=True, help="Fill it with the sample plant.")
def init(administrator: str, *, with_sample: bool) -> None:
    """Make the archive of the settings, with its first administrator and the official calendars.

    Prints the administrator's API key: it cannot be shown again.
    """
    settings = Settings.from_environment()
    with open_archive(options(settings)) as archive:
        if not first_start.empty(archive):
            raise click.UsageError("this archive has its people already; nothing was changed")
        if with_sample:
            _fill(archive, settings.data)
            _show_keys(settings.data)
            return
        key = first_start.found(archive, administrator)
    click.echo(f"{administrator} 的密钥 API key (shown once): {key}")


@click.command()
@click.option("--sample", "with_sample", is_flag=True, help="Fill an empty archive first.")
@click.option("--host", default=None, help="Overrides LIUHEN_HOST.")
@click.option("--port", type=int, default=None, help="Overrides LIUHEN_PORT.")
def serve(host: str | None, port: int | None, *, with_sample: bool) -> None:
    """Serve the API and the pages, until stopped."""
    settings = Settings.from_environment()
    host, port = host or settings.host, settings.port if port is None else port
    with open_archive(options(settings)) as archive:
        check_served(archive)
        if with_sample and first_start.empty(archive):
            click.echo("第一次启动:正在写入示例工厂 first start: filling in the sample plant ...")
            _fill(archive, settings.data)
        founding.found(archive)  # an archive of an earlier version has no rules yet
        app = create_app(archive, settings)
        click.echo(f"\n留痕 Liuhen: http://{host}:{port}/    API: http://{host}:{port}/docs")
        _show_keys(settings.data)
        with _kept_up(archive, settings, app.state.desk.watch):
            app.state.desk.executions.resume()
            uvicorn.run(
                app,
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                http=bounded(settings.idle_seconds),
                timeout_keep_alive=settings.idle_seconds,
            )


@contextmanager
def _kept_up(archive: Archive, settings: Settings, watch: Watch) -> Iterator[None]:
    """Views, heads and what others say of them, checks and sweeping go on beside the server."""
    heartbeat = Heartbeat(archive.log, settings.checkpoint_seconds)
    stamper = Stamper(archive.timestamps, settings.timestamp_seconds)
    cosigner = Cosigner(archive.witnesses, settings.witness_seconds)
    sweeper = Sweeper(archive.attachments, archive.keys, archive.witnesses, now)
    archive.views.start()
    heartbeat.start()
    stamper.start()
    cosigner.start()
    watch.start()
    sweeper.start()
    try:
        yield
    finally:
        sweeper.stop()
        watch.stop()
        cosigner.stop()
        stamper.stop()
        heartbeat.stop()
        archive.views.stop()


def _fill(archive: Archive, data: Path) -> None:
    keys = sample.fill(archive)
    archive.views.catch_up()
    archive.log.checkpoint()
    path = data / SAMPLE_KEYS
    path.touch(mode=0o600)
    path.write_text(json.dumps(keys, ensure_ascii=False, indent=2), encoding="utf-8")


def _show_keys(data: Path) -> None:
    path = data / SAMPLE_KEYS
    if path.exists():
        click.echo("示例密钥,用于登录 sample keys, to log in with:")
        for name, key in json.loads(path.read_text(encoding="utf-8")).items():
            click.echo(f"  {name:14} {key}")
    click.echo(f"{now().isoformat(timespec='seconds')} 按 Ctrl-C 停止 press Ctrl-C to stop\n")
