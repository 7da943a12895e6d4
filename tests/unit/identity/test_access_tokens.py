"""Access tokens: what is refused, and what a key's life does to them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from podium.identity import issuer as issuers
from podium.identity.clients.rules import Client
from podium.identity.issuer import Issuer
from podium.identity.keys import actions as keys
from podium.identity.keys.rules import ANNOUNCE, KEEP, LIFE
from podium.identity.tokens import actions as tokens
from podium.identity.tokens.rules import ROBOT_CLIENT, SKEW_S, JobClaims
from podium.identity.users.rules import User
from podium.kernel.config import Config
from podium.kernel.errors import Unauthenticated
from podium.kernel.keyring import Keyring
from podium.kernel.secrets import MasterKey, SecretError

from .conftest import START, Identity

ORGANIZATION = UUID(int=7)
ANNA = User(ORGANIZATION, UUID(int=2), "anna", "anna@acme.test", "Anna", "Berg", None, True, None, False, None)
APP = Client(ORGANIZATION, UUID(int=1), "app", "external", "App", True, (), ("OR.Jobs",), (), False, ())

NOW_S = int(START.timestamp())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(said: object) -> str:
    return b64(said if isinstance(said, bytes) else json.dumps(said).encode())


def said_by(token: str) -> dict[str, Any]:
    text = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return claims


def header_of(token: str) -> dict[str, Any]:
    text = token.split(".", maxsplit=1)[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return header


def signed(key: RSAPrivateKey, header: object, payload: object) -> str:
    start = header if isinstance(header, str) else part(header)
    body = f"{start}.{part(payload)}"
    return f"{body}.{b64(key.sign(body.encode(), PKCS1v15(), SHA256()))}"


def job_token(issuer: Issuer) -> str:
    return issuer.issue_job_token(
        ORGANIZATION,
        "Robot 1",
        START,
        tenant_key=UUID(int=20),
        folder_key=UUID(int=21),
        job_key=UUID(int=22),
        lease_epoch=3,
        robot_key=UUID(int=23),
    )


@pytest.fixture
def issuer(identity: Identity) -> Issuer:
    return identity.issuer


@pytest.fixture
def good(issuer: Issuer) -> str:
    return issuer.issue_user_token(ANNA, "client", ["OR.Jobs", "PM.User"], START, session_id=UUID(int=9))


class TestIssued:
    def test_a_users_token_says_who_he_is(self, issuer: Issuer, good: str) -> None:
        claims = issuer.verify(good, START)
        assert (claims.kind, claims.subject, claims.organization_id) == ("user", ANNA.id, ORGANIZATION)
        assert (claims.name, claims.email, claims.client_id) == ("Anna Berg", "anna@acme.test", "client")
        assert claims.scopes == {"OR.Jobs", "PM.User"}
        assert claims.session_id == str(UUID(int=9))
        assert not claims.is_classic

    def test_its_wire_form_is_what_clients_read(self, good: str) -> None:
        said = said_by(good)
        assert header_of(good)["typ"] == "JWT"
        assert said["iss"] == "https://podium.test/identity_"
        assert said["aud"] == ["UiPath.Orchestrator", "IdentityServerApi"]
        assert said["scope"] == ["OR.Jobs", "PM.User"]
        assert said["prt_id"] == str(ORGANIZATION)
        assert (said["preferred_username"], said["sub_type"], said["amr"]) == ("anna", "user", ["pwd"])
        assert said["exp"] - said["iat"] == 3600

    def test_an_applications_token_names_the_application(self, issuer: Issuer) -> None:
        claims = issuer.verify(issuer.issue_application_token(APP, ["OR.Jobs"], START), START)
        assert (claims.kind, claims.subject, claims.name) == ("application", APP.id, "App")

    def test_a_machines_token_has_no_subject(self, issuer: Issuer) -> None:
        token = issuer.issue_application_token(APP._replace(kind="machine"), ["OrchestratorApiUserAccess"], START)
        claims = issuer.verify(token, START)
        assert (claims.kind, claims.subject, claims.client_id) == ("machine", None, "app")
        assert "sub" not in said_by(token)

    def test_a_jobs_token_names_the_job_and_outlives_a_day_at_most(self, issuer: Issuer) -> None:
        token = job_token(issuer)
        claims = issuer.verify(token, START)
        assert (claims.kind, claims.subject, claims.client_id, claims.name) == ("robot", None, ROBOT_CLIENT, "Robot 1")
        assert claims.job == JobClaims(UUID(int=20), UUID(int=21), UUID(int=22), 3, UUID(int=23))
        assert claims.scopes == {"OrchestratorApiUserAccess"}
        assert said_by(token)["aud"] == ["UiPath.Orchestrator"]
        assert issuer.verify(token, START + timedelta(hours=23)).job == claims.job
        with pytest.raises(Unauthenticated):
            issuer.verify(token, START + timedelta(hours=24, seconds=SKEW_S))

    def test_no_other_token_is_a_jobs_whatever_it_claims(self, issuer: Issuer) -> None:
        said = {"job_key": str(UUID(int=22)), "lease_epoch": 3, "robot_key": str(UUID(int=23))}
        token = with_claims(**said)(issuer, issuer.issue_user_token(ANNA, "client", ["OR.Jobs"], START))
        assert issuer.verify(token, START).job is None

    @pytest.mark.parametrize("name", ["tenant_key", "folder_key", "job_key", "robot_key", "lease_epoch"])
    @pytest.mark.parametrize("value", [..., "x", None, True, 0, -1, 2**31, 1.5])
    def test_a_jobs_token_that_names_no_job_is_refused(self, issuer: Issuer, name: str, value: object) -> None:
        with pytest.raises(Unauthenticated):
            issuer.verify(with_claims(**{name: value})(issuer, job_token(issuer)), START)

    def test_a_scope_of_nobody_has_an_audience_too(self, issuer: Issuer) -> None:
        token = issuer.issue_user_token(ANNA, "client", ["JamJamApi"], START)
        assert said_by(token)["aud"] == ["https://podium.test/identity_/resources"]
        assert issuer.verify(token, START).scopes == {"JamJamApi"}

    def test_no_two_tokens_are_the_same(self, issuer: Issuer) -> None:
        made = {issuer.issue_application_token(APP, [], START) for _ in range(5)}
        assert len(made) == 5

    async def test_another_library_verifies_it_by_the_published_keys(self, identity: Identity, good: str) -> None:
        published = (await identity.get("/.well-known/openid-configuration/jwks")).body
        assert all("d" not in key and "p" not in key for key in published["keys"])
        token = jwt.decode(good, KeySet.import_key_set(published), algorithms=["RS256"])  # type: ignore[arg-type]  # JSON
        assert token.claims["sub"] == str(ANNA.id)


Forge = Callable[[Issuer, str], str]


def with_header(**changed: object) -> Forge:
    """Signed by our own key, so that nothing but the header is wrong."""

    def forge(issuer: Issuer, good: str) -> str:
        header = {name: value for name, value in (header_of(good) | changed).items() if value is not None}
        return signed(issuer._keys[0].private, header, said_by(good))

    return forge


def with_claims(**changed: object) -> Forge:
    """Signed by our own key under the right header, so that nothing but the claims is wrong."""

    def forge(issuer: Issuer, good: str) -> str:
        said = {name: value for name, value in (said_by(good) | changed).items() if value is not Ellipsis}
        return signed(issuer._keys[0].private, good.split(".", maxsplit=1)[0], said)

    return forge


def unsigned(alg: str) -> Forge:
    return lambda _, good: f"{part(header_of(good) | {'alg': alg})}.{good.split('.')[1]}."


def hmac_with_public_key(encoding: Encoding, format_: PublicFormat, alg: str = "HS256") -> Forge:
    def forge(issuer: Issuer, good: str) -> str:
        secret = issuer._keys[0].public.public_bytes(encoding, format_)
        body = f"{part(header_of(good) | {'alg': alg})}.{good.split('.')[1]}"
        return f"{body}.{b64(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"

    return forge


def by_a_strangers_key(**header: object) -> Forge:
    def forge(_: Issuer, good: str) -> str:
        key = generate_private_key(65537, 2048)
        return signed(key, header_of(good) | header, said_by(good))

    return forge


def sha512_under_the_right_header(issuer: Issuer, good: str) -> str:
    body = good.rpartition(".")[0]
    return f"{body}.{b64(issuer._keys[0].private.sign(body.encode(), PKCS1v15(), SHA512()))}"


def other_tail_of_the_signature(_: Issuer, good: str) -> str:
    """Base64 of 256 bytes leaves four bits over: another last letter, the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return good[:-1] + alphabet[alphabet.index(good[-1]) ^ 1]


