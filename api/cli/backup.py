"""`liuhen backup | restore | backup-key`: copies that are verified, and restores that are tried.

The backup's own key is a key file or a passphrase that is asked for; it is never an argument.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from api.cli.opened import opened, options, progress
from api.settings import Settings
from archive.backup import Backup, Taken
from archive.backup_files import Places, Stale
from archive.restoring import Drilled, Restore, Restored, drill
from archive.sealed_files import Secret, new_key_file

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
folder_argument = click.argument("folder", metavar="DIR", type=FOLDER)
keys_option = click.option(
    "--keys", type=FOLDER, default=None, help="Folder of the keys; DIR/keys if not given."
)
key_file_option = click.option(
    "--key-file", type=FILE, default=None, help="The backup's key; else a passphrase is asked for."
)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def _secret(key_file: Path | None, *, twice: bool) -> Secret:
    if key_file is not None:
        return Secret.from_file(key_file)
    asked = click.prompt(
        "备份口令 passphrase of the backup", hide_input=True, confirmation_prompt=twice, err=True
    )
    return Secret.from_passphrase(asked)


@click.command("backup-key")
@click.argument("file", type=FILE)
def backup_key(file: Path) -> None:
    """Make a key FILE for backups. Without it no backup opens: keep copies, not beside them."""
    new_key_file(file)
    click.echo(
        f"{file}\n没有它,任何备份都打不开;另存几份,勿与备份放在一起。\n"
        "Without it no backup opens: keep copies of it, none of them beside the backups."
    )


@click.command()
@folder_argument
@keys_option
@key_file_option
@click.option("--keys-only", is_flag=True, help="Keys and disposal ledger, without the data.")
@click.option(
    "--delete-stale",
    is_flag=True,
    help="Then delete the key files that open what has since been destroyed.",
)
@as_json_option
def backup(
    folder: Path,
    keys: Path | None,
    key_file: Path | None,
    *,
    keys_only: bool,
    delete_stale: bool,
    as_json: bool,
) -> None:
    """Back up the archive to DIR, beside a running server, and read everything back.

    DIR/data gets the data, DIR/keys (better: another medium, by --keys) the keys and the disposal
    ledger. Each alone opens nothing.
    """
    with opened() as archive, progress("backup", shown=not as_json) as bar:
        places, secret = Places.under(folder, keys), _secret(key_file, twice=True)
        if places.names("keys"):
            places.latest("keys", secret)  # the same key as before, or it is said now
        taking = Backup(archive, places, secret, bar)
        taken = taking.take_keys() if keys_only else taking.take()
        deleted = taking.delete_stale() if delete_stale else []
    click.echo(_json(taken, deleted) if as_json else _text(taken, deleted))


def _json(taken: Taken, deleted: list[Stale]) -> str:
    data, keys = taken.data, taken.keys
    said: dict[str, Any] = {
        "name": keys.name,
        "data": None if data is None else {"leaves": data.size, "root": data.root},
        "keys": {"leaves": keys.size, "root": keys.root, **keys.counts},
        "bytes": {
            kind: file.length
            for manifest in (data, keys)
            if manifest is not None
            for kind, file in manifest.files.items()
        },
        "seconds": round(taken.seconds, 3),
        "stale": [] if deleted else [_named(each) for each in taken.stale],
        "deleted": [_named(each) for each in deleted],
    }
    return json.dumps(said, ensure_ascii=False, indent=2)


def _named(stale: Stale) -> dict[str, Any]:
    files = [str(path) for path in stale.files]
    return {"name": stale.name, "opens": stale.opens, "files": files}


def _text(taken: Taken, deleted: list[Stale]) -> str:
    lines = [f"{taken.keys.name}: 已备份并读回核对 backed up and read back, {taken.seconds:.1f} s"]
    if taken.data is not None:
        size, length = taken.data.size, taken.data.files["data"].length
        lines.append(f"  数据 data: {size} leaves, root {taken.data.root}, {length} bytes")
    counts = taken.keys.counts
    lines.append(
        f"  密钥 keys: {counts['record_keys']}, 已销毁 destroyed: {counts['destroyed']}, "
        f"台账至 ledger up to leaf {taken.keys.size}"
    )
    if deleted:
        lines.append(
            "已删除的旧文件(其他介质上的副本也须删除) deleted; delete every other copy too:"
        )
    elif taken.stale:
        lines.append(
            "下列旧密钥文件仍能打开其后已销毁的记录,请连同所有副本删除(或加 --delete-stale)\n"
            "these older key files open what has since been destroyed: delete every copy of them "
            "(or run with --delete-stale):"
        )
    lines += [_line(each) for each in deleted or taken.stale]
    return "\n".join(lines)


def _line(stale: Stale) -> str:
    files = ", ".join(str(path) for path in stale.files)
    if stale.opens is None:
        return f"  {files} (未完成的备份 of a backup that was not finished)"
    return f"  {files} ({stale.opens} 条已销毁记录 destroyed records)"


@click.command()
@folder_argument
@keys_option
@key_file_option
@click.option("--name", default=None, help="Which backup of the data; the newest if not given.")
@click.option("--accept-findings", is_flag=True, help="Serve it though its check found something.")
@click.option(
    "--drill", "trial", is_flag=True, help="Only try: all of it, into a temporary folder."
)
@click.option("--scratch", type=FOLDER, default=None, help="Where a drill makes that folder.")
@as_json_option
def restore(
    folder: Path,
    keys: Path | None,
    key_file: Path | None,
    name: str | None,
    *,
    accept_findings: bool,
    trial: bool,
    scratch: Path | None,
    as_json: bool,
) -> None:
    """Restore a backup from DIR into the place of the settings, which is empty.

    Disposals and holds since then are in force again before anything is served.
    """
    secret = _secret(key_file, twice=False)
    with progress("restore", shown=not as_json) as bar:
        restoring = Restore(
            Places.under(folder, keys),
            secret,
            options(Settings.from_environment()),
            name,
            accept_findings,
            told=lambda _stage, done, of: bar(done, of),
        )
        if trial:
            drilled = drill(restoring, scratch)
            _tell(drilled.as_json(), _drilled(drilled), as_json=as_json)
            sys.exit(0 if drilled.ok else 1)
        restored = restoring.run()
    _tell(restored.as_json(), _restored(restored), as_json=as_json)


def _tell(said: dict[str, Any], text: str, *, as_json: bool) -> None:
    click.echo(json.dumps(said, ensure_ascii=False, indent=2) if as_json else text)


def _restored(restored: Restored) -> str:
    replayed, lost = restored.replayed, restored.lost
    lines = [
        f"已恢复 restored: {restored.data.name}, {restored.data.size} leaves, "
        f"root {restored.data.root}",
        f"  密钥与台账 keys and ledger: {restored.keys.name}",
        f"  其后失去的叶 leaves lost since: {lost} "
        f"(持有回执或检查点者可证明 receipts and heads given out show it)",
        f"  再次处置 disposed of again: {len(replayed.disposed)}, "
        f"生效的保留令 holds in force: {restored.holds}, "
        f"重新载入的规则、保留令、处置事件 events taken again: {replayed.again}",
        f"  核查发现 findings of the check: {restored.report.total}",
    ]
    lines += [f"  编号变更 renumbered: {old} -> {new}" for old, new in replayed.renumbered.items()]
    lines += [f"  {record}: {why}" for record, why in replayed.unexplained.items()]
    lines += [f"  {stage}: {spent:.1f} s" for stage, spent in restored.seconds.items()]
    return "\n".join(lines)


def _drilled(drilled: Drilled) -> str:
    head = (
        "恢复演练通过 restore drill passed" if drilled.ok else "恢复演练失败 restore drill FAILED"
    )
    span = (drilled.finished - drilled.started).total_seconds()
    lines = [f"{head}: {drilled.started.isoformat(timespec='seconds')}, {span:.1f} s"]
    if drilled.failed is not None:
        lines.append(f"  {drilled.failed}")
    if drilled.restored is not None:
        lines.append(_restored(drilled.restored))
    return "\n".join(lines)
