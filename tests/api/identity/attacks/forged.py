"""Tokens of somebody who has seen a good one, knows the public keys, and has keys of his own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Variant = tuple[str, str | bytes]
Sign = Callable[[bytes], bytes]
OWN = rsa.generate_private_key(65537, 2048)
OWN_CURVE = ec.generate_private_key(ec.SECP256R1())
OWN_EDWARDS = ed25519.Ed25519PrivateKey.generate()
NONES = ("none", "None", "NONE", "nOnE", "none ", " none", "n\u043ene", "", "null", "plain", "RSNone")
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def part(said: object) -> str:
    """A header or payload; text goes as it is."""
    return b64((said if isinstance(said, str) else json.dumps(said, separators=(",", ":"))).encode())


def assemble(header: object, payload: object, sign: Sign | None) -> str:
    """A token of these parts; without a signer its signature is empty."""
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{b64(sign(signed.encode())) if sign else ''}"


def own_rsa(text: bytes) -> bytes:
    return OWN.sign(text, padding.PKCS1v15(), SHA256())


def with_key(key: rsa.RSAPrivateKey) -> Sign:
    return lambda text: key.sign(text, padding.PKCS1v15(), SHA256())


def own_jwk(**more: str) -> dict[str, str]:
    """The attacker's public key."""
    numbers = OWN.public_key().public_numbers()
    return {"kty": "RSA", "n": b64(numbers.n.to_bytes(256)), "e": b64(numbers.e.to_bytes(3)), "alg": "RS256", **more}


@dataclass(frozen=True)
class Seen:
    """A good token and the key that it verifies with."""

    token: str
    public: rsa.RSAPublicKey
    jwk: Mapping[str, str]

    @property
    def texts(self) -> tuple[str, str, str]:
        head, body, signature = self.token.split(".")
        return head, body, signature

    @property
    def header(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(unb64(self.texts[0]))
        return found

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(unb64(self.texts[1]))
        return found

    @property
    def kid(self) -> str:
        return str(self.header["kid"])


def every(seen: Seen, private: rsa.RSAPrivateKey) -> Iterator[Variant]:
    """All of them. `private`: the issuer's own key, for headers that must not pass even with a signature that holds."""
    yield from unsigned(seen)
    yield from symmetric(seen)
    yield from own_keys(seen)
    yield from headers_well_signed(seen, private)
    yield from nested(seen)
    yield from spellings(seen)
    yield from signatures(seen)


def unsigned(seen: Seen) -> Iterator[Variant]:
    """`alg` none in every spelling, with and without what the good token was signed with."""
    _, body, signature = seen.texts
    for name in NONES:
        head = part({**seen.header, "alg": name})
        yield f"alg {name!r}, no signature", f"{head}.{body}."
        yield f"alg {name!r}, the signature of another header", f"{head}.{body}.{signature}"
    for value in (None, [], ["none"], {"none": 1}, 0, False):
        yield f"alg {value!r}", f"{part({**seen.header, 'alg': value})}.{body}."
    without = {name: value for name, value in seen.header.items() if name != "alg"}
    yield "no alg at all", f"{part(without)}.{body}."
    yield "alg none without the last dot", f"{part({**seen.header, 'alg': 'none'})}.{body}"
    yield "the good header without a signature", f"{seen.texts[0]}.{body}."


def symmetric(seen: Seen) -> Iterator[Variant]:
    """The public key as the secret of an HMAC."""
    forms: dict[str, bytes] = {
        "PEM": seen.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "PEM without its last newline": seen.public.public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ).rstrip(),
        "PKCS1 PEM": seen.public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": seen.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 DER": seen.public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "JWK": json.dumps(dict(seen.jwk), separators=(",", ":")).encode(),
        "modulus": unb64(seen.jwk["n"]),
        "modulus as text": seen.jwk["n"].encode(),
        "kid": seen.kid.encode(),
        "nothing": b"",
    }
    for name, hashing in HASHES.items():
        for form, key in forms.items():
            head = {**seen.header, "alg": name}
            yield f"{name} with the {form}", assemble(head, seen.payload, _hmac(key, hashing))


def _hmac(key: bytes, hashing: Any) -> Sign:
    return lambda text: hmac.new(key, text, hashing).digest()


