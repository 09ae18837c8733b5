"""Heads that others have seen: cosignatures of witnesses (C2SP tlog-witness), and what may go out.

A witness signs a head only if it is an extension of the last that it signed, so two stories of one
log find no quorum for both. Where a policy asks for a quorum, nobody outside gets a head before it
is met; appending goes on in any case. What is kept is believed only as far as it verifies.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from time import monotonic

from archive.evidence import cosignature as said
from archive.evidence import note
from archive.evidence.errors import EvidenceError, FormatError, SignatureError
from archive.evidence.policy import Policy
from archive.log import TransparencyLog
from archive.outbound import Answer, AnswerRefused, address, ask
from archive.store import Checkpoint, Cosignature, Store, StoreError
from archive.timestamps import Proven

SECONDS = 10.0
"""A witness has this long for the whole of an answer."""
LARGEST_ANSWER = 64 * 1024
ATTEMPTS = 4
"""Questions in one turn: a witness that names another size each time has no more than these."""
PAGE, LOOKED_AT = 100, 10_000
KEPT_WHOLE = timedelta(days=7)
"""In which every cosignature stays."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = 2**63 - 1
STATUSES = frozenset({200, 400, 403, 404, 409, 422})
_log = logging.getLogger("liuhen.witnesses")


class NotPublished(StoreError):
    """No head met the quorum yet, or none that covers what was asked for."""


class WitnessState(StrEnum):
    """`AHEAD`: it has seen more leaves than there are here. `FORK`: it has seen other ones."""

    OK = "ok"
    AWAY = "away"
    REFUSES = "refuses"
    AHEAD = "ahead"
    FORK = "fork"


class WitnessError(Exception):
    """No cosignature was had; the message says why. It holds no address."""

    def __init__(self, message: str, state: WitnessState = WitnessState.AWAY) -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True, slots=True)
class WitnessHealth:
    """`size` and `last`: of its newest cosignature. `since`: when it stopped being OK."""

    name: str
    state: WitnessState = WitnessState.OK
    size: int | None = None
    last: datetime | None = None
    since: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class QuorumHealth:
    """`size` of the head that goes out, None while there is none. `behind_since`: when the first
    head was signed that has no quorum yet; None while there is no such head."""

    size: int | None
    behind_since: datetime | None


def check_policy(policy: Policy, origin: str) -> None:
    """FormatError unless an archive of this origin can go by it."""
    for url in policy.urls.values():
        try:
            address(url)
        except AnswerRefused as error:
            raise FormatError(f"witness {url}: {error}") from None
    if policy.logs and all(key.name != origin for key in policy.logs):
        raise FormatError(f"the policy lists logs, but none that is named {origin}")
    if not policy.met(policy.urls):
        raise FormatError(
            "the quorum cannot be met by the witnesses that have an address: add the address at "
            "the end of their lines"
        )


