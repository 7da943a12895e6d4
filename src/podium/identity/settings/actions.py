"""What the identity server reads out of the settings, each with one query."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from podium.identity.names import fold
from podium.identity.partitions.rules import HOST_ID
from podium.identity.settings import known, rules, store
from podium.identity.settings.rules import PersonalTokenPolicy, SignInPolicy, Smtp, Values
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring

TABLE, COLUMN = "identity.settings", "sealed"

_SIGN_IN = (
    known.COMPLEXITY,
    known.EXPIRATION_DAYS,
    known.PREVIOUS_USES,
    known.CHANGE_AT_FIRST_LOGIN,
    known.REFUSE_COMMON,
    known.LOCKOUT,
    known.LOCKOUT_FAILURES,
    known.LOCKOUT_SECONDS,
    known.RESTRICT_BASIC,
    known.SECOND_FACTOR,
    known.SESSION_IDLE,
    known.SESSION_ABSOLUTE,
    known.SESSION_PERSISTENT,
)
_SMTP = tuple(one.key for one in known.KNOWN.values() if one.key.startswith("Email.Smtp."))


async def sign_in_policy(db: Connection, organization_id: UUID) -> SignInPolicy:
    """What the organization asks of passwords, sign-ins and sessions."""
    return rules.sign_in_policy(await _values(db, organization_id, _SIGN_IN))


async def personal_token_policy(db: Connection, organization_id: UUID) -> PersonalTokenPolicy:
    """What the organization allows of personal access tokens."""
    return rules.personal_token_policy(await _values(db, organization_id, (known.TOKEN_DAYS, known.TOKENS_PER_USER)))


async def address_failures(db: Connection, organization_id: UUID) -> int:
    """How many failed sign-ins one address has in 10 minutes; 0: as many as it likes."""
    return rules.address_failures(await _values(db, organization_id, (known.ADDRESS_FAILURES,)))


async def smtp(db: Connection, keyring: Keyring, organization_id: UUID) -> Smtp | None:
    """The mail server of the organization, its own or the host's; None when none is named."""
    own, host, sealed = await _levels(db, organization_id, _SMTP)
    level = rules.connection_level(own, host)
    if level is None:
        return None
    owner = organization_id if level is own else HOST_ID
    found = sealed.get((owner, fold(known.SMTP_PASSWORD)))
    return rules.smtp(own, host, None if found is None else open_secret(keyring, found, owner, known.SMTP_PASSWORD))


async def has_smtp(db: Connection, organization_id: UUID) -> bool:
    """Whether a mail server is named for the organization."""
    own, host, _ = await _levels(db, organization_id, (known.SMTP_HOST,))
    return rules.connection_level(own, host) is not None


async def language(db: Connection, organization_id: UUID, user_id: UUID | None = None) -> str:
    """The language to write in, as one of the published codes."""
    row = await store.languages(db, organization_id, user_id or store.NOBODY, fold(known.LANGUAGE), HOST_ID)
    return rules.language(row[0], row[1], row[2])


async def mail_retentions(db: Connection) -> dict[UUID, int]:
    """After how many days mails are deleted, of the organizations for which that is set."""
    rows = await store.retentions(db, fold(known.MAIL_RETENTION))
    found = {
        row["organization_id"]: rules.mail_retention_days({fold(known.MAIL_RETENTION): row["value"]}) for row in rows
    }
    return {organization_id: days for organization_id, days in found.items() if days is not None}


def seal_secret(keyring: Keyring, text: str, owner: UUID, key: str) -> bytes:
    """A secret of the organization itself as it is stored."""
    return keyring.seal(text, owner=owner, table=TABLE, row=_row(key), column=COLUMN)


def open_secret(keyring: Keyring, sealed: bytes, owner: UUID, key: str) -> str:
    """The secret again; raises SecretError for one that was sealed elsewhere."""
    return keyring.open(sealed, owner=owner, table=TABLE, row=_row(key), column=COLUMN)


def _row(key: str) -> str:
    """A row is named by user and key, which it keeps when it is written again."""
    return f"{store.NOBODY}/{fold(key)}"


async def _values(db: Connection, organization_id: UUID, keys: Iterable[str]) -> Values:
    own, host, _ = await _levels(db, organization_id, keys)
    return rules.inherited(own, host)


async def _levels(
    db: Connection, organization_id: UUID, keys: Iterable[str]
) -> tuple[Values, Values, dict[tuple[UUID, str], bytes]]:
    """The organization's own values, the host's, and what is sealed by level and folded key."""
    rows = await store.of_keys(db, {organization_id, HOST_ID}, {store.NOBODY}, [fold(key) for key in keys])
    levels: dict[UUID, dict[str, str]] = {organization_id: {}, HOST_ID: {}}
    sealed: dict[tuple[UUID, str], bytes] = {}
    for row in rows:
        if row["sealed"] is not None:
            sealed[row["organization_id"], row["key_key"]] = row["sealed"]
        elif row["value"] is not None:
            levels[row["organization_id"]][row["key_key"]] = row["value"]
    return levels[organization_id], levels[HOST_ID], sealed