def own_keys(seen: Seen) -> Iterator[Variant]:
    """The attacker's own signature, and a header that recommends his key."""
    kid, own = seen.kid, own_jwk()
    plain = {"alg": "RS256", "typ": "JWT"}
    recommended: dict[str, dict[str, Any]] = {
        "the known kid": {"kid": kid},
        "no kid": {},
        "an embedded jwk": {"jwk": own},
        "an embedded jwk of the known kid": {"kid": kid, "jwk": own_jwk(kid=kid)},
        "x5c": {
            "kid": kid,
            "x5c": [
                base64.b64encode(
                    OWN.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                ).decode()
            ],
        },
        "x5t": {"x5t": b64(hashlib.sha1(b"x").digest()), "x5t#S256": b64(hashlib.sha256(b"x").digest())},  # noqa: S324
        "b64 false": {"kid": kid, "b64": False, "crit": ["b64"]},
    }
    for name, more in recommended.items():
        yield f"own key, {name}", assemble({**plain, **more}, seen.payload, own_rsa)
    yield "own key under exactly the good header", assemble(seen.header, seen.payload, own_rsa)
    others: dict[str, Sign] = {
        "RS384": lambda text: OWN.sign(text, padding.PKCS1v15(), SHA384()),
        "RS512": lambda text: OWN.sign(text, padding.PKCS1v15(), SHA512()),
        "PS256": lambda text: OWN.sign(text, padding.PSS(padding.MGF1(SHA256()), 32), SHA256()),
        "ES256": lambda text: OWN_CURVE.sign(text, ec.ECDSA(SHA256())),
        "EdDSA": OWN_EDWARDS.sign,
    }
    for name, sign in others.items():
        yield f"own {name}", assemble({**seen.header, "alg": name}, seen.payload, sign)
    for name in ("rs256", "RS256 ", "Rs256", "RS256\x00", "HS256,RS256"):
        yield f"alg {name!r}", assemble({**seen.header, "alg": name}, seen.payload, own_rsa)


def headers_well_signed(seen: Seen, private: rsa.RSAPrivateKey) -> Iterator[Variant]:
    """Headers that nobody may understand, over which the issuer's own signature holds."""
    kid, sign = seen.kid, with_key(private)
    headers: dict[str, object] = {
        "crit of something known": {**seen.header, "crit": ["exp"]},
        "crit of something unknown": {**seen.header, "crit": ["x"], "x": 1},
        "an empty crit": {**seen.header, "crit": []},
        "b64 false": {**seen.header, "b64": False, "crit": ["b64"]},
        "zip": {**seen.header, "zip": "DEF"},
        "cty JWT": {**seen.header, "cty": "JWT"},
        "typ of another token": {**seen.header, "typ": "logout+jwt"},
        "alg none": {**seen.header, "alg": "none"},
        "alg twice, none first": f'{{"alg":"none","alg":"RS256","kid":"{kid}","typ":"JWT"}}',
        "alg twice, none last": f'{{"alg":"RS256","kid":"{kid}","typ":"JWT","alg":"none"}}',
        "kid twice": f'{{"alg":"RS256","kid":"x","kid":"{kid}","typ":"JWT"}}',
        "names in other case": f'{{"ALG":"RS256","KID":"{kid}","TYP":"JWT"}}',
        "a comment": f'{{"alg":"RS256",/**/"kid":"{kid}","typ":"JWT"}}',
        "a list": ["RS256", kid],
        "null": None,
        "nothing": "",
        "no JSON": "RS256",
    }
    for name, header in headers.items():
        yield f"well signed, {name}", assemble(header, seen.payload, sign)
    yield "well signed, no JSON inside", assemble(seen.header, "not JSON", sign)
    yield "well signed, a list inside", assemble(seen.header, [seen.payload], sign)
    yield "well signed, null inside", assemble(seen.header, None, sign)
    yield "well signed, nothing inside", assemble(seen.header, "", sign)
    yield "well signed, two objects inside", assemble(seen.header, json.dumps(seen.payload) * 2, sign)


