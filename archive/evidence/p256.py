"""ECDSA on P-256 with SHA-256 in plain Python (FIPS 186-5, SEC 1 4.1.4): verification only.

For public values only: it takes the time that the numbers make it take.
"""

import hashlib

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # order of the base point
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

Point = tuple[int, int, int]  # Jacobian: (X / Z^2, Y / Z^3); Z = 0 is the point at infinity
_INFINITY: Point = (1, 1, 0)
_BASE: Point = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)


def is_point(public: bytes) -> bool:
    """Whether the 65 bytes 0x04 || x || y are a point of the curve."""
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if len(public) != 65 or public[0] != 4 or x >= Q or y >= Q:
        return False
    return (y * y - (x * x * x - 3 * x + _B)) % Q == 0


def verify(public: bytes, signature: tuple[int, int], message: bytes) -> bool:
    """Whether (r, s) fits; `public` as `is_point` takes it."""
    r, s = signature
    if not (0 < r < N and 0 < s < N) or not is_point(public):
        return False
    key = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big"), 1
    hash_ = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, N - 2, N)
    x, _, z = _both(hash_ * inverse % N, r * inverse % N, key)
    return z % Q != 0 and x * pow(z * z, Q - 2, Q) % Q % N == r


def _both(u: int, v: int, key: Point) -> Point:
    """u times the base point and v times the key, bit by bit together."""
    steps = (_INFINITY, _BASE, key, _add(_BASE, key))
    result = _INFINITY
    for bit in range(255, -1, -1):
        result = _double(result)
        result = _add(result, steps[(u >> bit & 1) + 2 * (v >> bit & 1)])
    return result


def _double(p: Point) -> Point:
    x, y, z = p
    if z == 0:
        return p
    delta, gamma = z * z % Q, y * y % Q
    beta = x * gamma % Q
    alpha = 3 * (x - delta) * (x + delta) % Q
    x3 = (alpha * alpha - 8 * beta) % Q
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % Q, 2 * y * z % Q


def _add(p: Point, q: Point) -> Point:
    if p[2] == 0 or q[2] == 0:
        return q if p[2] == 0 else p
    z1, z2 = p[2] * p[2] % Q, q[2] * q[2] % Q
    u1, u2 = p[0] * z2 % Q, q[0] * z1 % Q
    s1, s2 = p[1] * q[2] * z2 % Q, q[1] * p[2] * z1 % Q
    h, r = (u2 - u1) % Q, (s2 - s1) % Q
    if h == 0:
        return _double(p) if r == 0 else _INFINITY
    square = h * h % Q
    cube, v = h * square % Q, u1 * square % Q
    x3 = (r * r - cube - 2 * v) % Q
    return x3, (r * (v - x3) - s1 * cube) % Q, h * p[2] * q[2] % Q
