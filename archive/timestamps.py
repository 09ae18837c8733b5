"""Time proven by others: RFC 3161 tokens over checkpoints, asked for, kept, and renewed.

A token says that the checkpoint existed at its time, and by existing that this time has come: the
one thing that whoever owns this machine's clock, database and keys cannot make. What is kept is
therefore believed only as far as it verifies, each time anew, against the pinned roots.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from archive import authority as authorities_said
from archive.authority import Authority, TimestampError, Token, TokenRefused
from archive.evidence.instant import time_text
from archive.findings import Finding
from archive.log import TransparencyLog
from archive.outbound import AnswerRefused, post
from archive.store import Checkpoint, Store, StoreError, Timestamp

SECONDS = 10.0
"""An authority has this long for the whole of its answer."""
LARGEST_ANSWER = 2 * authorities_said.LARGEST_TOKEN
RENEWAL = timedelta(days=30)
"""Tokens are renewed when the certificate behind them ends within this time."""
RENEWED_AT_ONCE = LOOKED_AT = 1000
_log = logging.getLogger("liuhen.timestamps")


class AuthorityAway(TimestampError):
    """The authority could not be asked, or gave no answer that can be read."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An instant that has come, by the word of somebody else."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class AuthorityHealth:
    """`last`: the time of the newest token; `away_since`: None while the last question went well.

    `error` is for people who run the archive; it holds no address.
    """

    name: str
    last: datetime | None = None
    away_since: datetime | None = None
    error: str | None = None


