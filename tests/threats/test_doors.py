"""What outsiders and insiders can ask for at all."""

from __future__ import annotations

from api.app import create_app
from api.settings import Settings
from tests.worlds import World

REVOKED = {"/v1/callers/{record}/keys/{key_id}", "/v1/keys/{key}", "/v1/signoff-keys/{key}"}


def test_no_door_edits(world: World) -> None:
    """E A: the interface adds and reads; it takes back keys, and no record."""
    paths = create_app(world.archive, Settings()).openapi()["paths"]
    methods = {method for said in paths.values() for method in said}
    assert methods == {"get", "post", "delete"}
    assert {path for path, said in paths.items() if "delete" in said} == REVOKED
