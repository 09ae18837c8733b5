"""The log as C2SP tlog-tiles over HTTP: what `liuhen publish` writes, served from the archive.

The checkpoint and the hashes tell nothing but how many events there are. Entries tell of every
event its kind, step, times and references, also of records that the caller may not see: unless the
log is public, they are only for keys to which nothing is hidden.
"""

from __future__ import annotations

import gzip
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from api.admission import Visit
from api.problems import Refusal
from api.reading import Asked
from api.replies import PROBLEM_RESPONSES
from archive.evidence.entries import encode, parse_entries_path
from archive.evidence.errors import FormatError
from archive.evidence.tiles import parse_tile_path, tile_width
from archive.publishing import published
from domain.kind import text

router = APIRouter(tags=["日志 / log"], responses=PROBLEM_RESPONSES)
YEAR = 365 * 24 * 3600
_PACKED = 5
"""Of gzip's levels: entries are mostly base64 and hashes, of which more effort saves no more."""


@router.get("/checkpoint", summary="检查点 / the signed head (C2SP tlog-checkpoint)")
def checkpoint(visit: Asked) -> Response:
    _let_in(visit)
    headers = {"Cache-Control": f"{_who(visit)}, no-cache"}
    note = published(visit.desk.archive).note
    return Response(note, 200, headers, media_type="text/plain; charset=utf-8")


@router.get("/tile/entries/{path:path}", summary="条目 / an entry bundle (C2SP tlog-tiles)")
def entries(visit: Asked, path: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    _let_in(visit)
    if not visit.desk.settings.publish_log and not _sees_everything(visit):
        raise Refusal("not-entitled", _HIDDEN)
    try:
        n, width = parse_entries_path(f"tile/entries/{path}")
    except FormatError:
        raise Refusal("not-found") from None
    _check_there(visit, 0, n, width)
    first = n * 256
    rows = visit.desk.archive.store.leaves(first, first + width)
    data = encode(row.leaf for row in rows)
    headers = {"Vary": "Accept-Encoding"}
    if _takes_gzip(accept_encoding):
        data = gzip.compress(data, _PACKED, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return _immutable(visit, data, headers)


@router.get("/tile/{path:path}", summary="哈希块 / a tile of hashes (C2SP tlog-tiles)")
def tile(visit: Asked, path: str) -> Response:
    _let_in(visit)
    try:
        level, n, width = parse_tile_path(f"tile/{path}")
    except FormatError:
        raise Refusal("not-found") from None
    _check_there(visit, level, n, width)
    hashes = visit.desk.archive.store.tile(level, n)
    if hashes is None or len(hashes) < width * 32:
        raise Refusal("not-found")
    return _immutable(visit, hashes[: width * 32], {})


def _let_in(visit: Visit) -> None:
    if not visit.desk.settings.publish_log:
        visit.guest.check_right("read")


def _sees_everything(visit: Visit) -> bool:
    caller = visit.guest.caller
    return "confidential" in caller.rights and not (caller.kinds or caller.departments)


_HIDDEN = text(
    "日志条目涉及全部记录:须有“confidential”权限且不限种类和部门。",
    "Entries tell of every record: a key with `confidential`, for all kinds and departments.",
)


def _check_there(visit: Visit, level: int, n: int, width: int) -> None:
    """Only what the published head covers; a partial one of any width up to what there is."""
    size = published(visit.desk.archive).size
    if width > tile_width(size, level, n):
        raise Refusal("not-found")


def _immutable(visit: Visit, data: bytes, headers: dict[str, str]) -> Response:
    headers["Cache-Control"] = f"{_who(visit)}, max-age={YEAR}, immutable"
    return Response(data, 200, headers, media_type="application/octet-stream")


def _who(visit: Visit) -> str:
    """Whose caches may keep it: shared ones would hand it to those without a key."""
    return "public" if visit.desk.settings.publish_log else "private"


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110 12.5.3, as far as our answer depends on it."""
    for part in accepted.split(","):
        coding, _, weight = part.strip().lower().partition(";")
        if coding.strip() == "gzip":
            return weight.strip().removeprefix("q=").strip("0.") != "" if weight else True
    return False