class Timestamps:
    """Tokens of the configured authorities. With none configured it never opens a connection."""

    def __init__(
        self,
        store: Store,
        log: TransparencyLog,
        authorities: Sequence[Authority],
        clock: Callable[[], datetime],
        seconds: float = SECONDS,
    ) -> None:
        self._store, self._log, self._clock = store, log, clock
        self._seconds = seconds
        self.authorities: Mapping[str, Authority] = {each.name: each for each in authorities}
        self._health: dict[str, AuthorityHealth] = {}
        self._lock = threading.Lock()

    @property
    def configured(self) -> bool:
        return bool(self.authorities)

    # ------------------------------------------------------------ asking

    def stamp(self, authority: Authority) -> Timestamp:
        """A token over the head as it is now, verified and kept.

        TimestampError: none was had, and the checkpoint stands as it is. StoreError: it could not
        be kept, or the log could not be signed.
        """
        try:
            checkpoint = self._log.checkpoint()
            token = self._ask(authority, checkpoint.note)
            made = _kept(checkpoint, authority, token)
            self._store.put_timestamp(made)
        except TimestampError as error:
            self._note_away(authority, error)
            raise
        self._note(AuthorityHealth(authority.name, made.gen_time))
        return made

    def stamp_all(self) -> list[Timestamp]:
        """A token of each authority that gives one now: for a deed that needs the time proven."""
        made = []
        for authority in self.authorities.values():
            try:
                made.append(self.stamp(authority))
            except TimestampError:
                continue  # `health` says so
        return made

    def stamp_present(self) -> None:
        """As `stamp_all`, but those who did not answer last time are not waited for."""
        away = {each.name for each in self.health() if each.away_since is not None}
        for name, authority in self.authorities.items():
            if name not in away:
                with suppress(TimestampError):  # `health` says so
                    self.stamp(authority)

    def renew(self, authority: Authority) -> Timestamp | None:
        """One token over the hashes of those whose certificates end soon, kept beside them.

        Only if this authority's certificate now outlasts theirs: else nothing would be gained.
        """
        newest = self._store.newest_timestamps(authority.name, 1)
        before = self._clock() + RENEWAL
        ending = self._store.ending_timestamps(before, RENEWED_AT_ONCE)
        due = [each for each in ending if newest and each.ends < newest[0].ends]
        if not due:
            return None
        message = b"".join(each.hash for each in due)
        token = self._ask(authority, message)
        if token.ends <= max(each.ends for each in due):  # the row said more than is true
            return None
        youngest = max(due, key=lambda each: each.size)
        made = Timestamp(
            youngest.size,
            youngest.note_hash,
            authority.name,
            token.encoded,
            token.gen_time,
            token.ends,
            renews=message,
        )
        self._store.put_timestamp(made)
        return made

    def _ask(self, authority: Authority, message: bytes) -> Token:
        request = authorities_said.make_request(message)
        try:
            answer = post(
                authority.url,
                request.as_bytes(),
                sent="application/timestamp-query",
                wanted="application/timestamp-reply",
                seconds=self._seconds,
                limit=LARGEST_ANSWER,
            )
        except AnswerRefused as error:
            raise AuthorityAway(f"timestamp authority {authority.name}: {error}") from error
        try:
            return authorities_said.accept(authority, answer, message, request.nonce)
        except TokenRefused as error:
            raise TokenRefused(f"timestamp authority {authority.name}: {error}") from None

    # ------------------------------------------------------------ what is proven

    def proven(self) -> tuple[Proven, ...]:
        """The latest instant that each authority's kept tokens prove; none of one that has none.

        Rows are looked at from the latest time down, and the first that verifies is the answer: a
        row that somebody wrote into the table proves nothing. Past LOOKED_AT forged ones nothing
        is proven.
        """
        found = []
        for name in self.authorities:
            newest = self._store.newest_timestamps(name, LOOKED_AT)
            holds = next((each for each in newest if self.verified(each)), None)
            if holds is not None:
                found.append(Proven(holds.gen_time, name))
        return tuple(found)

    def verified(self, kept: Timestamp) -> bool:
        """Whether a kept token is what its row says, by an authority that is configured.

        That the log key signed the checkpoint is not asked: the token's time has come whatever
        it is over, so long as it is ours.
        """
        authority = self.authorities.get(kept.authority)
        return authority is not None and self._fault(kept, authority) is None

    def judge(self, counts: Counter[str]) -> Iterator[Finding]:
        """Every kept token of a configured authority that is not what its row says.

        Under whatever policy it was issued: that may have been another when it was asked for. Of
        authorities that are no longer configured there are no roots to judge by.
        """
        for kept in self._store.timestamps():
            authority = self.authorities.get(kept.authority)
            if authority is None:
                counts["timestamps-unjudged"] += 1
                continue
            counts["timestamps"] += 1
            fault = self._fault(kept, replace(authority, policy=None))
            if fault is not None:
                yield Finding("timestamp", fault, part=f"timestamp {kept.size} {kept.authority}")

    def _fault(self, kept: Timestamp, authority: Authority) -> str | None:
        message = kept.renews if kept.renews is not None else self._note_of(kept)
        if message is None:
            return "the head that it is over is not stored"
        try:
            token = authorities_said.verify(authority, kept.token, message)
        except TokenRefused as error:
            return str(error)
        if token.gen_time != kept.gen_time:
            return f"stored with another time than the signed {time_text(token.gen_time)}"
        if token.ends != kept.ends:
            return f"stored with another end than its certificate's {time_text(token.ends)}"
        return None

    def _note_of(self, kept: Timestamp) -> bytes | None:
        found = self._store.checkpoint(kept.size)
        if found is not None and _hash(found.note) == kept.note_hash:
            return found.note
        for each in self._store.checkpoints(after=kept.size - 1):  # a new log key, the same size
            if each.size != kept.size:
                break
            if _hash(each.note) == kept.note_hash:
                return each.note
        return None

    # ------------------------------------------------------------ health

    def health(self) -> tuple[AuthorityHealth, ...]:
        """Of each configured authority, in the order of the settings."""
        with self._lock:
            known = dict(self._health)
        return tuple(known.get(name) or self._stored_health(name) for name in self.authorities)

    def _stored_health(self, name: str) -> AuthorityHealth:
        newest = self._store.newest_timestamps(name, 1)
        return AuthorityHealth(name, newest[0].gen_time if newest else None)

    def _note_away(self, authority: Authority, error: Exception) -> None:
        with self._lock:
            before = self._health.get(authority.name)
        if before is None:
            before = AuthorityHealth(authority.name)
        since = before.away_since or self._clock()
        self._note(replace(before, away_since=since, error=str(error)))

    def _note(self, health: AuthorityHealth) -> None:
        with self._lock:
            self._health[health.name] = health


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _kept(checkpoint: Checkpoint, authority: Authority, token: Token) -> Timestamp:
    return Timestamp(
        checkpoint.size,
        _hash(checkpoint.note),
        authority.name,
        token.encoded,
        token.gen_time,
        token.ends,
    )


class Stamper:
    """Asks each authority every `interval` seconds; while one is away, after `retry`, twice that,
    and so on up to the interval. A still log is stamped too, since time goes on."""

    def __init__(
        self, timestamps: Timestamps, interval: float = 3600.0, retry: float = 30.0
    ) -> None:
        self._timestamps, self._interval, self._retry = timestamps, interval, retry
        self._failed: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts nothing where no authority is configured."""
        if self._timestamps.configured:
            self._thread = threading.Thread(target=self._run, name="timestamps", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended; an answer under way is waited for."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            for authority in self._timestamps.authorities.values():
                if self._stop.is_set():
                    return
                if self._due.get(authority.name, 0.0) <= monotonic():
                    self._due[authority.name] = monotonic() + self.turn(authority)
            if self._stop.wait(max(min(self._due.values()) - monotonic(), 0.0)):
                return

    def turn(self, authority: Authority) -> float:
        """Asks once; the seconds until it is asked again."""
        try:
            self._timestamps.stamp(authority)
            self._timestamps.renew(authority)
        except (TimestampError, StoreError) as error:
            _log.warning("no timestamp of %s: %s", authority.name, error)
            failed = self._failed[authority.name] = self._failed.get(authority.name, 0) + 1
            return min(self._retry * 2.0 ** min(failed - 1, 16), self._interval)
        self._failed.pop(authority.name, None)
        return self._interval
