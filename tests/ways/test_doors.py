"""What no way offers. A new route or command that deletes, edits or forces fails here first, to be
looked at before it is a way around (RETENTION.md 7.1, 7.2, 7.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from api.cli import cli
from domain.kinds import current
from tests.ways.house import House

WORDS = ("delete", "destroy", "dispose", "purge", "erase", "edit", "force", "skip", "override")
KEYS_ONLY = {
    "/v1/callers/{record}/keys/{key_id}", "/v1/keys/{key}", "/v1/signoff-keys/{key}",
}  # fmt: skip
"""What DELETE is for: a key is revoked, and stays in the register."""
PAPER = {
    "/v1/retention/disposals/{record}/destroy-paper",  # asks first whether each copy may go
    "/v1/disposal/{record}/steps/destroy-paper",
    "/v1/paper-copy/{record}/steps/destroy",
}


def routes(house: House) -> list[tuple[str, str]]:
    """Method and path of all that the interface's own description has."""
    said: dict[str, Any] = house.client.app.openapi()  # type: ignore[attr-defined]
    return [(m.upper(), path) for path, methods in said["paths"].items() for m in methods]


def test_no_route_deletes_edits_or_forces(house: House) -> None:
    """All others read or append; what sounds like more is the archive's own, or asks first."""
    found = routes(house)
    assert len(found) > 100
    assert {path for method, path in found if method not in ("GET", "POST")} == KEYS_ONLY
    assert {path for _, path in found if any(word in path for word in WORDS)} == PAPER
    own = {
        f"/v1/{kind.id}/{{record}}/steps/{step.id}"
        for kind in current().values()
        for step in kind.steps
        if not step.by and not step.opens
    }
    assert own >= PAPER - {"/v1/retention/disposals/{record}/destroy-paper"}


def test_nothing_is_deleted_or_replaced_by_method(house: House) -> None:
    """Whatever can be read: DELETE, PUT and PATCH of it are refused to an administrator with every
    role, and nothing has changed."""
    record = house.filed()
    before = house.leaves()
    headers = {"Authorization": f"Bearer {house.keys['root']}"}
    tried = 0
    for path in sorted({path for _, path in routes(house)} - KEYS_ONLY):
        if "/steps/" in path:
            continue
        address = path.replace("{record}", record.id).replace("{", "").replace("}", "")
        for method in ("DELETE", "PUT", "PATCH"):
            said = house.client.request(method, address, headers=headers)
            # 422: /v1/keys/challenges is no name of a key.
            assert said.status_code in (404, 405, 422), (method, path, said.text)
            tried += 1
    assert tried > 100
    assert house.leaves() == before
    house.whole(record)


def commands(group: click.Command = cli, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each command with its options."""
    if not isinstance(group, click.Group):
        yield path, {option for parameter in group.params for option in parameter.opts}
        return
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        yield from commands(found, f"{path} {name}".strip())


def test_no_command_deletes_edits_or_forces() -> None:
    """Whoever is at the machine lists, starts and executes by the rules of HTTP, and no more: to
    review and to approve is for people, with their keys, over HTTP."""
    found = dict(commands())
    of_retention = {name for name in found if name.startswith("retention ")}
    assert of_retention == {
        f"retention {name}"
        for name in (
            "plan", "due", "rules", "list", "start", "execute", "certificate", "file-imported",
        )
    }  # fmt: skip
    suspicious = {
        (name, each)
        for name, options in found.items()
        for each in {name, *options}
        if any(word in each for word in WORDS)
    }
    # Of key backups, those that open what is gone: what a disposal asks for.
    assert suspicious == {("backup", "--delete-stale")}
