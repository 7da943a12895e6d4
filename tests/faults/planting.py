"""Puts secrets into a running server in every way there is, and looks for them in everything that it leaves behind.

A planter is a function that plants and answers with what it planted; a new kind of secret is one more of them in
PLANTERS.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pyotp
import structlog

from podium.identity.links import actions as links
from podium.identity.mails import actions as mails
from podium.identity.second_factors import actions as second_factors
from podium.identity.sessions import actions as sessions
from podium.identity.settings.rules import SessionPolicy
from podium.kernel import log
from podium.kernel.config import Config
from podium.kernel.keyring import Keyring
from tests.builders import ODATA, Given
from tests.conftest import ADMIN_PASSWORD, Caller, MovableClock, Node, running

WINDOW = 12
"""How much of a secret is enough to be found; shorter ones are not planted."""


class World:
    """A node with its administrator."""

    def __init__(self, node: Node, pm: Caller, api: Caller) -> None:
        self.node, self.pm, self.api = node, pm, api
        self.organization = str(node.organization_id)

    @property
    def keyring(self) -> Keyring:
        return self.node.port(Keyring)


Planter = Callable[[World, int], Awaitable[list[str]]]


async def client_secrets(world: World, count: int) -> list[str]:
    body = {
        "partitionGlobalId": world.organization,
        "name": f"planted {uuid4().hex}",
        "isConfidential": True,
        "scopes": [{"name": "OR.Jobs", "type": 1}],
    }
    made = await world.pm.post("/identity_/api/ExternalClient", body)
    found = [made["secret"]]
    ask = {"clientId": made["id"], "partitionGlobalId": world.organization, "description": "one more"}
    while len(found) < min(count, 5):
        answer = await world.pm.request("POST", "/identity_/api/ExternalClient/GenerateSecret", ask)
        if answer.status != 200:
            break
        found.append(answer.json["secret"])
    return found if len(found) >= count else found + await client_secrets(world, count - len(found))


async def personal_tokens(world: World, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        somebody = world.api.as_role().with_scopes("IdentityServerApi", "OrchestratorApiUserAccess")
        for _ in range(min(5, count - len(found))):
            until = (world.node.clock() + timedelta(days=10)).isoformat()
            body = {"description": "planted", "expiration": until, "scopes": ["OR.Jobs"]}
            answer = await somebody.request("POST", "/identity_/api/ReferenceToken", body)
            assert answer.status == 201, answer.text
            found.append(answer.json)
    return found


async def passwords(world: World, count: int) -> list[str]:
    """New ones, changed ones, and wrong ones that were only tried."""
    found: list[str] = []
    while len(found) < count:
        first, second, wrong = (f"aA1{secrets.token_urlsafe(18)}" for _ in range(3))
        id_, name = uuid4(), f"planted-{uuid4().hex[:12]}"
        body = {"id": str(id_), "userName": name, "password": first, "email": f"{name}@podium.test"}
        await world.pm.post("/identity_/api/User", body)
        change = {"oldPassword": first, "newPassword": second}
        await world.pm.post(f"/identity_/api/User/{id_}/changepassword", change)
        await world.node.http.post(
            "/api/Account/Authenticate",
            json={"tenancyName": "default", "usernameOrEmailAddress": name, "password": wrong},
        )
        found += [first, second, wrong]
    return found


async def smtp_passwords(world: World, count: int) -> list[str]:
    found = []
    for _ in range(count):
        password = f"smtp{secrets.token_urlsafe(18)}"
        settings = [{"key": "Email.Smtp.Host", "value": "127.0.0.1"}, {"key": "Email.Smtp.Password", "value": password}]
        await world.pm.put("/identity_/api/Setting", {"settings": settings, "partitionGlobalId": world.organization})
        found.append(password)
    await world.pm.delete(
        "/identity_/api/Setting", {"settings": ["Email.Smtp.Host"], "partitionGlobalId": world.organization}
    )
    return found


async def tried_smtp_passwords(world: World, count: int) -> list[str]:
    """Sent to be tried with a server that does not listen; never stored."""
    found = []
    for _ in range(count):
        password = f"tried{secrets.token_urlsafe(18)}"
        server = {"host": "127.0.0.1", "port": 9, "userName": "u", "password": password, "fromAddress": "a@podium.test"}
        body = {"recipient": "b@podium.test", "smtpSettings": server}
        await world.pm.post("/identity_/api/Setting/VerifySmtpSettings", body, expect=None)
        found.append(password)
    return found


async def asset_secrets(world: World, count: int) -> list[str]:
    """Credentials, and secrets of assets: made, replaced, set by a robot, and refused."""
    found: list[str] = []
    folder = await Given(world.api).shared()
    while len(found) < count:
        first, second, wrong = (f"asset{secrets.token_urlsafe(18)}" for _ in range(3))
        body = {"Name": f"planted-{uuid4().hex[:12]}", "ValueScope": "Global", "ValueType": "Credential"}
        credential = {**body, "CredentialUsername": "ana", "CredentialPassword": first}
        made = await world.api.post("/odata/Assets", credential, folder=folder)
        path = f"/odata/Assets({made['Id']})"
        await world.api.put(path, {**credential, "CredentialPassword": second}, folder=folder)
        await world.api.put(path, {**credential, "Name": "", "CredentialPassword": wrong}, folder=folder, expect=400)
        await world.api.delete(path, folder=folder)
        found += [first, second, wrong]
    while len(found) < count + 20:
        secret = f"value{secrets.token_urlsafe(18)}"
        body = {"Name": f"planted-{uuid4().hex[:12]}", "ValueScope": "Global", "ValueType": "Secret"}
        await world.api.post("/odata/Assets", {**body, "SecretValue": secret}, folder=folder)
        found.append(secret)
    return found


async def credential_store_secrets(world: World, count: int) -> list[str]:
    """Tokens in the configuration of stores: made, replaced, deleted."""
    found: list[str] = []
    while len(found) < count:
        first, second = (f"vault{secrets.token_urlsafe(18)}" for _ in range(2))
        made: dict[str, int] = {}
        for token in (first, second):
            configuration = {"VaultUri": "https://vault.acme.test", "AuthenticationType": "Token", "Token": token}
            text = msgspec.json.encode({**configuration, "SecretsEngine": "KeyValueV2"}).decode()
            name = f"planted-{uuid4().hex[:12]}"
            body = {"Name": name, "Type": "HashiCorpVault", "AdditionalConfiguration": text}
            if made:
                await world.api.put(f"/odata/CredentialStores({made['Id']})", body)
            else:
                made = await world.api.post("/odata/CredentialStores", body)
        await world.api.delete(f"/odata/CredentialStores({made['Id']})")
        found += [first, second]
    return found


async def queue_contents(world: World, count: int) -> list[str]:
    """What items of encrypted queues hold, taken in one by one and by the dozen."""
    given = Given(world.api)
    folder, name = await given.shared(), f"planted-{uuid4().hex[:12]}"
    await world.api.post("/odata/QueueDefinitions", {"Name": name, "Encrypted": True}, folder=folder)
    found = [f"item{secrets.token_urlsafe(18)}" for _ in range(count)]
    for secret in found[: count // 2]:
        item = {"Name": name, "Priority": "Normal", "SpecificContent": {"card": secret}}
        await world.api.post("/odata/Queues/UiPathODataSvc.AddQueueItem", {"itemData": item}, folder=folder)
    items = [{"SpecificContent": {"card": secret}} for secret in found[count // 2 :]]
    body = {"queueName": name, "commitType": "AllOrNothing", "queueItems": items}
    await world.api.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", body, folder=folder)
    return found


async def tenant_passwords(world: World, count: int) -> list[str]:
    """Of administrators that tenants were made for, and of those that were refused."""
    found = []
    for number in range(count):
        password = f"aA1{secrets.token_urlsafe(18)}"
        name = f"planted{uuid4().hex[:12]}"
        person = {"AdminEmailAddress": f"{name}@podium.test", "AdminPassword": password}
        refused = {"ConnectionString": f"Password={password}"} if number % 2 else {}
        await world.api.post("/odata/Tenants", {"Name": name, **person, **refused}, expect=400 if refused else 201)
        found.append(password)
    return found


async def setting_secrets(world: World, count: int) -> list[str]:
    """Passwords of the tenant's mail server."""
    found = []
    for _ in range(count):
        password = f"mail{secrets.token_urlsafe(18)}"
        row = {"Name": "Abp.Net.Mail.Smtp.Password", "Value": password}
        await world.api.post(f"/odata/Settings/{ODATA}.UpdateBulk", {"settings": [row]})
        found.append(password)
    return found


