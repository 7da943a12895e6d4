"""The two ceremonies of WebAuthn: adding a passkey, and proving that one has it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from podium.identity.second_factors import store
from podium.identity.second_factors.rules import MAX_NAME_CHARACTERS, MOST_PASSKEYS, Passkey, is_cloned
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7

CHALLENGE_BYTES = 32
TRANSPORTS = frozenset({"usb", "nfc", "ble", "internal", "hybrid", "smart-card", "cable"})


class Site(NamedTuple):
    """What passkeys are bound to: the host of the public address, and its origin as browsers write it."""

    host: str
    origin: str
    name: str


class Offer(NamedTuple):
    """What a browser is asked. `challenge` is kept, sealed, until its answer comes; `options` is JSON for the script."""

    challenge: bytes
    options: str


async def offer_registration(
    db: Connection, site: Site, organization_id: UUID, user_id: UUID, user_name: str, display_name: str
) -> Offer:
    """What the script hands to `navigator.credentials.create`; the user's present passkeys are left out."""
    known = await store.passkeys(db, organization_id, user_id)
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=site.name,
        user_name=user_name,
        user_id=user_id.bytes,
        user_display_name=display_name,
        challenge=challenge,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
    )
    return Offer(challenge, options_to_json(options))


async def register(
    db: Connection,
    site: Site,
    organization_id: UUID,
    user_id: UUID,
    challenge: bytes,
    answer: bytes,
    name: str,
    now: datetime,
) -> bool:
    """Whether the browser's answer (JSON of a PublicKeyCredential) became a passkey of the user."""
    credential = _credential(answer)
    if credential is None or len(await store.passkeys(db, organization_id, user_id)) >= MOST_PASSKEYS:
        return False
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError):
        return False
    passkey = Passkey(
        organization_id,
        uuid7(),
        user_id,
        made.credential_id,
        made.credential_public_key,
        made.sign_count,
        name.strip()[:MAX_NAME_CHARACTERS] or "Passkey",
    )
    return await store.add_passkey(db, passkey, _transports(credential), now)


async def offer_proof(db: Connection, site: Site, organization_id: UUID, user_id: UUID) -> Offer | None:
    """What the script hands to `navigator.credentials.get`; None when the user has no passkey."""
    known = await store.passkeys(db, organization_id, user_id)
    if not known:
        return None
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return Offer(challenge, options_to_json(options))


async def check(
    db: Connection, site: Site, organization_id: UUID, user_id: UUID, challenge: bytes, answer: bytes, now: datetime
) -> bool:
    """Whether the answer proves one of the user's passkeys. A counter that went backwards refuses a copied one."""
    credential = _credential(answer)
    if credential is None:
        return False
    id_ = _credential_id(credential)
    known = await store.passkeys(db, organization_id, user_id)
    passkey = next((one for one in known if one.credential_id == id_), None)
    if passkey is None:
        return False
    try:
        proof = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,  # compared by `is_cloned`, which says the same of every authenticator
        )
    except (WebAuthnException, ValueError, TypeError, KeyError):
        return False
    if is_cloned(passkey.sign_count, proof.new_sign_count):
        return False
    return await store.use_passkey(db, passkey, proof.new_sign_count, now)


async def of_user(db: Connection, organization_id: UUID, user_id: UUID) -> list[Passkey]:
    """The user's passkeys, oldest first."""
    return await store.passkeys(db, organization_id, user_id)


async def remove(db: Connection, organization_id: UUID, user_id: UUID, passkey_id: UUID) -> bool:
    """Whether the user had such a passkey."""
    return await store.remove_passkey(db, organization_id, user_id, passkey_id)


def _credential(answer: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _credential_id(credential: dict[str, Any]) -> bytes:
    text = credential.get("rawId")
    if not isinstance(text, str):
        return b""
    try:
        return base64url_to_bytes(text)
    except ValueError:
        return b""


def _transports(credential: dict[str, Any]) -> list[str]:
    response = credential.get("response")
    said = response.get("transports") if isinstance(response, dict) else None
    return sorted({one for one in said if isinstance(one, str)} & TRANSPORTS) if isinstance(said, list) else []