ID_TOKEN = {"aud": "client", "nonce": "n", "at_hash": "h", "scope": ..., "client_id": ..., "jti": ...}

ATTACKS: Mapping[str, Forge] = {
    # T1: the algorithm
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg empty": unsigned(""),
    "HS256 with the PEM public key": hmac_with_public_key(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "HS256 with the DER public key": hmac_with_public_key(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "HS256 with the PKCS1 public key": hmac_with_public_key(Encoding.PEM, PublicFormat.PKCS1),
    "hs256": hmac_with_public_key(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo, "hs256"),
    "alg rs256": with_header(alg="rs256"),
    "alg RS512": with_header(alg="RS512"),
    "alg PS256": with_header(alg="PS256"),
    "alg as a list": with_header(alg=["RS256"]),
    "no alg": with_header(alg=None),
    "SHA-512 signature under RS256": sha512_under_the_right_header,
    "crit": with_header(crit=["exp"]),
    "crit of nothing": with_header(crit=[]),
    "b64 false": with_header(b64=False, crit=["b64"]),
    # T2: the key
    "a stranger's key": by_a_strangers_key(),
    "kid unknown": with_header(kid="unknown"),
    "kid missing": with_header(kid=None),
    "kid a path": with_header(kid="../../../../dev/null"),
    "kid SQL": with_header(kid="' UNION SELECT 1 --"),
    "kid a URL": with_header(kid="https://evil.test/key"),
    "kid of 10 KB": with_header(kid="k" * 10240),
    "kid a number": with_header(kid=1),
    "kid with NUL": with_header(kid="\0"),
    "jku": by_a_strangers_key(jku="https://evil.test/jwks"),
    "x5u": by_a_strangers_key(x5u="https://evil.test/cert"),
    "jwk": by_a_strangers_key(jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
    "jku under our own key": with_header(jku="https://evil.test/jwks"),
    # T3: somebody else's token
    "issuer of another": with_claims(iss="https://evil.test/identity_"),
    "issuer with a slash": with_claims(iss="https://podium.test/identity_/"),
    "issuer missing": with_claims(iss=...),
    "issuer a list": with_claims(iss=["https://podium.test/identity_"]),
    "audience of another": with_claims(aud=["Other.Api"]),
    "audience a text": with_claims(aud="UiPath.Orchestrator"),
    "audience empty": with_claims(aud=[]),
    "audience of numbers": with_claims(aud=[1]),
    "typ at+jwt": with_header(typ="at+jwt"),
    "typ logout+jwt": with_header(typ="logout+jwt"),
    "an ID token": with_claims(**ID_TOKEN),
    "an ID token with an array audience and scope": with_claims(nonce="n"),
    "sub_type unknown": with_claims(sub_type="god"),
    "scope a text": with_claims(scope="OR.Jobs"),
    "scope of numbers": with_claims(scope=[1]),
    "sub no GUID": with_claims(sub="anna"),
    "sub missing": with_claims(sub=...),
    "organization missing": with_claims(prt_id=...),
    "jti no hex": with_claims(jti="zzzzzzzzzzzz"),
    "claims a list": lambda issuer, good: signed(issuer._keys[0].private, good.split(".")[0], []),
    "claims no JSON": lambda issuer, good: signed(issuer._keys[0].private, good.split(".")[0], b"\xff"),
    # T4: the time
    "expired": with_claims(exp=NOW_S - SKEW_S),
    "not yet": with_claims(nbf=NOW_S + SKEW_S + 1),
    "issued in the future": with_claims(iat=NOW_S + SKEW_S + 1),
    "issued before time began": with_claims(iat=-1),
    "ends before it was issued": with_claims(exp=NOW_S, iat=NOW_S),
    "exp missing": with_claims(exp=...),
    "exp a text": with_claims(exp=str(NOW_S + 60)),
    "exp true": with_claims(exp=True),
    "exp a fraction": with_claims(exp=NOW_S + 0.5),
    "nbf missing": with_claims(nbf=...),
    "iat null": with_claims(iat=None),
    # the text itself
    "empty": lambda _, __: "",
    "two parts": lambda _, good: good.rpartition(".")[0],
    "four parts": lambda _, good: f"{good}.",
    "no signature": lambda _, good: f"{good.rpartition('.')[0]}.",
    "padding": lambda _, good: f"{good}==",
    "another tail of the signature": other_tail_of_the_signature,
    "standard base64": lambda _, good: f"{good.rpartition('.')[0]}.++//",
    "white space": lambda _, good: f"{good}\n",
    "not ASCII": lambda _, good: f"{good.rpartition('.')[0]}.ä",
    "a lone surrogate": lambda _, good: good.replace(".", ".\ud800", 1),
    "17 KB": lambda _, good: good + "A" * 17 * 1024,
    "changed claims": lambda _, good: good.replace(good.split(".")[1], part(said_by(good) | {"sub": str(UUID(int=3))})),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_401_for_an_attack(identity: Identity, attack: str) -> None:
    issuer = identity.issuer
    good = issuer.issue_user_token(ANNA, "client", ["OR.Jobs"], START)
    forged = ATTACKS[attack](issuer, good)
    assert forged != good
    with pytest.raises(Unauthenticated):
        issuer.verify(forged, START)
    issuer.verify(good, START)
    with pytest.raises(Unauthenticated):
        issuer.verify(forged, START)


def test_the_forging_itself_makes_good_tokens(issuer: Issuer, good: str) -> None:
    """Otherwise the attacks would be refused for the wrong reason."""
    assert issuer.verify(with_claims(jti="0" * 32)(issuer, good), START).subject == ANNA.id
    assert issuer.verify(with_claims(exp=NOW_S + 1, iat=NOW_S + SKEW_S - 60)(issuer, good), START)
    assert issuer.verify(with_claims(nbf=NOW_S + SKEW_S)(issuer, good), START)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(text=st.text(max_size=80), at=st.integers(0, 2000))
def test_401_for_any_other_text(identity: Identity, text: str, at: int) -> None:
    good = identity.issuer.issue_application_token(APP, ["OR.Jobs"], START)
    changed = good[:at] + text + good[at + max(len(text), 1) :]
    for token in (text, changed):
        if token != good:
            with pytest.raises(Unauthenticated):
                identity.issuer.verify(token, START)


class TestEnd:
    def test_a_token_seen_before_ends_all_the_same(self, issuer: Issuer, good: str) -> None:
        end = START + timedelta(seconds=3600 + SKEW_S)
        assert issuer.verify(good, START)
        assert issuer.verify(good, end - timedelta(seconds=1))
        with pytest.raises(Unauthenticated, match="expired"):
            issuer.verify(good, end)

    def test_the_memory_of_tokens_is_bounded(self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(issuers, "REMEMBERED", 3)
        made = [issuer.issue_application_token(APP, [], START) for _ in range(12)]
        for token in made:
            issuer.verify(token, START)
        assert len(issuer._young) + len(issuer._old) <= 6
        assert all(issuer.verify(token, START).client_id == "app" for token in made)

    @pytest.mark.parametrize(
        ("kind", "name"), [("subject", str(ANNA.id)), ("session", str(UUID(int=9))), ("client", "client")]
    )
    async def test_a_revoked_token_is_refused_by_every_node(
        self, identity: Identity, good: str, kind: tokens.RevocationKind, name: str
    ) -> None:
        other_node = await Issuer.open(identity.db, identity.config, identity.keyring, identity.clock)
        assert other_node.verify(good, START)
        revoked_at = identity.clock.forward(milliseconds=1)
        async with identity.db.acquire() as connection:
            await tokens.revoke(connection, kind, name, revoked_at, 3600)
        identity.issuer.note_revoked(kind, name, revoked_at)
        with pytest.raises(Unauthenticated, match="revoked"):
            identity.issuer.verify(good, revoked_at)
        await other_node.reload()
        with pytest.raises(Unauthenticated, match="revoked"):
            other_node.verify(good, revoked_at)
        later = identity.clock.forward(milliseconds=1)
        fresh = identity.issuer.issue_user_token(ANNA, "client", ["OR.Jobs"], later, session_id=UUID(int=10))
        assert other_node.verify(fresh, later).subject == ANNA.id
        await other_node.close()

    @pytest.mark.parametrize("kind", ["session", "grant", "token"])
    async def test_what_never_comes_back_is_refused_whenever_it_was_made(
        self, identity: Identity, kind: tokens.RevocationKind
    ) -> None:
        name, later = UUID(int=9), identity.clock.forward(seconds=1)
        made = identity.issuer.issue_user_token(ANNA, "app", ["OR.Jobs"], later, session_id=name, grant_id=name)
        other = identity.issuer.issue_user_token(ANNA, "app", ["OR.Jobs"], later, session_id=UUID(int=8))
        jti = identity.issuer.verify(made, later).jti
        identity.issuer.note_revoked(kind, jti if kind == "token" else str(name), START)
        with pytest.raises(Unauthenticated, match="revoked"):
            identity.issuer.verify(made, later)
        assert identity.issuer.verify(other, later).subject == ANNA.id

    async def test_what_was_noted_before_its_commit_survives_a_reload(self, identity: Identity, good: str) -> None:
        async with identity.db.acquire() as connection:
            await tokens.revoke(connection, "client", "another", START, 3600)
        identity.issuer.note_revoked("client", "client", START)
        await identity.issuer.reload()
        with pytest.raises(Unauthenticated, match="revoked"):
            identity.issuer.verify(good, START)
        identity.clock.forward(hours=2)
        await identity.issuer.reload()
        assert not identity.issuer._noted


class TestRotation:
    async def rotate(self, identity: Identity) -> bool:
        async with identity.db.transaction() as connection:
            return await keys.rotate(connection, identity.keyring, identity.clock())

    async def test_no_verification_fails_on_any_node_through_two_rotations(
        self, identity: Identity, database: Any, config: Config
    ) -> None:
        slow = await Issuer.open(database, config, identity.keyring, identity.clock)
        kids: set[str] = set()
        alive: list[tuple[str, datetime]] = []
        for _ in range(2 * LIFE.days + 3):
            now = identity.clock.forward(days=1)
            await self.rotate(identity)
            await identity.issuer.reload()
            token = identity.issuer.issue_application_token(APP, ["OR.Jobs"], now)
            kids.add(header_of(token)["kid"])
            # the slow node reads the keys only after this token was made and sent
            assert slow.verify(token, now).client_id == "app"
            await slow.reload()
            alive = [(one, end) for one, end in alive if end > now]
            assert all(identity.issuer.verify(one, now) for one, _ in alive)
            alive.append((token, now + timedelta(minutes=59)))
        assert len(kids) == 3
        await slow.close()

    async def test_a_new_key_is_published_before_it_signs(self, identity: Identity) -> None:
        first = identity.issuer.public_keys()
        identity.clock.forward(seconds=(LIFE - ANNOUNCE).total_seconds())
        assert await self.rotate(identity)
        assert not await self.rotate(identity)
        await identity.issuer.reload()
        assert len(identity.issuer.public_keys()) == 2
        token = identity.issuer.issue_application_token(APP, [], identity.clock())
        assert header_of(token)["kid"] == first[0]["kid"]

    async def test_a_retired_key_verifies_nothing_and_is_forgotten(self, identity: Identity) -> None:
        stale = identity.issuer._keys[0]
        identity.clock.forward(seconds=(LIFE - ANNOUNCE).total_seconds())
        await self.rotate(identity)
        await identity.issuer.reload()
        now = identity.clock.forward(seconds=(ANNOUNCE + KEEP).total_seconds())
        claims = said_by(identity.issuer.issue_application_token(APP, [], now))
        with pytest.raises(Unauthenticated):
            identity.issuer.verify(signed(stale.private, stale.header, claims), now)
        await identity.issuer.reload()
        assert stale.dates.kid not in {key["kid"] for key in identity.issuer.public_keys()}

    async def test_nodes_that_start_at_once_make_one_key(
        self, database: Any, config: Config, identity: Identity
    ) -> None:
        await identity.run("DELETE FROM identity.signing_keys")
        opened = [await Issuer.open(database, config, identity.keyring, identity.clock) for _ in range(2)]
        assert len(await identity.run("SELECT kid FROM identity.signing_keys")) == 1
        assert opened[0].public_keys() == opened[1].public_keys()
        for one in opened:
            await one.close()

    async def test_the_private_key_is_not_stored_in_clear(self, identity: Identity) -> None:
        [row] = await identity.run("SELECT sealed FROM identity.signing_keys")
        assert b"PRIVATE" not in row["sealed"]

    async def test_keys_sealed_with_another_master_key_stop_the_start(self, identity: Identity) -> None:
        with pytest.raises(SecretError):
            await Keyring.load(identity.db, lambda: MasterKey(bytes(32)))
