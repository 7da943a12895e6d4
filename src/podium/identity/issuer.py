"""Issues and verifies the installation's access tokens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from podium.identity.clients.actions import KnownClients
from podium.identity.clients.rules import Client
from podium.identity.keys import actions as keys
from podium.identity.keys.actions import SigningKey, base64url
from podium.identity.keys.rules import is_retired, signer
from podium.identity.tokens import actions as tokens
from podium.identity.tokens.actions import RevocationKind
from podium.identity.tokens.claims import (
    IdHint,
    SignedIn,
    access_claims,
    from_base64url,
    id_claims,
    parts,
    profile,
    read_id_token,
)
from podium.identity.tokens.rules import (
    JOB_SCOPE,
    JOB_TOKEN_LIFETIME_S,
    NOT_VALID,
    ROBOT_CLIENT,
    SKEW_S,
    SUB_TYPES,
    Claims,
    TokenKind,
    agreement,
    audience,
    read_claims,
    token_id,
)
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import User
from podium.kernel.clock import Clock
from podium.kernel.config import Config
from podium.kernel.db import Database
from podium.kernel.errors import Unauthenticated, Unavailable
from podium.kernel.keyring import Keyring

REMEMBERED = 4096
RELOAD_SECONDS = 5.0

_PADDING = PKCS1v15()
_SHA256 = SHA256()
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()

log = structlog.get_logger(__name__)


class Issuer:
    """The signing keys, and what is known of tokens. One per process; `open` it, `close` it.

    Verification works from memory: keys and revocations are read again every 5 s, so that a key made by another node is
    known long before its first signature (14 days of announcement), and a token revoked elsewhere is refused within
    seconds; here `note_revoked` makes that at once. While the database is away the last known state holds.
    """

    def __init__(self, db: Database, config: Config, keyring: Keyring, clock: Clock) -> None:
        self.issuer = f"{config.public_url}/identity_"
        self.lifetime_s = config.token_lifetime_s
        self.clients = KnownClients(db)
        self.passwords = Passwords()
        self._db = db
        self._keyring = keyring
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._by_header: dict[str, SigningKey] = {}
        self._revoked: dict[tuple[str, str], int] = {}
        self._noted: dict[tuple[str, str], int] = {}
        # two generations: when the young one is full it becomes the old one, and what was old is forgotten
        self._young: dict[str, Claims] = {}
        self._old: dict[str, Claims] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, db: Database, config: Config, keyring: Keyring, clock: Clock) -> Issuer:
        """The issuer with its keys; the first key is made when there is none.

        `keyring` seals the private keys at rest. Raises SecretError when they were sealed with keys that it does not
        have. The schema must be migrated.
        """
        issuer = cls(db, config, keyring, clock)
        async with db.transaction() as connection:
            await keys.rotate(connection, keyring, clock())
        await issuer.reload()
        issuer._task = asyncio.create_task(issuer._keep_fresh())
        return issuer

    async def close(self) -> None:
        """Stop reading keys and revocations."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def reload(self) -> None:
        """Read keys and revocations now. Raises Unavailable, and SecretError for a key sealed otherwise."""
        now = self._clock()
        async with self._db.acquire() as connection:
            loaded = await keys.load(connection, self._keyring, now, self._keys)
            revoked = await tokens.revocations(connection, now)
        gone = {key.dates.kid for key in self._keys} - {key.dates.kid for key in loaded}
        if gone:
            self._young, self._old = {}, {}
        self._keys = loaded
        self._by_header = {key.header: key for key in loaded}
        # what was noted here may not have been committed when the query ran; it stays for a token's whole life
        oldest = int((now.timestamp() - self.lifetime_s - 2 * SKEW_S) * 1000)
        self._noted = {what: at for what, at in self._noted.items() if at > oldest}
        self._revoked = revoked | {what: max(at, revoked.get(what, 0)) for what, at in self._noted.items()}

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                await self.reload()
            except Unavailable:
                log.warning("identity.keys_unavailable")
            except Exception:  # the known keys go on to verify; what went wrong is logged
                log.exception("identity.reload_failed")

    def note_revoked(self, kind: RevocationKind, name: str, at: datetime) -> None:
        """Refuse on this node, from now on, what `tokens.actions.revoke` stored; to be called after its commit."""
        milliseconds = int(at.timestamp() * 1000)
        self._noted[kind, name] = self._revoked[kind, name] = milliseconds

    def verify(self, token: str, now: datetime) -> Claims:
        """What an access token says. Raises Unauthenticated unless it is ours, in time and not revoked.

        About a microsecond for a token seen before, 60 for a new one. Whether the user is active is not asked of the
        database: whoever disables a user revokes his tokens (`tokens.actions.end_all_of_user`).
        """
        now_s = now.timestamp()
        claims = self._young.get(token)
        if claims is None:
            claims = self._old.get(token) or self._checked(token, now, now_s)
            self._remember(token, claims)
        if claims.exp + SKEW_S <= now_s:
            raise Unauthenticated("The token has expired.")
        if self._revoked and self._is_revoked(claims):
            raise Unauthenticated("The token was revoked.")
        return claims

    def _remember(self, token: str, claims: Claims) -> None:
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[token] = claims

    def _checked(self, token: str, now: datetime, now_s: float) -> Claims:
        return read_claims(self._payload(token, now), self.issuer, now_s)

    def _payload(self, token: str, now: datetime) -> object:
        """The JSON of a token whose signature is ours. Raises Unauthenticated."""
        found = parts(token)
        # The first part must be, letter for letter, the header that a key of ours puts there. So `alg`, `crit`, `jku`
        # and whatever else a stranger may write is never read at all.
        key = self._by_header.get(found[0]) if found else None
        if key is None or is_retired(key.dates, now):
            raise Unauthenticated(NOT_VALID)
        signature = from_base64url(found[2])
        signed = f"{found[0]}.{found[1]}".encode("utf-8", "surrogatepass")
        try:
            key.public.verify(signature, signed, _PADDING, _SHA256)
        except InvalidSignature:
            raise Unauthenticated(NOT_VALID) from None
        try:
            said: object = _decoder.decode(from_base64url(found[1]))
        except msgspec.DecodeError:
            raise Unauthenticated(NOT_VALID) from None
        return said

    def _is_revoked(self, claims: Claims) -> bool:
        named = (
            ("subject", str(claims.subject) if claims.subject else ""),
            ("client", claims.client_id),
            ("agreement", agreement(claims.subject, claims.client_id) if claims.subject else ""),
        )
        if any(claims.issued_ms <= self._revoked.get(what, -1) for what in named):
            return True
        # these never come back: whatever was made of them in the same moment has ended as well
        gone = ("session", claims.session_id or ""), ("grant", claims.grant_id or ""), ("token", claims.jti)
        return any(what in self._revoked for what in gone)

    def issue_user_token(
        self,
        user: User,
        client_id: str,
        scopes: Iterable[str],
        now: datetime,
        *,
        session_id: UUID | None = None,
        authenticated_at: datetime | None = None,
        tenant_key: UUID | None = None,
        methods: tuple[str, ...] = ("pwd",),
        grant_id: UUID | None = None,
        lifetime_s: int | None = None,
    ) -> str:
        """An access token of a user. `tenant_key`: the tenant that a classic sign-in named.

        `lifetime_s`: for one that must end earlier than others.
        """
        how = SignedIn(authenticated_at or now, methods, session_id, grant_id, tenant_key)
        claims = access_claims(user, how)
        if lifetime_s is not None:
            claims["exp"] = int(now.timestamp()) + min(lifetime_s, self.lifetime_s)
        return self._sign("user", user.organization_id, client_id, scopes, claims, now)

    def issue_id_token(
        self,
        user: User,
        client_id: str,
        scopes: Collection[str],
        how: SignedIn,
        access_token: str,
        now: datetime,
        *,
        is_email_confirmed: bool,
        nonce: str | None = None,
    ) -> str:
        """An ID token beside an access token; `nonce` as the client sent it, None in a renewal."""
        about = profile(user, scopes, is_email_confirmed=is_email_confirmed)
        return self._signed(about | id_claims(self.issuer, client_id, how, access_token, nonce, now), now)

    def read_id_token(self, token: str, now: datetime) -> IdHint | None:
        """What an ID token of ours says, though it may have expired; None for any other text."""
        try:
            return read_id_token(self._payload(token, now), self.issuer)
        except Unauthenticated:
            return None

    def issue_application_token(self, client: Client, scopes: Iterable[str], now: datetime) -> str:
        """An access token of a program: an external application, or a machine (which has no subject)."""
        claims: dict[str, object] = {"name": client.name}
        if client.kind == "machine":
            return self._sign("machine", client.organization_id, client.client_id, scopes, claims, now)
        claims["sub"] = str(client.id)
        return self._sign("application", client.organization_id, client.client_id, scopes, claims, now)

    def issue_job_token(
        self,
        organization_id: UUID,
        robot_name: str,
        now: datetime,
        *,
        tenant_key: UUID,
        folder_key: UUID,
        job_key: UUID,
        lease_epoch: int,
        robot_key: UUID,
    ) -> str:
        """An access token of a robot for one hand-out of one job. Nobody renews it; its job's end is its own."""
        claims: dict[str, object] = {
            "sub": str(robot_key),
            "name": robot_name,
            "tenant_key": str(tenant_key),
            "folder_key": str(folder_key),
            "job_key": str(job_key),
            "lease_epoch": lease_epoch,
            "robot_key": str(robot_key),
            "exp": int(now.timestamp()) + JOB_TOKEN_LIFETIME_S,
        }
        return self._sign("robot", organization_id, ROBOT_CLIENT, [JOB_SCOPE], claims, now)

    def _sign(
        self,
        kind: TokenKind,
        organization_id: UUID,
        client_id: str,
        scopes: Iterable[str],
        claims: dict[str, object],
        now: datetime,
    ) -> str:
        granted = list(scopes)
        issued = int(now.timestamp())
        payload = {
            "iss": self.issuer,
            "nbf": issued,
            "iat": issued,
            "exp": issued + self.lifetime_s,
            "aud": audience(granted, self.issuer),
            "scope": granted,
            "client_id": client_id,
            "prt_id": str(organization_id),
            "sub_type": SUB_TYPES[kind],
            "jti": token_id(now, secrets.token_bytes(10)),
            **claims,
        }
        return self._signed(payload, now)

    def _signed(self, payload: Mapping[str, object], now: datetime) -> str:
        key = self._signer(now)
        signed = f"{key.header}.{base64url(_encoder.encode(payload))}"
        return f"{signed}.{base64url(key.private.sign(signed.encode(), _PADDING, _SHA256))}"

    def _signer(self, now: datetime) -> SigningKey:
        dates = signer((key.dates for key in self._keys), now)
        if dates is None:
            raise Unavailable("There is no key to sign with.")
        return next(key for key in self._keys if key.dates is dates)

    def public_keys(self) -> list[dict[str, str]]:
        """The keys as JSON Web Keys, announced ones too."""
        return [key.jwk for key in self._keys]
