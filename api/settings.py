"""The one reader of the environment. Every setting stands in docs/settings.md."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PREFIX = "LIUHEN_"


class SettingError(Exception):
    """A setting that cannot be; the message says which, and what it may be."""

    def __init__(self, name: str, told: str, what: str) -> None:
        super().__init__(f"{name}={told!r}: {what}")
        self.name = name


def _zone(told: str) -> ZoneInfo:
    try:
        return ZoneInfo(told)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("name a time zone such as Asia/Shanghai") from None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(told: str) -> int:
        if not (told.isascii() and told.isdigit()) or not least <= int(told) <= most:
            raise ValueError(f"give a whole number from {least} to {most}")
        return int(told)

    return read


def _switch(told: str) -> bool:
    if told not in ("yes", "no"):
        raise ValueError("say yes or no")
    return told == "yes"


def _origin(told: str) -> str:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:-")
    if not told or len(told) > 128 or not set(told) <= allowed or not told[0].isalnum():
        raise ValueError("up to 128 letters, digits and . _ / : - such as archive.plant.example")
    return told


def _site(told: str) -> str:
    if _SITE_ADDRESS.fullmatch(told) is None:
        raise ValueError("https://host or https://host:port, as browsers write it (no path)")
    return told


def _webhook(told: str) -> str:
    if _WEBHOOK.fullmatch(told) is None:
        raise ValueError("an address such as https://alarms.example/liuhen (no user, no password)")
    return told


def _signoff(told: str) -> str:
    if told not in ("api-key", "personal"):
        raise ValueError("say api-key or personal")
    return told


def _authorities(told: str) -> tuple[TimestampAuthority, ...]:
    """`name=URL` or `name=URL#policy`, separated by white space."""
    made = tuple(_authority(one) for one in told.split())
    if len({each.name for each in made}) < len(made):
        raise ValueError("give each timestamp authority a name of its own")
    return made


def _authority(told: str) -> TimestampAuthority:
    match = _AUTHORITY.fullmatch(told)
    if match is None:
        raise ValueError(
            "name=URL, or name=URL#policy with the policy's object identifier, separated by "
            "spaces, such as plant=https://tsa.example/tsr#1.3.6.1.4.1.99999.1 (no user, no "
            "password)"
        )
    return TimestampAuthority(*match.groups())


_AUTHORITY = re.compile(
    r"([a-z0-9][a-z0-9-]{0,31})="
    r"(https?://[^\s#/?@]+(?:[/?][^\s#]*)?)"
    r"(?:#([0-2](?:\.(?:0|[1-9][0-9]*))+))?"
)
_SITE_ADDRESS = re.compile(
    r"(?:https://[a-z0-9][a-z0-9.-]{0,252}|http://localhost)(?::[1-9][0-9]{0,4})?", re.ASCII
)
_WEBHOOK = re.compile(r"https?://[^\s#/?@]+(?:[/?][^\s#]*)?")
_SITE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """One of LIUHEN_TIMESTAMP_AUTHORITIES. Its roots lie in <LIUHEN_TIMESTAMP_ROOTS>/<name>.pem."""

    name: str
    url: str
    policy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Field `data` is LIUHEN_DATA, and so on. Sizes are bytes, spans seconds.

    `key`: the API key in whose name the commands of `liuhen retention` act.
    """

    data: Path = Path("data")
    database: str | None = None
    origin: str = "liuhen.local/archive"
    zone: ZoneInfo = _SITE
    checkpoint_seconds: int = 60
    host: str = "127.0.0.1"
    port: int = 8470
    threads: int = 80
    body_limit: int = 1024 * 1024
    batch_limit: int = 16 * 1024 * 1024
    attachment_limit: int = 2 * 1024**3
    upload_quota: int = 8 * 1024**3
    upload_quota_total: int = 32 * 1024**3
    request_seconds: int = 30
    idle_seconds: int = 30
    access_log_seconds: int = 5
    timestamp_authorities: tuple[TimestampAuthority, ...] = ()
    timestamp_roots: Path = Path("timestamp-roots")
    timestamp_seconds: int = 3600
    witness_policy: Path | None = None
    witness_seconds: int = 3600
    publish_log: bool = False
    self_check_hours: int = 24
    self_check_share: int = 20
    self_check_memory: Path | None = None
    alarm_webhook: str | None = None
    open_metrics: bool = False
    site: str | None = None
    signoff: str = "api-key"
    disposal_cool_off_days: int = 7
    key_backup: Path | None = None
    key_backup_file: Path | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def web_origin(self) -> str:
        """Where browsers find the pages; passkeys are bound to its host."""
        return self.site or f"http://localhost:{self.port}"

    @property
    def rp(self) -> str:
        """The id of the site in the sense of WebAuthn: the host of `web_origin`."""
        return self.web_origin.partition("://")[2].partition(":")[0]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises SettingError. What is not set, or empty, has its default."""
        told = os.environ if environment is None else environment
        given: dict[str, Any] = {}
        for each in fields(cls):
            name = PREFIX + each.name.upper()
            if told.get(name):
                try:
                    given[each.name] = READERS[each.name](told[name])
                except ValueError as error:
                    raise SettingError(name, told[name], str(error)) from None
        return cls(**given)


def names() -> tuple[str, ...]:
    """The variables that are read."""
    return tuple(PREFIX + each.name.upper() for each in fields(Settings))


READERS: Mapping[str, Callable[[str], Any]] = {
    "data": Path,
    "database": str,
    "origin": _origin,
    "zone": _zone,
    "checkpoint_seconds": _whole(1, 3600),
    "host": str,
    "port": _whole(0, 65535),
    "threads": _whole(4, 1000),
    "body_limit": _whole(1024, 64 * 1024 * 1024),
    "batch_limit": _whole(1024, 256 * 1024 * 1024),
    "attachment_limit": _whole(1, 2**40),
    "upload_quota": _whole(1, 2**50),
    "upload_quota_total": _whole(1, 2**50),
    "request_seconds": _whole(1, 3600),
    "idle_seconds": _whole(1, 3600),
    "access_log_seconds": _whole(1, 3600),
    "timestamp_authorities": _authorities,
    "timestamp_roots": Path,
    "timestamp_seconds": _whole(60, 86400),
    "witness_policy": Path,
    "witness_seconds": _whole(60, 86400),
    "publish_log": _switch,
    "self_check_hours": _whole(1, 720),
    "self_check_share": _whole(1, 100),
    "self_check_memory": Path,
    "alarm_webhook": _webhook,
    "open_metrics": _switch,
    "site": _site,
    "signoff": _signoff,
    "disposal_cool_off_days": _whole(0, 180),
    "key_backup": Path,
    "key_backup_file": Path,
    "key": str,
}
