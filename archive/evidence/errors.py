"""One family of errors: a parser of hostile bytes raises these and no other."""


class EvidenceError(Exception):
    """Root of everything that archive.evidence raises on purpose.

    `code`: the key of a sentence in wording.FINDINGS, where there is one; else empty.
    """

    code = ""

    def __init__(self, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code


class FormatError(EvidenceError):
    """The bytes are not in the one serialisation that the format allows."""


class SignatureError(EvidenceError):
    """A signature does not fit, or its key must not be used."""


class KeyRefused(SignatureError):
    """A public key is malformed, off the curve, of small or mixed order, or unknown here."""


class ProofError(EvidenceError):
    """A Merkle proof does not lead to the root it should lead to."""


class ContentError(EvidenceError):
    """Content does not fit its key, its ciphertext hash or its commitment."""


class BundleError(FormatError):
    """A bundle cannot be used; `where` names the member or container region at fault."""

    def __init__(self, where: str, message: str, code: str = "") -> None:
        super().__init__(f"{where}: {message}", code)
        self.where = where
