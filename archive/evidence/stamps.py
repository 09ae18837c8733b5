"""Step 15 of the verifier: the timestamps over the checkpoint, and their renewals."""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from archive.evidence import bundle, note
from archive.evidence.container import Container
from archive.evidence.errors import EvidenceError, SignatureError
from archive.evidence.instant import time_text
from archive.evidence.report import Level, Report, Stamped
from archive.evidence.timestamp import LARGEST, Token, verify_token

MAX_RENEWED = 65_536
_MAX_NOTE = 1024 * 1024


def check(report: Report, box: Container, trusted: Sequence[bytes]) -> None:
    """`trusted`: certificates (DER) of authorities, of which one that signed is asked for."""
    numbers = _numbers(report, box)
    notes = _notes(report, box) if numbers else ()
    sound: dict[bytes, int] = {}  # hashes of tokens that hold
    for n in numbers:
        path = f"{bundle.TIMESTAMPS}{n}.tsr"
        try:
            data = box.read(path, LARGEST)
            renews, imprints = _over(box, n, sound, notes)
            token = _verified(data, imprints)
        except EvidenceError as error:
            report.fail(15, error.code or "timestamp-form", path, error)
            continue
        sound[sha256(data).digest()] = n
        report.count(15)
        stamped = Stamped(n, time_text(token.gen_time), token.authority, renews)
        report.timestamps.append(stamped)
        stamped.trusted = _trust(report, token, path, trusted)
    if trusted and not any(stamped.trusted for stamped in report.timestamps):
        report.fail(15, "timestamp-none", bundle.TIMESTAMPS)


def _numbers(report: Report, box: Container) -> list[int]:
    """Of the tokens, ascending."""
    found: dict[str, list[int]] = {"tsr": [], "renewed": []}
    for path in box.members:
        if path.startswith(bundle.TIMESTAMPS):
            number, _, kind = path.removeprefix(bundle.TIMESTAMPS).partition(".")
            found[kind].append(int(number))
    numbers = sorted(found["tsr"])
    if numbers != list(range(1, len(numbers) + 1)) or not set(found["renewed"]) <= set(numbers):
        report.fail(15, "timestamp-numbers", bundle.TIMESTAMPS)
    return numbers


def _notes(report: Report, box: Container) -> tuple[bytes, ...]:
    """Imprints of the checkpoint: with all its signature lines, and with the log's alone."""
    try:
        data = box.read(bundle.CHECKPOINT, _MAX_NOTE)
    except EvidenceError:
        return ()
    return tuple(sha256(each).digest() for each in (data, *_unwitnessed(data, report.log_key)))


def _unwitnessed(data: bytes, log_key: str) -> Iterator[bytes]:
    try:
        yield note.signed_by(note.parse(data), note.VerifierKey.parse(log_key))
    except EvidenceError:
        return


def _over(
    box: Container, n: int, sound: dict[bytes, int], notes: Sequence[bytes]
) -> tuple[tuple[int, ...], Sequence[bytes]]:
    """(the tokens here that it renews, of what its imprint may be)."""
    path = f"{bundle.TIMESTAMPS}{n}.renewed"
    if path not in box.members:
        return (), notes
    data = box.read(path, MAX_RENEWED)
    renews = tuple(
        sound[data[at : at + 32]] for at in range(0, len(data), 32) if data[at : at + 32] in sound
    )
    if len(data) % 32 or not renews:
        raise SignatureError("it renews no token of this bundle that holds", "timestamp-renewed")
    return renews, (sha256(data).digest(),)


def _verified(data: bytes, imprints: Sequence[bytes]) -> Token:
    fault = SignatureError("there is no checkpoint for it to be over", "timestamp-imprint")
    for imprint in imprints:
        try:
            return verify_token(data, imprint)
        except SignatureError as error:
            fault = error
            if error.code != "timestamp-imprint":
                break
    raise fault


def _trust(report: Report, token: Token, path: str, trusted: Sequence[bytes]) -> bool:
    if not trusted:
        report.add(15, Level.NOT_CHECKED, "authority-from-token", path, token.authority)
        return False
    if not token.leads_to(trusted):
        report.add(15, Level.NOT_CHECKED, "timestamp-authority", path, token.authority)
        return False
    return True
