"""The first start and every later one; and what the directory then says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from podium.identity import bootstrap
from podium.identity.clients.rules import BUILT_IN_PUBLIC_CLIENT
from podium.identity.directory import InProcessClients, InProcessDirectory
from podium.kernel.config import Config, ConfigError
from podium.kernel.db import Database
from podium.kernel.errors import Conflict

from .conftest import ADMIN_PASSWORD, APP_ID, APP_SECRET, START, Identity


async def gets_token(identity: Identity, client_id: str, secret: str) -> bool:
    identity.issuer.clients.forget()
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return (await identity.token(form)).status == 200


class TestFirstStart:
    async def test_it_makes_the_groups_the_administrator_and_the_public_client(self, identity: Identity) -> None:
        names = {row["name"] for row in await identity.run("SELECT name FROM identity.groups WHERE is_built_in")}
        assert {
            "Everyone",
            "Administrators",
            "Automation Users",
            "Automation Developers",
            "Citizen Developers",
        } <= names
        [client] = await identity.run("SELECT * FROM identity.clients WHERE client_id = $1", BUILT_IN_PUBLIC_CLIENT)
        assert client["redirect_uris"] == ["http://localhost:8104/oidc/login"]
        assert not client["is_confidential"]
        assert await InProcessDirectory(identity.db).is_administrator(identity.made.admin_id)

    async def test_a_password_is_made_when_none_is_given_and_told_once(
        self, database: Database, config: Config
    ) -> None:
        unset = replace(config, admin_password=None)
        first = await bootstrap.ensure(database, unset, START)
        assert first.admin_password is not None
        assert len(first.admin_password) >= 20
        assert (await bootstrap.ensure(database, unset, START)).admin_password is None

    async def test_no_setting_shuts_the_administrator_out(self, identity: Identity) -> None:
        await identity.run(
            "INSERT INTO identity.settings (organization_id, key, key_key, value, updated_at)"
            " VALUES ($1, $2, lower($2), 'true', $3)",
            identity.made.organization_id,
            "Auth.RestrictBasicAuthentication",
            START,
        )
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    async def test_a_given_password_is_not_told(self, identity: Identity) -> None:
        assert identity.made.admin_password is None

    async def test_two_nodes_at_once_make_one_of_each(self, database: Database, config: Config) -> None:
        made = await asyncio.gather(*(bootstrap.ensure(database, config, START) for _ in range(3)))
        assert len({(one.organization_id, one.admin_id) for one in made}) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"organization": "identity_"},
            {"organization": "a/b"},
            {"admin_password": " "},
            {"bootstrap_client_secret": None},
            {"bootstrap_client_id": None},
        ],
    )
    async def test_a_setting_that_cannot_be_is_named(
        self, database: Database, config: Config, change: dict[str, str | None]
    ) -> None:
        with pytest.raises(ConfigError, match="PODIUM_"):
            await bootstrap.ensure(database, replace(config, **change), START)  # type: ignore[arg-type]  # a row above

    async def test_the_password_is_an_argon2id_hash_of_the_agreed_costs(self, identity: Identity) -> None:
        [row] = await identity.run("SELECT password_hash FROM identity.users")
        assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


class TestLaterStart:
    async def test_nothing_changes(self, identity: Identity) -> None:
        again = await bootstrap.ensure(identity.db, identity.config, identity.clock.forward(days=1))
        assert again == identity.made
        assert len(await identity.run("SELECT 1 FROM identity.client_secrets")) == 1

    async def test_another_password_in_the_environment_changes_nothing(self, identity: Identity) -> None:
        await bootstrap.ensure(identity.db, replace(identity.config, admin_password="another 1"), START)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    async def test_another_secret_in_the_environment_replaces_the_old(self, identity: Identity) -> None:
        await identity.run(
            "INSERT INTO identity.client_secrets (organization_id, owner_id, description, secret_hash, created_at)"
            " SELECT organization_id, id, 'by hand', sha256('by hand'), created_at FROM identity.clients"
            "  WHERE is_bootstrap"
        )
        await bootstrap.ensure(identity.db, replace(identity.config, bootstrap_client_secret="new"), START)
        assert await gets_token(identity, APP_ID, "new")
        assert await gets_token(identity, APP_ID, "by hand")
        assert not await gets_token(identity, APP_ID, APP_SECRET)

    async def test_another_client_id_replaces_the_application(self, identity: Identity) -> None:
        await bootstrap.ensure(identity.db, replace(identity.config, bootstrap_client_id="robots"), START)
        assert await gets_token(identity, "robots", APP_SECRET)
        assert not await gets_token(identity, APP_ID, APP_SECRET)

    async def test_a_client_id_that_belongs_to_another_is_refused(self, identity: Identity) -> None:
        taken = replace(identity.config, bootstrap_client_id=BUILT_IN_PUBLIC_CLIENT)
        with pytest.raises(Conflict):
            await bootstrap.ensure(identity.db, taken, START)
        assert await gets_token(identity, APP_ID, APP_SECRET)

    async def test_a_deleted_administrator_does_not_come_back(self, identity: Identity) -> None:
        await identity.run("UPDATE identity.users SET deleted_at = now()")
        again = await bootstrap.ensure(identity.db, identity.config, START)
        assert again.admin_id == identity.made.admin_id
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 400


class TestDirectory:
    async def test_names_of_users_groups_and_applications(self, identity: Identity) -> None:
        directory = InProcessDirectory(identity.db)
        [group] = await identity.run("SELECT id FROM identity.groups WHERE name = 'Everyone'")
        [app] = await identity.run("SELECT id FROM identity.clients WHERE is_bootstrap")
        ids = [identity.made.admin_id, group["id"], app["id"], uuid4()]
        names = await directory.names(identity.made.organization_id, ids)
        assert {(one.kind, one.name, one.display_name) for one in names.values()} == {
            ("user", "admin", "Administrator"),
            ("group", "Everyone", "Everyone"),
            ("application", "Bootstrap", "Bootstrap"),
        }
        assert await directory.names(uuid4(), ids) == {}

    async def test_an_active_user_is_in_everyone(self, identity: Identity) -> None:
        directory, organization = InProcessDirectory(identity.db), identity.made.organization_id
        groups = await directory.names(organization, await directory.groups_of(identity.made.admin_id))
        assert {group.name for group in groups.values()} == {"Everyone", "Administrators"}
        await identity.run("UPDATE identity.users SET is_active = false")
        groups = await directory.names(organization, await directory.groups_of(identity.made.admin_id))
        assert {group.name for group in groups.values()} == {"Administrators"}
        assert await directory.groups_of(uuid4()) == []
        assert not await directory.is_administrator(uuid4())

    async def test_find_by_name_or_e_mail_in_the_own_organization_only(self, identity: Identity) -> None:
        directory, organization = InProcessDirectory(identity.db), identity.made.organization_id
        for name in ("admin", "ADMIN@PODIUM.LOCAL"):
            found = await directory.find(organization, name)
            assert found is not None
            assert found.id == identity.made.admin_id
        assert await directory.find(uuid4(), "admin") is None
        assert await directory.find(organization, "adm") is None
        assert await directory.find(organization, "\0") is None

    async def test_search_by_the_beginning_of_the_name(self, identity: Identity) -> None:
        directory, organization = InProcessDirectory(identity.db), identity.made.organization_id
        found = await directory.search(organization, "AUTO", 10)
        assert [one.name for one in found] == ["Automation Developers", "Automation Express", "Automation Users"]
        assert [one.kind for one in await directory.search(organization, "adm", 10)] == ["user", "group"]
        assert len(await directory.search(organization, "", 3)) == 3
        assert await directory.search(organization, "%", 10) == []
        assert await directory.search(organization, "\0", 10) == []

    async def test_machines_come_and_go_through_the_orchestrators_port(self, identity: Identity) -> None:
        port, organization = InProcessClients(), identity.made.organization_id
        async with identity.db.transaction() as connection:
            await port.register_machine(connection, organization, "machine-key", "secret", "HOST", START)
        assert await gets_token(identity, "machine-key", "secret")
        async with identity.db.transaction() as connection:
            await port.remove_machine(connection, organization, "machine-key")
            await port.remove_machine(connection, organization, "machine-key")
        assert not await gets_token(identity, "machine-key", "secret")
