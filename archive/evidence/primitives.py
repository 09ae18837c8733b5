"""The one place that asks whether `cryptography` is there: the others import its names from here.

Without it everything that checks still runs (`plain`), so that the verifier needs nothing but
Python; everything that makes evidence refuses.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec("cryptography") is not None:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDSA,
        SECP256R1,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
else:
    from archive.evidence.plain import (
        Absent,
        Ed25519PublicKey,
        EllipticCurvePublicKey,
        InvalidSignature,
        InvalidTag,
        Parameter,
        encode_dss_signature,
    )

    AESGCM = HKDF = Ed25519PrivateKey = Absent
    ECDSA = SECP256R1 = SHA256 = Parameter

__all__ = [
    "AESGCM",
    "ECDSA",
    "HKDF",
    "SECP256R1",
    "SHA256",
    "Ed25519PrivateKey",
    "Ed25519PublicKey",
    "EllipticCurvePublicKey",
    "InvalidSignature",
    "InvalidTag",
    "encode_dss_signature",
]
