"""What can go wrong on the wire, as types. `code` is stable; the doors choose the answer."""

from __future__ import annotations


class FederationError(Exception):
    """Trouble with another server or with what it sent."""

    code = "federation"

    def __init__(self, code: str | None = None) -> None:
        super().__init__(code or self.code)
        self.code = code or self.code


class Malformed(FederationError):
    """The document is not what it must be; asking again will not help."""

    code = "malformed"


class Unsupported(Malformed):
    """Well formed, but of a type that has no meaning here."""

    code = "unsupported"


class BadSignature(FederationError):
    """The request is not proved to come from whom it names."""

    code = "bad_signature"


class Refused(FederationError):
    """We do not dial this address: it is not a public one, or the URL is not plain https."""

    code = "refused_address"


class TooLarge(FederationError):
    """The answer is longer than we read."""

    code = "too_large"


class Unreachable(FederationError):
    """No usable answer now; worth asking again later."""

    code = "unreachable"


class NoRoom(FederationError):
    """What came cannot be written here: nothing that the other server did."""

    code = "disk_full"


class Gone(FederationError):
    """The other server says that the thing is not there: 404 or 410 (`is_final`)."""

    code = "gone"

    def __init__(self, code: str | None = None, *, is_final: bool = True) -> None:
        super().__init__(code)
        self.is_final = is_final
