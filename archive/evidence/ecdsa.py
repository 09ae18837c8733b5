"""ECDSA on P-256 and P-384 in plain Python (FIPS 186-5, SEC 1 4.1.4): verification only.

For public values only: it takes the time that the numbers make it take.
"""

import hashlib
from dataclasses import dataclass

from archive.evidence import der

Point = tuple[int, int, int]  # Jacobian: (X / Z^2, Y / Z^3); Z = 0 is the point at infinity
_INFINITY: Point = (1, 1, 0)


@dataclass(frozen=True, slots=True)
class Curve:
    """y^2 = x^3 - 3x + b over the integers modulo q (SP 800-186); n: order of the base point."""

    size: int  # bytes of a coordinate
    q: int
    n: int
    b: int
    base: Point


P256 = Curve(
    32,
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        1,
    ),
)
P384 = Curve(
    48,
    2**384 - 2**128 - 2**96 + 2**32 - 1,
    int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
    int(
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112"
        "0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        16,
    ),
    (
        int(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98"
            "59f741e082542a385502f25dbf55296c3a545e3872760ab7",
            16,
        ),
        int(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c"
            "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
            16,
        ),
        1,
    ),
)


def is_point(curve: Curve, public: bytes) -> bool:
    """Whether the bytes 0x04 || x || y are a point of the curve."""
    if len(public) != 1 + 2 * curve.size or public[0] != 4:
        return False
    x, y = _coordinates(curve, public)
    return x < curve.q and y < curve.q and (y * y - (x * x * x - 3 * x + curve.b)) % curve.q == 0


def read_signature(curve: Curve, data: bytes) -> tuple[int, int]:
    """(r, s) of a signature in DER, both between 0 and the order; MalformedDer."""
    fields = der.Fields(der.read(data))
    r, s = fields.take(der.INTEGER).integer(), fields.take(der.INTEGER).integer()
    fields.end()
    if not (0 < r < curve.n and 0 < s < curve.n):
        raise der.MalformedDer("a signature out of its bounds")
    return r, s


def verify(
    curve: Curve,
    public: bytes,
    signature: tuple[int, int],
    message: bytes,
    algorithm: str = "sha256",
) -> bool:
    """Whether (r, s) fits; `public` as `is_point` takes it, `algorithm` as hashlib names it."""
    (r, s), n, q = signature, curve.n, curve.q
    if not (0 < r < n and 0 < s < n) or not is_point(curve, public):
        return False
    digest = hashlib.new(algorithm, message).digest()[: curve.size]
    hash_, inverse = int.from_bytes(digest, "big"), pow(s, -1, n)
    key = (*_coordinates(curve, public), 1)
    x, _, z = _both(curve, hash_ * inverse % n, r * inverse % n, key)
    return z % q != 0 and x * pow(z * z, -1, q) % q % n == r


def _coordinates(curve: Curve, public: bytes) -> tuple[int, int]:
    middle = 1 + curve.size
    return int.from_bytes(public[1:middle], "big"), int.from_bytes(public[middle:], "big")


def _both(curve: Curve, u: int, v: int, key: Point) -> Point:
    """u times the base point and v times the key, bit by bit together."""
    q = curve.q
    steps = (_INFINITY, curve.base, key, _add(q, curve.base, key))
    result = _INFINITY
    for bit in range(8 * curve.size - 1, -1, -1):
        result = _double(q, result)
        result = _add(q, result, steps[(u >> bit & 1) + 2 * (v >> bit & 1)])
    return result


def _double(q: int, p: Point) -> Point:
    x, y, z = p
    if z == 0:
        return p
    delta, gamma = z * z % q, y * y % q
    beta = x * gamma % q
    alpha = 3 * (x - delta) * (x + delta) % q
    x3 = (alpha * alpha - 8 * beta) % q
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % q, 2 * y * z % q


def _add(q: int, p: Point, r: Point) -> Point:
    if p[2] == 0 or r[2] == 0:
        return r if p[2] == 0 else p
    z1, z2 = p[2] * p[2] % q, r[2] * r[2] % q
    u1, u2 = p[0] * z2 % q, r[0] * z1 % q
    s1, s2 = p[1] * r[2] * z2 % q, r[1] * p[2] * z1 % q
    h, t = (u2 - u1) % q, (s2 - s1) % q
    if h == 0:
        return _double(q, p) if t == 0 else _INFINITY
    square = h * h % q
    cube, v = h * square % q, u1 * square % q
    x3 = (t * t - cube - 2 * v) % q
    return x3, (t * (v - x3) - s1 * cube) % q, h * p[2] * r[2] % q
