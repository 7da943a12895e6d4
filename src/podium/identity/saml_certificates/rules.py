"""What a certificate is told by. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

MAX_CHARACTERS = 65_536
PEM_HEAD = "-----BEGIN CERTIFICATE-----"


class Certificate(NamedTuple):
    """An X.509 certificate: base64 of its DER, and SHA-1 of that as upper-case hex, as .NET shows it."""

    text: str
    thumbprint: str


def parsed(text: str) -> Certificate | None:
    """The certificate of a PEM (its first one, and nothing else of the file) or of base64 DER; None when it is none."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        if PEM_HEAD in text:
            found = x509.load_pem_x509_certificate(text[text.index(PEM_HEAD) :].encode())
        else:
            found = x509.load_der_x509_certificate(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, binascii.Error):
        return None
    der = found.public_bytes(Encoding.DER)
    thumbprint = found.fingerprint(hashes.SHA1())  # noqa: S303 - a name that others show, not a proof of anything
    return Certificate(base64.b64encode(der).decode(), thumbprint.hex().upper())
