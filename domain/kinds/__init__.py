"""Every kind of record: one file each, found by being there.

A file says `VERSIONS`, a tuple of its kinds, oldest first. A stored record pins the version it was
opened with, so an earlier version is never removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from domain.errors import UnknownKindError
from domain.kind import Kind


@cache
def all_versions() -> Mapping[tuple[str, int], Kind]:
    """Every version of every kind, by id and version."""
    names = sorted(module.name for module in iter_modules(__path__))
    kinds = [k for name in names for k in import_module(f"{__name__}.{name}").VERSIONS]
    return {(kind.id, kind.version): kind for kind in kinds}


@cache
def current() -> Mapping[str, Kind]:
    """The latest version of each kind, by id: what new records are opened with."""
    return {kind.id: kind for kind in sorted(all_versions().values(), key=lambda k: k.version)}


def find(kind_id: str, version: int | None = None) -> Kind:
    """A kind in the version asked for (default: latest). Raises UnknownKindError."""
    kind = current().get(kind_id) if version is None else all_versions().get((kind_id, version))
    if kind is None:
        raise UnknownKindError(kind_id, version)
    return kind