async def machine_secrets(world: World, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        made = await world.api.post("/odata/Machines", {"Name": f"planted-{uuid4().hex[:12]}", "Type": "Template"})
        found.append(made["ClientSecret"])
    return found


async def totp_secrets(world: World, count: int) -> list[str]:
    found = []
    for _ in range(count):
        user = await _user(world)
        secret, now = second_factors.new_totp_secret(), world.node.clock()
        async with world.node.db.transaction() as db:
            code = pyotp.TOTP(secret).at(now)
            organization = world.node.organization_id
            assert await second_factors.enrol_totp(db, world.keyring, organization, user, secret, code, now)
        found.append(secret)
    return found


async def recovery_codes(world: World, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        async with world.node.db.transaction() as db:
            found += await second_factors.new_recovery_codes(
                db, world.node.organization_id, await _user(world), world.node.clock()
            )
    return found


async def mail_links(world: World, count: int) -> list[str]:
    """Links that let somebody in: as hashes in their table, in full in the mail."""
    found = []
    for _ in range(count):
        user = await _user(world)
        async with world.node.db.transaction() as db:
            now = world.node.clock()
            token = await links.create(db, world.node.organization_id, "reset", user, now)
            values = {"link": f"https://podium.test/reset?token={token}"}
            await mails.post(
                db, world.keyring, world.node.organization_id, "PasswordReset", "a@podium.test", values, now
            )
        found.append(token)
    return found


async def session_cookies(world: World, count: int) -> list[str]:
    found = []
    for _ in range(count):
        user = await _user(world)
        async with world.node.db.transaction() as db:
            _, cookie = await sessions.start(
                db, world.node.organization_id, user, ("pwd",), world.node.clock(), SessionPolicy()
            )
        found.append(cookie)
    return found


async def access_tokens(world: World, count: int) -> list[str]:
    """The signatures of tokens that calls carried, and the tokens of classic sign-ins."""
    found = []
    for _ in range(count):
        token = await world.node.application_token(["PM.User"])
        await world.pm.bearer(token).request("GET", f"/identity_/api/User/users/{world.organization}")
        found.append(token.rpartition(".")[2])
    return found


async def bad_requests(world: World, count: int) -> list[str]:
    """Secrets at places where they do not belong: addresses, wrong members, wrong types."""
    found = []
    for number in range(count):
        secret = f"lost{secrets.token_urlsafe(18)}"
        if number % 2:
            await world.node.http.post(
                "/identity_/connect/token", data={"client_secret": secret, "client_id": "nobody"}
            )
        else:
            body = {"id": "no guid", "userName": "x", "password": secret}
            await world.pm.post("/identity_/api/User", body, expect=None)
        found.append(secret)
    return found


PLANTERS: tuple[tuple[Planter, int], ...] = (
    (client_secrets, 150),
    (personal_tokens, 150),
    (passwords, 90),
    (smtp_passwords, 60),
    (tried_smtp_passwords, 20),
    (machine_secrets, 130),
    (asset_secrets, 60),
    (credential_store_secrets, 20),
    (queue_contents, 24),
    (tenant_passwords, 10),
    (setting_secrets, 10),
    (totp_secrets, 80),
    (recovery_codes, 80),
    (mail_links, 80),
    (session_cookies, 80),
    (access_tokens, 60),
    (bad_requests, 40),
)


async def _user(world: World) -> UUID:
    caller = await world.api.as_role()
    assert caller._user is not None
    return caller._user.id


@contextlib.asynccontextmanager
async def world_with_log(config: Config, clock: MovableClock) -> AsyncIterator[tuple[World, io.StringIO]]:
    """A node whose whole log, at its most talkative, is kept."""
    kept, stderr = io.StringIO(), sys.stderr
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    sys.stderr = kept
    log.configure(json=True, level="DEBUG")
    try:
        async with running(config, clock) as node:
            api = await Caller(node, "tenant")
            yield World(node, api.with_scopes("IdentityServerApi"), api), kept
    finally:
        sys.stderr = stderr
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        log._call_log.clear()


async def dump(node: Node) -> bytes:
    """Every row of every table as text; bytes are in hexadecimal there."""
    parts = io.BytesIO()
    async with node.db.acquire() as connection:
        tables = await connection.fetch(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname IN ('kernel', 'identity', 'orchestrator', 'public') ORDER BY 1, 2"
        )
        for table in tables:
            parts.write(f"\n{table['nspname']}.{table['relname']}\n".encode())
            await connection.copy_from_table(table["relname"], schema_name=table["nspname"], output=parts)
    return parts.getvalue()


def files(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def spellings(secret: str) -> Iterator[bytes]:
    """The secret as itself, in base64 at each of the three places in a group, hexadecimal and UTF-16, and mixtures."""
    for raw in (secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")):
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):
            text = base64.b64encode(bytes(shift) + raw)[4 if shift else 0 :].rstrip(b"=")[:-1]
            yield text
            yield text.replace(b"+", b"-").replace(b"/", b"_")


def found_in(places: dict[str, bytes], planted: Iterable[str]) -> list[str]:
    """Where planted secrets lie open; one pass over each place, whatever their number."""
    starts: dict[bytes, list[tuple[bytes, str]]] = {}
    for secret in planted:
        assert len(secret) >= WINDOW, "too short to be told from chance"
        for spelling in spellings(secret):
            starts.setdefault(spelling[:WINDOW], []).append((spelling, secret))
    return sorted(
        f"{place}: {spelling[:40]!r} around {content[max(0, at - 60) : at]!r}"
        for place, content in places.items()
        for at in range(len(content) - WINDOW + 1)
        for spelling, _ in starts.get(content[at : at + WINDOW], ())
        if content.startswith(spelling, at)
    )


def own_secrets(config: Config, keyring: Keyring, key_file: bytes) -> list[bytes]:
    """The keys themselves, which no table and no log may hold."""
    return [key_file, *keyring._keys.values(), ADMIN_PASSWORD.encode()]


def raw_in(places: dict[str, bytes], keys: Iterable[bytes]) -> list[str]:
    """The same for bytes."""
    return [
        f"{place}: a key"
        for place, content in places.items()
        for key in keys
        for spelling in (key, key.hex().encode(), base64.b64encode(key).rstrip(b"="), base64.urlsafe_b64encode(key))
        if spelling in content
    ]


async def plant(world: World) -> dict[str, list[str]]:
    """Everything, by the planter's name."""
    found: dict[str, list[str]] = {}
    for planter, count in PLANTERS:
        planted = await planter(world, count)
        assert len(planted) >= count, planter.__name__
        found[planter.__name__] = planted
    return found


def log_text(kept: io.StringIO) -> bytes:
    return kept.getvalue().encode("utf-8", "surrogateescape")