class Witnesses:
    """The witnesses of a policy. With none it never opens a connection, and every head goes out."""

    def __init__(
        self,
        store: Store,
        log: TransparencyLog,
        policy: Policy | None,
        clock: Callable[[], datetime],
        seconds: float = SECONDS,
    ) -> None:
        self._store, self._log, self._clock = store, log, clock
        self._policy, self._seconds = policy or Policy([]), seconds
        self.names = tuple(self._policy.urls)
        """Those that are asked."""
        self._health: dict[str, WitnessHealth] = {}
        self._known: dict[str, int] = {}
        self._found: tuple[tuple[int, bytes | None], Checkpoint | None] | None = None
        self._unmet = False
        self._lock = threading.Lock()

    @property
    def configured(self) -> bool:
        return bool(self.names)

    def latest_note(self) -> bytes | None:
        latest = self._log.latest()
        return latest.note if latest else None

    # ------------------------------------------------------------ asking

    def cosign(self, name: str) -> Cosignature:
        """A cosignature of this witness over the latest head, verified and kept.

        WitnessError: none was had. StoreError: it could not be kept.
        """
        try:
            made = self._ask(name)
        except WitnessError as error:
            self._note_failed(name, error)
            raise
        self._store.put_cosignature(made)
        with self._lock:
            self._known[name] = made.size
            self._health[name] = WitnessHealth(name, WitnessState.OK, made.size, made.time)
        return made

    def cosign_all(self) -> None:
        """A head over all leaves, shown to every witness now; `health` says who did not sign."""
        self._log.checkpoint()
        if self.names:
            with ThreadPoolExecutor(len(self.names), "witness") as pool:
                for error in pool.map(self._try, self.names):
                    if isinstance(error, StoreError):
                        raise error

    def _try(self, name: str) -> Exception | None:
        try:
            self.cosign(name)
        except (WitnessError, StoreError) as error:
            return error
        return None

    def _ask(self, name: str) -> Cosignature:
        head = self._log.latest() or self._log.checkpoint()
        old = self._old_size(name)
        for _ in range(ATTEMPTS):
            if old > head.size:
                head = self._log.latest() or head  # another process of ours was faster
            if old > head.size:
                raise WitnessError(
                    f"it has seen {old} leaves, this archive has signed {head.size}: the archive "
                    "was set back. Restore what is missing, and run a check",
                    WitnessState.AHEAD,
                )
            proof = tuple(self._log.consistency(old, head.size))
            answer = self._post(name, said.Request(old, proof, head.note))
            if answer.status == 200:
                return self._read(name, head, answer.body)
            if answer.status != 409:
                raise _refusal(answer.status)
            old = _size_of(answer)
        raise WitnessError("it names another size each time")

    def _old_size(self, name: str) -> int:
        with self._lock:
            known = self._known.get(name)
        if known is not None:
            return known
        newest = self._store.newest_cosignatures(str(self._policy.witnesses[name]), 1)
        latest = self._log.latest()
        # A row that says more than there is would look like a witness that is ahead: ask afresh.
        return newest[0].size if newest and latest and newest[0].size <= latest.size else 0

    def _post(self, name: str, request: said.Request) -> Answer:
        try:
            return ask(
                self._policy.urls[name].rstrip("/") + "/add-checkpoint",
                said.encode_request(request),
                sent="text/plain; charset=utf-8",
                wanted="*/*",
                seconds=self._seconds,
                limit=LARGEST_ANSWER,
                statuses=STATUSES,
            )
        except AnswerRefused as error:
            raise WitnessError(str(error)) from error

    def _read(self, name: str, head: Checkpoint, body: bytes) -> Cosignature:
        """Lines by other keys are passed over; each of ours must fit."""
        key, text = self._policy.witnesses[name], note.parse(head.note).text
        try:
            lines = note.parse_lines(body)
            mine = [line for line in lines if (line.name, line.hash) == (key.name, key.hash)]
            if not mine:
                raise SignatureError(f"no line by {key.name}+{key.hash.hex()}")
            times = [said.verify(text, line, key) for line in mine]
            return Cosignature(head.size, str(key), mine[0].signature, _moment(times[0]))
        except (EvidenceError, OverflowError) as error:
            raise WitnessError(f"its answer does not hold: {error}") from error

    # ------------------------------------------------------------ what goes out

    def published(self) -> Checkpoint:
        """The head that outsiders may see, with the cosignatures that there are over it.

        NotPublished while no head has met the quorum.
        """
        if not self._policy.wants_witnesses:
            latest = self._log.latest() or self._log.checkpoint()
            return self._cosigned(latest.size)[0] if self._policy.witnesses else latest
        found = self._largest()
        if found is None:
            raise NotPublished(
                "no head of the log was cosigned by the quorum of witnesses yet: /health says who "
                "is away; try again later"
            )
        return found

    def cosigned(self) -> Checkpoint | None:
        """The head that an author may say to have seen: the last that met the quorum, where one is
        asked for; None while there is none. It proves a lower bound in time to whoever trusts the
        witnesses, which a head that never went out does not."""
        return self._largest() if self._policy.wants_witnesses else self._log.latest()

    def prune(self) -> int:
        """Delete cosignatures that prove nothing more than those that stay; how many.

        After KEPT_WHOLE those of the last head in each hour stay, and in any case those of the head
        that goes out, of younger heads, and of heads that have a timestamp.
        """
        published = self.cosigned() if self._policy.witnesses else None
        if published is None:
            return 0
        return self._store.prune_cosignatures(self._clock() - KEPT_WHOLE, published.size)

    def publish_now(self) -> Checkpoint:
        """As `published`, after all leaves of now were shown to the witnesses."""
        self.cosign_all()
        return self.published()

    def _largest(self) -> Checkpoint | None:
        latest = self._log.latest()
        state = self._store.last_cosignature(), latest.note if latest else None
        with self._lock:
            if self._found is not None and self._found[0] == state:
                return self._found[1]
        found = self._search()
        with self._lock:
            self._found = state, found
        return found

    def _search(self) -> Checkpoint | None:
        below, least = FOREVER, self._policy.least()
        for _ in range(LOOKED_AT // PAGE):
            sizes = self._store.cosigned_sizes(least, below, PAGE)
            for size in sizes:
                if self._store.checkpoint(size) is not None:
                    made, times = self._cosigned(size)
                    if self._policy.met(times):
                        return made
            if len(sizes) < PAGE:
                return None
            below = sizes[-1]
        return None

    def _cosigned(self, size: int) -> tuple[Checkpoint, Mapping[str, datetime]]:
        """The head with the newest line of each witness of the policy, and when that was."""
        head = self._store.checkpoint(size)
        if head is None:
            raise NotPublished(f"there is no checkpoint over {size} leaves")
        text = note.parse(head.note).text
        lines: dict[str, tuple[datetime, note.Signature]] = {}
        names = {str(key): name for name, key in self._policy.witnesses.items()}
        for kept in self._store.cosignatures(size):
            name = names.get(kept.witness)
            line = None if name is None else self._verified(text, kept, name)
            if name and line and (name not in lines or lines[name][0] <= kept.time):
                lines[name] = kept.time, line
        ordered = [name for name in self._policy.witnesses if name in lines]
        own = b"".join(note.line_of(lines[name][1]) for name in ordered)
        return replace(head, note=head.note + own), {name: lines[name][0] for name in ordered}

    def _verified(self, text: bytes, kept: Cosignature, name: str) -> note.Signature | None:
        key = self._policy.witnesses[name]
        line = note.Signature(key.name, key.hash, kept.signature)
        try:
            return line if _moment(said.verify(text, line, key)) == kept.time else None
        except (EvidenceError, OverflowError):
            return None

    # ------------------------------------------------------------ what is proven

    def proven(self) -> tuple[Proven, ...]:
        """The latest instant that each witness's kept cosignatures prove; none without any.

        As with timestamps, rows are looked at from the latest time down, and each is verified.
        """
        found = []
        for name, key in self._policy.witnesses.items():
            for kept in self._store.newest_cosignatures(str(key), LOOKED_AT // 10):
                if self._holds(kept, name):
                    found.append(Proven(kept.time, key.name))
                    break
        return tuple(found)

    def _holds(self, kept: Cosignature, name: str) -> bool:
        head = self._store.checkpoint(kept.size)
        return head is not None and bool(self._verified(note.parse(head.note).text, kept, name))

    # ------------------------------------------------------------ health

    def health(self) -> tuple[WitnessHealth, ...]:
        """Of each witness that is asked, in the order of the policy."""
        with self._lock:
            known = dict(self._health)
        return tuple(known.get(name) or self._stored_health(name) for name in self.names)

    def quorum(self) -> QuorumHealth | None:
        """None where no quorum is asked for."""
        if not self._policy.wants_witnesses:
            return None
        found = self._largest()
        size = found.size if found else 0
        latest = self._log.latest()
        if latest is None or latest.size <= size:
            return QuorumHealth(size or None, None)
        waiting = next(self._store.checkpoints(after=size), latest)
        return QuorumHealth(size or None, waiting.made_at)

    def tell_quorum(self, grace: timedelta) -> None:
        """A line in the server's log when heads stop going out, and when they do again; that a
        head waits for its last cosignature for less than `grace` is how it always goes."""
        state = self.quorum()
        since = state.behind_since if state is not None else None
        unmet = since is not None and self._clock() - since > grace
        if since is not None and not unmet and self._unmet:
            return  # another head waits by now
        with self._lock:
            changed, self._unmet = unmet != self._unmet, unmet
        if changed and state is not None:
            told = {"published": state.size, "behind_since": state.behind_since}
            extra = {"said": told}
            if unmet:
                _log.warning("no quorum of witnesses: new heads do not go out", extra=extra)
            else:
                _log.info("quorum of witnesses met: heads go out", extra=extra)

    def _stored_health(self, name: str) -> WitnessHealth:
        newest = self._store.newest_cosignatures(str(self._policy.witnesses[name]), 1)
        if not newest:
            return WitnessHealth(name)
        return WitnessHealth(name, WitnessState.OK, newest[0].size, newest[0].time)

    def _note_failed(self, name: str, error: WitnessError) -> None:
        before = self._health.get(name) or self._stored_health(name)
        now = self._clock()
        with self._lock:
            self._known.pop(name, None)  # what it has seen is asked anew
            since = before.since or now
            self._health[name] = replace(before, state=error.state, since=since, error=str(error))
        if before.state is not error.state:
            level = logging.ERROR if error.state in _ALARMS else logging.WARNING
            told = {"witness": name, "state": error.state, "why": str(error)}
            _log.log(level, "witness does not sign", extra={"said": told})


_ALARMS = frozenset({WitnessState.AHEAD, WitnessState.FORK})


def _refusal(status: int) -> WitnessError:
    """What an answer of tlog-witness means that is neither 200 nor 409."""
    if status == 422:
        return WitnessError(
            "it has seen another history of this log: keep both as evidence, publish nothing, run "
            "a check",
            WitnessState.FORK,
        )
    told = {
        400: "it does not understand the question",
        403: "it does not trust the log's key: give its operator the present vkey",
        404: "it does not know this log: give its operator the log's vkey",
    }
    return WitnessError(told[status], WitnessState.REFUSES)


def _size_of(answer: Answer) -> int:
    if answer.media_type != said.SIZE_TYPE:
        raise WitnessError(f"its 409 is {answer.media_type} instead of {said.SIZE_TYPE}")
    try:
        return said.parse_size(answer.body)
    except FormatError as error:
        raise WitnessError(str(error)) from error


def _moment(seconds: int) -> datetime:
    """OverflowError beyond the year 9999."""
    return EPOCH + timedelta(seconds=seconds)


@dataclass(slots=True)
class _Turn:
    signed: bytes | None = None
    """The note that it signed last, and when (of a monotonic clock)."""
    at: float = 0.0
    failed: int = field(default=0)


class Cosigner:
    """One thread a witness, so that a slow one holds up no other.

    Each is shown every new head within `poll` seconds, and the same head again after `interval`,
    since time goes on; after a failure it waits `retry` seconds, then twice that, up to `longest`.
    Heads that found no quorum for `grace` seconds are told of.
    """

    def __init__(
        self,
        witnesses: Witnesses,
        interval: float = 3600.0,
        poll: float = 2.0,
        retry: float = 5.0,
        longest: float = 300.0,
        grace: float = 60.0,
    ) -> None:
        self._witnesses, self._interval, self._poll = witnesses, interval, poll
        self._retry, self._longest = retry, longest
        self._grace = timedelta(seconds=grace)
        self._turns = {name: _Turn() for name in witnesses.names}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Starts nothing where no witness has an address."""
        for name in self._turns:
            thread = threading.Thread(
                target=self._run, args=(name,), name=f"witness {name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Returns when the threads have ended; answers under way are waited for."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            wait = self.turn(name)

    def turn(self, name: str) -> float:
        """Asks once, if there is a reason to; the seconds until the next look."""
        state, witnesses = self._turns[name], self._witnesses
        try:
            latest = witnesses.latest_note()
            if latest == state.signed and monotonic() - state.at < self._interval:
                return self._poll
            witnesses.cosign(name)
        except (WitnessError, StoreError):
            state.failed += 1
            self._tell()
            return min(self._retry * 2.0 ** min(state.failed - 1, 16), self._longest)
        state.signed, state.at, state.failed = latest, monotonic(), 0
        self._tell()
        return self._poll

    def _tell(self) -> None:
        try:
            self._witnesses.tell_quorum(self._grace)
        except StoreError as error:
            _log.warning("the quorum is not known", extra={"said": {"why": type(error).__name__}})
