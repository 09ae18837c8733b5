"""Ed25519's curve in plain Python (RFC 8032 5.1): sound keys, and verification without a library.

For public values only: it takes the time that the numbers make it take.
"""

import hashlib
from functools import lru_cache

from archive.evidence.errors import KeyRefused

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # the prime order of the base point
D = -121665 * pow(121666, P - 2, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T of RFC 8032 5.1.4
_IDENTITY: Point = (0, 1, 1, 0)
_BASE = bytes([0x58]) + bytes([0x66]) * 31  # as it is encoded
_WINDOW = 16  # multiples of each power of it are kept for a key


def check_public_key(public: bytes) -> None:
    """Refuse a key that is not the canonical encoding of a point of prime order.

    A small-order key lets one signature fit several messages; a mixed-order key lets
    verifiers disagree. About 1 ms, so for registration, not for every signature.
    """
    point = _decompress(public, strict=True)
    if point[0] == 0 and point[1] == point[2]:
        raise KeyRefused("public key is the identity")
    if not _is_identity(_multiply(L, point)):
        raise KeyRefused("public key is of small or mixed order: make a new one")


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032 5.1.7 without the cofactor: the encoding of [S]B - [k]A is R's bytes, S below L."""
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or scalar >= L:
        return False
    try:
        table = _multiples(public, negative=True)
    except KeyRefused:
        return False
    hash_ = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(hash_, "little") % L
    base = _multiples(_BASE, negative=False)
    return _compress(_sum(challenge, table, _sum(scalar, base))) == signature[:32]


@lru_cache(maxsize=64)
def _multiples(public: bytes, *, negative: bool) -> list[list[Point]]:
    """Row i: 0 to 15 times 16**i times the point. 1,024 additions once, 64 a signature."""
    point, table = _decompress(public, strict=False), []
    if negative:
        point = P - point[0], point[1], 1, P - point[3]
    for _ in range(64):
        row = [_IDENTITY]
        for _ in range(_WINDOW - 1):
            row.append(_add(row[-1], point))
        table.append(row)
        point = _add(row[-1], point)
    return table


def _sum(scalar: int, table: list[list[Point]], result: Point = _IDENTITY) -> Point:
    """`result` and `scalar` times the table's point."""
    for row in table:
        digit = scalar % _WINDOW
        if digit:
            result = _add(result, row[digit])
        scalar //= _WINDOW
    return result


def _compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress(public: bytes, *, strict: bool) -> Point:
    """RFC 8032 5.1.3; `strict`: refusing y >= p and the sign bit on x = 0."""
    if len(public) != 32:
        raise KeyRefused("an Ed25519 public key has 32 bytes")
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if strict and y >= P:
        raise KeyRefused("public key is not canonically encoded")
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * _SQRT_M1 % P
        if (v * x * x - u) % P:
            raise KeyRefused("public key is not on the curve")
    if strict and x == 0 and sign:
        raise KeyRefused("public key is not canonically encoded")
    if x & 1 != sign:
        x = (P - x) % P
    return x, y % P, 1, x * y % P


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p: Point) -> Point:
    a = p[0] * p[0] % P
    b = p[1] * p[1] % P
    h = a + b
    e = h - (p[0] + p[1]) ** 2
    g = a - b
    f = 2 * p[2] * p[2] + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result = _IDENTITY
    for bit in f"{scalar:b}":
        result = _double(result)
        if bit == "1":
            result = _add(result, point)
    return result


def _is_identity(point: Point) -> bool:
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0
