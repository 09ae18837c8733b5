"""The log over HTTP, as a stranger's client reads it, and who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive.evidence.entries import entries_path
from archive.evidence.tiles import tile_path
from archive.log import vkey
from tests import foreign_client
from tests.api.conftest import COMPLAINT, Plant, limits, opened


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Plant]:
    """A plant whose log is for everybody."""
    yield from opened(tmp_path / "data", None, limits(publish_log=True))


@pytest.fixture
def public_both(tmp_path: Path, store_name: str, request: pytest.FixtureRequest) -> Iterator[Plant]:
    """The same on each store."""
    dsn = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    yield from opened(tmp_path / "data", dsn, limits(publish_log=True))


def filled(plant: Plant, events: int = 0) -> str:
    """The verifier key of a log that now has more than a tile where asked for."""
    for _ in range(events):
        assert plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).status_code == 201
    plant.archive.log.checkpoint()
    return vkey(plant.archive.options.origin, plant.archive.keyring.log_key)


def fetching(plant: Plant, who: str | None, **headers: str) -> foreign_client.Fetch:
    def fetch(path: str) -> bytes | None:
        reply = plant.get(who, f"/{path}", headers=headers)
        return reply.content if reply.status_code == 200 else None

    return fetch


def stored(plant: Plant) -> list[bytes]:
    size = plant.archive.log.latest()
    assert size is not None
    return [row.leaf for row in plant.archive.store.leaves(0, size.size)]


def test_a_stranger_derives_the_public_log(public_both: Plant) -> None:
    """Without a key, and with the specifications alone, the whole log is read and verified."""
    key = filled(public_both, 240)
    head, entries = foreign_client.read_log(fetching(public_both, None), key)
    assert head.size > 256
    assert entries == stored(public_both)


def test_who_sees_everything_reads_the_closed_log(plant: Plant) -> None:
    """By default the whole log is for keys with `confidential`, for all kinds and departments."""
    key = filled(plant)
    plant.register_caller("monitor", system="monitor", rights=["read", "confidential"])
    head, entries = foreign_client.read_log(fetching(plant, "monitor"), key)
    assert (head.size, entries) == (len(entries), stored(plant))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"rights": ["read"]}, (200, 200, 403)),
        ({"rights": ["read", "confidential"], "kinds": [{"kind": "complaint"}]}, (200, 200, 403)),
        ({"rights": ["write"]}, (403, 403, 403)),
        ({"rights": ["confidential"]}, (403, 403, 403)),
    ],
)
def test_rights(plant: Plant, said: dict[str, Any], status: tuple[int, ...]) -> None:
    """Entries tell of all records, so a key that is narrowed gets the head and hashes at most."""
    filled(plant)
    plant.register_caller("asker", system="asker", **said)
    plant.archive.log.checkpoint()
    width = len(stored(plant))
    paths = ("checkpoint", tile_path(0, 0, width), entries_path(0, width))
    assert tuple(plant.get("asker", f"/{path}").status_code for path in paths) == status
    assert {plant.get(None, f"/{path}").status_code for path in paths} == {401}


def test_departments_narrow_too(plant: Plant) -> None:
    """A key for one department reads no entries."""
    filled(plant)
    plant.register_caller("office", system="office", departments=[plant.departments["cs"]])
    width = len(stored(plant))
    assert plant.get("office", f"/{entries_path(0, width)}").status_code == 403


def test_headers(public: Plant) -> None:
    """Nobody keeps the checkpoint; tiles and bundles are kept for ever."""
    filled(public)
    width = len(stored(public))
    head = public.get(None, "/checkpoint")
    assert head.headers["cache-control"] == "public, no-cache"
    assert head.headers["content-type"] == "text/plain; charset=utf-8"
    for path in (tile_path(0, 0, width), entries_path(0, width)):
        reply = public.get(None, f"/{path}")
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert reply.headers["content-type"] == "application/octet-stream"


def test_shared_caches_keep_no_closed_log(plant: Plant) -> None:
    """Where a key is asked for, a proxy's cache may not hand the answer to others."""
    filled(plant)
    width = len(stored(plant))
    for path in ("checkpoint", tile_path(0, 0, width), entries_path(0, width)):
        reply = plant.get("boss", f"/{path}")
        assert (reply.status_code, reply.headers["cache-control"][:7]) == (200, "private")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("identity", False), ("gzip;q=0", False), ("br, GZIP;q=0.5", True)],
)
def test_packed_entries(public: Plant, accepted: str, packed: bool) -> None:
    """Bundles go compressed to those who take gzip, and read the same."""
    filled(public)
    width = len(stored(public))
    reply = public.get(None, f"/{entries_path(0, width)}", headers={"Accept-Encoding": accepted})
    assert (reply.headers.get("content-encoding") == "gzip") is packed
    assert reply.headers["vary"] == "Accept-Encoding"
    plain = public.get(None, f"/{entries_path(0, width)}", headers={"Accept-Encoding": "identity"})
    assert reply.content == plain.content


def test_what_is_not_there(public: Plant) -> None:
    """Full tiles that are not full, what no head covers yet, and other spellings: 404, not kept."""
    filled(public)
    width = len(stored(public))
    public.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    absent = [
        "tile/0/000", "tile/entries/000", f"tile/0/000.p/{width + 1}", "tile/1/000.p/1",
        f"tile/entries/000.p/{width + 1}", "tile/0/001.p/1", "tile/64/000.p/1", "tile/0/0",
        "tile/00/000.p/1", "tile/0/000.p/01", "tile/0/000.p/0", "tile/", "tile/entries/",
        "tile/0/x000/000.p/1", "tile/entries/..%2f0/000.p/1", "tile/0/000.p/1/", "tile/-1/000.p/1",
    ]  # fmt: skip
    for path in absent:
        reply = public.get(None, f"/{path}")
        assert (path, reply.status_code) == (path, 404)
        assert reply.headers["cache-control"] == "no-store"


def test_an_earlier_width(public: Plant) -> None:
    """Partial tiles of earlier heads stay there, the beginning of what there is now."""
    filled(public)
    now = public.get(None, f"/{tile_path(0, 0, len(stored(public)))}").content
    assert public.get(None, f"/{tile_path(0, 0, 5)}").content == now[: 5 * 32]


def test_a_proof_file(both: Plant) -> None:
    """The proof of one event is a file that a stranger verifies with the log's key alone."""
    reply = both.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    record, key = reply.json()["record"], filled(both)
    answer = both.get("cs", f"/v1/records/{record}/events/1/tlog-proof")
    assert answer.headers["content-disposition"].endswith('.tlog-proof"')
    _, index, leaf = foreign_client.read_proof(answer.content, key)
    assert index == reply.json()["leaf_index"]
    assert stored(both)[index] == leaf
    assert (
        both.get("cs", f"/v1/records/{record}/events/1/proof").json()["tlog_proof"] == answer.text
    )
    assert both.get("cs", f"/v1/records/{record}/events/9/tlog-proof").status_code == 404
    assert both.get("mes", "/v1/records/KS-2026-99999/events/1/tlog-proof").status_code == 404
