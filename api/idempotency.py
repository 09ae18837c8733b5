"""Idempotency keys: kept as HMACs under a secret of the day, which is destroyed with its window.

A bare hash of a body would be an oracle for short answers for ever (EVIDENCE 4); after the window
the secret is gone, and the rows say nothing. A key is recognised for at least 24 hours.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from archive.keystore import KeyStore
from archive.ledger import mac
from archive.store import Idempotency

WINDOW = timedelta(hours=25)
LONGEST_KEY = 255


@dataclass
class Windows:
    """The secrets of today and yesterday, and of the sources, which never expire."""

    keys: KeyStore
    _days: dict[date, bytes | None] = field(default_factory=dict)
    _source: bytes | None = None

    def asked(self, now: datetime, caller: str, key: str, body: bytes) -> Idempotency:
        """The request as it is kept under today's secret, and as yesterday's would have kept it."""
        today = now.astimezone(UTC).date()
        before = self._secret(today - timedelta(days=1), make=False)
        earlier = _kept(before, now, caller, key, body) if before is not None else None
        secret = self._secret(today, make=True)
        if secret is None:
            raise AssertionError("a secret that was made is there")
        return replace(_kept(secret, now, caller, key, body), earlier=earlier)

    def source(self, caller: str, source: str, source_id: str) -> bytes:
        """The mark by which a step sent again is recognised, however much later."""
        if self._source is None:
            self._source = self.keys.secret_or_make("source-mac", lambda: secrets.token_bytes(32))
        return mac(self._source, "source", caller, source, source_id)

    def fresh_secret(self) -> bytes:
        return secrets.token_bytes(32)

    def _secret(self, day: date, *, make: bool) -> bytes | None:
        if day not in self._days:
            name = f"idempotency/{day.isoformat()}"
            ends = datetime.combine(day, time(), UTC) + timedelta(days=1) + WINDOW
            self._days[day] = (
                self.keys.secret_or_make(name, lambda: secrets.token_bytes(32), ends)
                if make
                else self.keys.secret(name)
            )
            for old in [d for d in self._days if d < day - timedelta(days=1)]:
                del self._days[old]
        return self._days[day]


def _kept(secret: bytes, now: datetime, caller: str, key: str, body: bytes) -> Idempotency:
    return Idempotency(
        mac(secret, "key", caller, key), mac(secret, "body", caller, body), now + WINDOW
    )
