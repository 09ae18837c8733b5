"""Sessions of the pages: a random id in a cookie, its hash and its end in the key store.

The API key itself is never kept: a session names the key that began it, and ends with that key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from archive.callers import Callers
from archive.evidence.instant import parse_time, time_text
from archive.keystore import KeyStore

LASTS = timedelta(hours=8)
"""A working day."""
PREFIX = "session/"
FORM_SECRET = "pages/form-secret"  # noqa: S105 - the name under which the secret lies
FAILURES, WITHIN = 10, timedelta(minutes=5)
ADDRESSES = 10_000
"""So many addresses are remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Session:
    """`id`: what the cookie says. `caller`: id of the caller's record."""

    id: str
    key_id: str
    caller: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """Safe to use from any thread and in several processes."""

    keys: KeyStore
    callers: Callers

    def begin(self, api_key: str, now: datetime) -> Session:
        """Raises CallerRefusedError, in equal time whatever was wrong with the key."""
        issued = self.callers.recognise(api_key, now)
        self.keys.forget_secrets(now)
        session = Session(secrets.token_urlsafe(32), issued.key_id, issued.caller, now + LASTS)
        kept = {"key": session.key_id, "caller": session.caller, "until": time_text(now + LASTS)}
        self.keys.put_secret(_name(session.id), json.dumps(kept).encode(), session.expires)
        return session

    def find(self, session_id: str, now: datetime) -> Session | None:
        """The session of this cookie, unless it, or the key that began it, has ended."""
        stored = self.keys.secret(_name(session_id)) if session_id else None
        if stored is None:
            return None
        said = json.loads(stored)
        session = Session(session_id, said["key"], said["caller"], parse_time(said["until"]))
        if now >= session.expires or self.callers.still(session.key_id, now) is None:
            return None
        return session

    def end(self, session: Session) -> None:
        self.keys.drop_secret(_name(session.id))

    def form_token(self, *words: str) -> str:
        """What a form must send back, bound to the cookie that its page was made for."""
        secret = self.keys.secret_or_make(FORM_SECRET, lambda: secrets.token_bytes(32))
        return hmac.new(secret, "\n".join(words).encode(), hashlib.sha256).hexdigest()

    def form_fits(self, token: str, *words: str) -> bool:
        return hmac.compare_digest(token.encode(), self.form_token(*words).encode())


def _name(session_id: str) -> str:
    return PREFIX + hashlib.sha256(b"liuhen/v1/session\n" + session_id.encode()).hexdigest()


@dataclass(slots=True)
class Failures:
    """Logins that failed, by address, in this process. Keys have 256 random bits: this keeps the
    log of accesses readable rather than the keys secret."""

    _seen: OrderedDict[str, deque[datetime]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def too_many(self, address: str, now: datetime) -> bool:
        with self._lock:
            seen = self._seen.get(address, deque())
            while seen and now - seen[0] >= WITHIN:
                seen.popleft()
            return len(seen) >= FAILURES

    def note(self, address: str, now: datetime) -> None:
        with self._lock:
            self._seen.setdefault(address, deque(maxlen=FAILURES)).append(now)
            self._seen.move_to_end(address)
            while len(self._seen) > ADDRESSES:
                self._seen.popitem(last=False)
