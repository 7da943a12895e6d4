"""People who come to the pages, their mails, and the authenticators in their pockets."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID, uuid4

import pyotp

from podium.identity.issuer import Issuer
from podium.identity.mails.actions import open_body
from podium.identity.users.actions import add_user
from podium.identity.users.rules import NewUser
from podium.kernel.keyring import Keyring
from tests.conftest import Node

PASSWORD = "quite a long 1 password"
NEW_PASSWORD = "another good 2 password"


async def make_user(node: Node, name: str, *, must_change: bool = False) -> NewUser:
    """A person with PASSWORD in the node's organization."""
    hashed = await node.port(Issuer).passwords.hash(PASSWORD)
    user = NewUser(node.organization_id, uuid4(), name, f"{name}@podium.test", name, "X", None, hashed, must_change)
    async with node.db.transaction() as connection:
        await add_user(connection, user, node.clock())
    return user


async def sessions_of(node: Node, user_id: object) -> list[object]:
    """Ids of the person's sessions that were not ended, oldest first."""
    sql = "SELECT id FROM identity.sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY created_at"
    return [row["id"] for row in await node.rows(sql, user_id)]


async def set_setting(node: Node, key: str, value: str) -> None:
    """Behind the server's back."""
    await node.rows(
        "INSERT INTO identity.settings (organization_id, key, key_key, value, updated_at) VALUES ($1, $2, lower($2), $3,"
        " now()) ON CONFLICT (organization_id, user_id, key_key) DO UPDATE SET value = excluded.value",
        node.organization_id,
        key,
        value,
    )


async def mails_to(node: Node, recipient: str) -> list[str]:
    """The bodies of what was posted to an address, oldest first."""
    sql = "SELECT organization_id, id, sealed FROM identity.mails WHERE recipient = $1 ORDER BY id"
    keyring = node.port(Keyring)
    return [open_body(keyring, *row.values()) for row in await node.rows(sql, recipient)]


async def link_to(node: Node, recipient: str) -> str:
    """The path of the link in the last mail to an address."""
    found = re.search(r"http://podium\.test(/\S+)", (await mails_to(node, recipient))[-1])
    assert found is not None
    return found[1]


def token_in(link: str) -> str:
    return link.partition("token=")[2]


def code_of(secret: str, at: datetime, steps: int = 0) -> str:
    """What an authenticator shows, so many steps of 30 seconds away."""
    return pyotp.TOTP(secret.replace(" ", "")).at(at, counter_offset=steps)


def secret_on(page: str) -> str:
    """The secret that a page shows to be enrolled."""
    found = re.search(r"<code>([A-Z2-7 ]{32,})</code>", page)
    assert found is not None
    return found[1]


def codes_on(page: str) -> list[str]:
    """The recovery codes that a page shows."""
    return re.findall(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>", page)


async def trail_of(node: Node, user_id: UUID) -> list[tuple[str, str]]:
    """Component and action of what was written down of a user, oldest first."""
    sql = "SELECT component, action FROM kernel.audit WHERE entity_id = $1 ORDER BY id"
    return [(row["component"], row["action"]) for row in await node.rows(sql, str(user_id))]