def nested(seen: Seen) -> Iterator[Variant]:
    """A good token inside something else."""
    head, body, signature = seen.texts
    yield "nested, by his own key", assemble({**seen.header, "cty": "JWT"}, json.dumps(seen.token), own_rsa)
    yield "nested, unsigned", assemble({"alg": "none", "cty": "JWT"}, json.dumps(seen.token), None)
    yield (
        "as a JWE",
        f"{part({'alg': 'dir', 'enc': 'A128GCM'})}..{b64(bytes(12))}.{b64(seen.token.encode())}.{b64(bytes(16))}",
    )
    yield "as JWS JSON, flattened", json.dumps({"protected": head, "payload": body, "signature": signature})
    one = {"protected": head, "signature": signature}
    yield "as JWS JSON, general", json.dumps({"payload": body, "signatures": [one]})
    yield "twice", f"{seen.token}.{seen.token}"
    yield "twice, with a comma", f"{seen.token},{seen.token}"
    yield "under a second scheme", f"Bearer {seen.token}"


def spellings(seen: Seen) -> Iterator[Variant]:
    """Other texts that a lenient reader takes for the same token."""
    head, body, signature = seen.texts
    yield "the end padded", f"{seen.token}=="
    yield "a part padded", f"{head}=.{body}.{signature}"
    yield "the other alphabet", f"{head}.{body}.{signature.replace('-', '+').replace('_', '/')}" + "="
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = last.index(signature[-1])
    for other in range(at - at % 16, at - at % 16 + 16):  # 342 letters hold 2052 bits: four of them are free
        if other != at:
            yield f"free bits {other}", f"{head}.{body}.{signature[:-1]}{last[other]}"
    yield "a newline inside", f"{head}.{body[:20]}\n{body[20:]}.{signature}"
    yield "a space inside", f"{head}.{body[:20]} {body[20:]}.{signature}"
    yield "a tab before the signature", f"{head}.{body}.\t{signature}"
    yield "NUL behind", f"{seen.token}\0"
    yield "a further dot", f"{seen.token}."
    yield "a dot before", f".{seen.token}"
    yield "a fourth part", f"{seen.token}.AAAA"
    yield "percent-encoded", seen.token.replace(".", "%2E")
    yield "other dots", f"{head}\u3002{body}\u3002{signature}"
    yield "in quotes", f'"{seen.token}"'
    yield "in upper case", seen.token.upper()
    yield "bytes that are no text", seen.token.encode() + b"\xff\xfe"
    yield "the parts in another order", f"{body}.{head}.{signature}"
    yield "the header alone", head
    yield "two dots", ".."
    yield "nothing", ""
    yield "very long", f"{head}.{'A' * 100_000}.{signature}"


def signatures(seen: Seen) -> Iterator[Variant]:
    """Signatures near the good one, and the good one over something else."""
    head, body, text = seen.texts
    good = unb64(text)
    number, modulus = int.from_bytes(good), seen.public.public_numbers().n
    changed: dict[str, bytes] = {
        "one byte short": good[:-1],
        "one byte short in front": good[1:],
        "half": good[:128],
        "one byte more": good + b"\0",
        "a zero in front": b"\0" + good,
        "doubled": good + good,
        "zeros": bytes(256),
        "one": (1).to_bytes(256),
        "ones": b"\xff" * 256,
        "the modulus": modulus.to_bytes(256),
        "the modulus less one": (modulus - 1).to_bytes(256),
        "its negative": (modulus - number).to_bytes(256),
        "itself and the modulus": (number + modulus).to_bytes(257),
        "backwards": good[::-1],
        "its hash": hashlib.sha256(good).digest(),
    }
    for name, raw in changed.items():
        yield f"signature: {name}", f"{head}.{body}.{b64(raw)}"
    for bit in (0, 7, 1000, 2047):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"signature: bit {bit}", f"{head}.{body}.{b64(bytes(flipped))}"
    for name, value in (("sub", "00000000-0000-4000-8000-00000000dead"), ("exp", seen.payload["exp"] + 1)):
        yield f"the good signature over another {name}", f"{head}.{part({**seen.payload, name: value})}.{text}"
    spaced = json.dumps(seen.payload)
    yield "the good signature over the same claims, spaced", f"{head}.{part(spaced)}.{text}"
