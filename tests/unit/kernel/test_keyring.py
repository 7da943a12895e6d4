"""Values at rest: who opens them, and what happens to them when keys are replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from podium.kernel import key_rotation, secrets
from podium.kernel.config import resource
from podium.kernel.db import Database
from podium.kernel.errors import Unavailable
from podium.kernel.key_rotation import RotationError, rotate
from podium.kernel.keyring import Keyring, add_data_key, installation_secret
from podium.kernel.migrate import migrate
from podium.kernel.secrets import MasterKey, SecretError, new_data_key
from podium.server.sealed_columns import SEALED_COLUMNS, SECRETS
from tests.waiting import until_one_waits_for_a_lock

OLD, NEW = MasterKey(bytes(range(32))), MasterKey(bytes(range(32, 64)))
PLACE: dict[str, Any] = {"owner": UUID(int=7), "table": "identity.settings", "row": "a/b", "column": "sealed"}

SEALED_BYTES = """
SELECT n.nspname || '.' || c.relname AS name, a.attname AS attribute,
       EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE t.tgrelid = c.oid AND p.proname = 'refuse_retired_key' AND t.tgenabled = 'O') AS is_guarded
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND a.atttypid = 'bytea'::regtype AND a.attname ~ '(^|_)sealed(_|$)'
   AND NOT a.attisdropped AND n.nspname IN ('kernel', 'identity', 'orchestrator')
 ORDER BY 1, 2
"""


@pytest.fixture
async def db(database: Database, database_url: str) -> Database:
    await migrate(database_url, resource("migrations"))
    return database


@pytest.fixture
async def keyring(db: Database) -> Keyring:
    return await Keyring.load(db, lambda: OLD)


async def put(db: Database, name: str, sealed: bytes) -> None:
    async with db.acquire() as connection:
        await connection.execute(
            "INSERT INTO kernel.secrets (name, sealed, created_at) VALUES ($1, $2, now())", name, sealed
        )


async def plant(db: Database, keyring: Keyring, *names: str) -> None:
    for name in names:
        await put(db, name, sealed_as(keyring, name))


def sealed_as(keyring: Keyring, name: str) -> bytes:
    return keyring.seal(f"secret of {name}", owner=0, table="kernel.secrets", row=name, column="sealed")


async def opened(db: Database, keyring: Keyring) -> dict[str, str]:
    async with db.acquire() as connection:
        rows = await connection.fetch("SELECT name, sealed FROM kernel.secrets ORDER BY name")
    return {
        row["name"]: keyring.open(row["sealed"], owner=0, table="kernel.secrets", row=row["name"], column="sealed")
        for row in rows
    }


class TestKeyring:
    async def test_every_node_opens_what_one_node_sealed(self, db: Database) -> None:
        nodes = await asyncio.gather(*(Keyring.load(db, lambda: OLD) for _ in range(4)))
        assert len({node.active for node in nodes}) == 1
        sealed = nodes[0].seal("text", **PLACE)
        assert [node.open(sealed, **PLACE) for node in nodes] == ["text"] * 4

    async def test_another_master_key_stops_the_start(self, db: Database, keyring: Keyring) -> None:
        with pytest.raises(SecretError, match="another master key"):
            await Keyring.load(db, lambda: NEW)

    async def test_what_the_master_key_sealed_itself_still_opens(self, keyring: Keyring) -> None:
        assert keyring.open(secrets.seal(OLD.key, "of before", **PLACE), **PLACE) == "of before"

    async def test_a_key_that_was_made_elsewhere_is_looked_up_at_once(self, db: Database, keyring: Keyring) -> None:
        async with db.transaction() as connection:
            await add_data_key(connection, [OLD])
        other = await Keyring.load(db, lambda: OLD)
        assert other.active != keyring.active
        assert keyring.open(other.seal("news", **PLACE), **PLACE) == "news"

    async def test_a_key_that_nobody_has_does_not_open_and_does_not_ask_each_time(
        self, db: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sealed = secrets.seal(new_data_key(), "text", **PLACE)
        looks = []
        look = keyring._look

        def counted() -> None:
            looks.append(1)
            look()

        monkeypatch.setattr(keyring, "_look", counted)
        for _ in range(20):
            with pytest.raises(SecretError, match="does not have"):
                keyring.open(sealed, **PLACE)
        assert len(looks) == 1

    async def test_a_database_that_is_away_leaves_the_known_keys(self, db: Database, keyring: Keyring) -> None:
        sealed = keyring.seal("text", **PLACE)
        await db.close()
        with pytest.raises(SecretError):
            keyring.open(secrets.seal(new_data_key(), "text", **PLACE), **PLACE)
        assert keyring.open(sealed, **PLACE) == "text"

    async def test_an_installation_secret_is_made_once(self, db: Database, keyring: Keyring) -> None:
        async def ask() -> str:
            async with db.acquire() as connection:
                return await installation_secret(connection, keyring, "one", lambda: str(uuid4()))

        assert len(set(await asyncio.gather(*(ask() for _ in range(6))))) == 1

    async def test_the_database_does_not_hold_a_key_in_clear(self, db: Database, keyring: Keyring) -> None:
        async with db.acquire() as connection:
            wraps = [row["wrapped"] for row in await connection.fetch("SELECT wrapped FROM kernel.data_key_wraps")]
        assert wraps
        for key in (OLD.key, *keyring._keys.values()):
            assert not any(key in wrapped for wrapped in wraps)


class TestSwaps:
    """K3: a value says where it belongs."""

    async def test_no_value_opens_in_another_place(self, keyring: Keyring) -> None:
        places: list[dict[str, Any]] = [
            {"owner": owner, "table": table, "row": row, "column": column}
            for owner in (0, 1, UUID(int=1))
            for table in ("identity.settings", "identity.mails")
            for row in (1, "1/x", UUID(int=1))
            for column in ("sealed", "other")
        ]
        sealed = [keyring.seal(str(at), **place) for at, place in enumerate(places)]
        for value, home in zip(sealed, places, strict=True):
            for place in places:
                if place is home:
                    assert keyring.open(value, **place)
                else:
                    with pytest.raises(SecretError):
                        keyring.open(value, **place)

    async def test_no_byte_can_be_changed(self, keyring: Keyring) -> None:
        sealed = keyring.seal("a secret", **PLACE)
        for at in range(len(sealed)):
            for change in (1, 0x80, 0xFF):
                broken = sealed[:at] + bytes([sealed[at] ^ change]) + sealed[at + 1 :]
                with pytest.raises(SecretError):
                    keyring.open(broken, **PLACE)


class TestRotation:
    async def test_the_new_master_key_opens_everything_and_the_old_one_nothing(
        self, db: Database, keyring: Keyring
    ) -> None:
        await plant(db, keyring, "one", "two")
        await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=False)
        assert set(await opened(db, await Keyring.load(db, lambda: NEW))) == {"one", "two"}
        with pytest.raises(SecretError):
            await Keyring.load(db, lambda: OLD)

    async def test_new_data_keys_seal_everything_again_and_the_old_one_is_gone(
        self, db: Database, keyring: Keyring
    ) -> None:
        names = [f"name {number}" for number in range(300)]
        await plant(db, keyring, *names)
        before, old_key = keyring.active, keyring._keys[keyring.active]
        done = await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=True, heard_seconds=0)
        assert done.sealed_again["kernel.secrets"] == 300
        fresh = await Keyring.load(db, lambda: NEW)
        assert await opened(db, fresh) == {name: f"secret of {name}" for name in sorted(names)}
        async with db.acquire() as connection:
            assert [bytes(row["id"]) for row in await key_rotation.data_keys(connection)] == [fresh.active]
            rows = await connection.fetch("SELECT name, sealed FROM kernel.secrets")
        assert fresh.active != before
        for row in rows:
            with pytest.raises(SecretError):
                secrets.open_(old_key, row["sealed"], owner=0, table="kernel.secrets", row=row["name"], column="sealed")

    async def test_values_that_the_master_key_sealed_itself_are_taken_along(
        self, db: Database, keyring: Keyring
    ) -> None:
        sealed = secrets.seal(OLD.key, "secret of one", owner=0, table="kernel.secrets", row="one", column="sealed")
        async with db.transaction() as connection:
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(
                "INSERT INTO kernel.secrets (name, sealed, created_at) VALUES ('one', $1, now())", sealed
            )
        done = await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=False)
        assert done.sealed_again["kernel.secrets"] == 1
        assert await opened(db, await Keyring.load(db, lambda: NEW)) == {"one": "secret of one"}

    async def test_a_node_that_runs_hears_of_a_replaced_master_key(self, db: Database) -> None:
        held = [OLD]
        keyring = await Keyring.load(db, lambda: held[0])
        await plant(db, keyring, "one")
        await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=False, switch=lambda: held.__setitem__(0, NEW))
        await rotate(db, SEALED_COLUMNS, NEW, None, with_data=True, heard_seconds=0)
        await keyring.reload()
        assert await opened(db, keyring) == {"one": "secret of one"}
        await plant(db, keyring, "two")
        assert set(await opened(db, await Keyring.load(db, lambda: NEW))) == {"one", "two"}

    async def test_a_value_read_just_before_its_key_went_still_opens(self, db: Database, keyring: Keyring) -> None:
        sealed = keyring.seal("text", **PLACE)
        await rotate(db, SEALED_COLUMNS, OLD, None, with_data=True, heard_seconds=0)
        await keyring.reload()
        assert keyring.open(sealed, **PLACE) == "text"
        await keyring.reload()
        with pytest.raises(SecretError):
            keyring.open(sealed, **PLACE)

    async def test_a_node_that_heard_nothing_cannot_store_under_a_key_that_is_gone(
        self, db: Database, keyring: Keyring
    ) -> None:
        await rotate(db, SEALED_COLUMNS, OLD, None, with_data=True, heard_seconds=0)
        with pytest.raises(Unavailable):
            await plant(db, keyring, "late")
        await keyring.reload()
        await plant(db, keyring, "late")

    async def test_a_value_on_its_way_while_keys_are_retired_is_sealed_again(
        self, db: Database, keyring: Keyring
    ) -> None:
        async with db.transaction() as writing:
            await writing.execute(
                "INSERT INTO kernel.secrets (name, sealed, created_at) VALUES ('slow', $1, now())",
                sealed_as(keyring, "slow"),
            )
            rotation = asyncio.create_task(rotate(db, SEALED_COLUMNS, OLD, None, with_data=True, heard_seconds=0))
            await until_one_waits_for_a_lock(db)
        done = await rotation
        assert done.sealed_again["kernel.secrets"] == 1
        assert await opened(db, await Keyring.load(db, lambda: OLD)) == {"slow": "secret of slow"}

    async def test_two_rotations_at_once_are_refused(self, db: Database, keyring: Keyring) -> None:
        results = await asyncio.gather(
            *(rotate(db, SEALED_COLUMNS, OLD, None, with_data=True, heard_seconds=0.5) for _ in range(2)),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["Rotated", "RotationError"]

    @pytest.mark.parametrize("step", ["retire", "values", "switch"])
    async def test_a_rotation_that_was_killed_is_taken_up(self, db: Database, keyring: Keyring, step: str) -> None:
        await plant(db, keyring, *(f"name {number}" for number in range(20)))
        with pytest.raises((KeyboardInterrupt, asyncpg.DivisionByZeroError)):
            await self.killed(db, step)
        async for node in self.starts(db):
            assert len(await opened(db, node)) == 20
        await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=True, heard_seconds=0)
        fresh = await Keyring.load(db, lambda: NEW)
        assert len(await opened(db, fresh)) == 20
        async with db.acquire() as connection:
            [row] = await key_rotation.data_keys(connection)
        assert [bytes(id_) for id_ in row["masters"]] == [NEW.id]

    async def killed(self, db: Database, step: str) -> None:
        """A rotation that ends in the middle."""

        def stop() -> None:
            raise KeyboardInterrupt

        broken = SECRETS._replace(find="SELECT 1/0 WHERE $1::text || $2::text IS NOT NULL AND $3::bytea[] IS NOT NULL")
        columns = {"retire": (broken,), "values": (SECRETS, broken), "switch": SEALED_COLUMNS}[step]
        await rotate(db, columns, OLD, NEW, with_data=True, heard_seconds=0, switch=stop)

    async def starts(self, db: Database) -> AsyncIterator[Keyring]:
        """Nodes that start with either master key."""
        yield await Keyring.load(db, lambda: OLD)
        yield await Keyring.load(db, lambda: NEW)

    async def test_a_value_that_does_not_open_ends_it_and_is_named(self, db: Database, keyring: Keyring) -> None:
        await put(db, "broken", sealed_as(keyring, "another name"))
        with pytest.raises(RotationError, match="row broken"):
            await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=True, heard_seconds=0)
        await Keyring.load(db, lambda: OLD)

    async def test_the_old_master_key_may_stay_for_a_while(self, db: Database, keyring: Keyring) -> None:
        await plant(db, keyring, "one")
        await rotate(db, SEALED_COLUMNS, OLD, NEW, with_data=True, keep_old=True, heard_seconds=0)
        async for node in self.starts(db):
            assert await opened(db, node) == {"one": "secret of one"}
        assert await key_rotation.forget_other_masters(db, NEW) == 1
        with pytest.raises(SecretError):
            await Keyring.load(db, lambda: OLD)

    async def test_forgetting_with_the_wrong_key_forgets_nothing(self, db: Database, keyring: Keyring) -> None:
        with pytest.raises(SecretError):
            await key_rotation.forget_other_masters(db, NEW)
        await Keyring.load(db, lambda: OLD)


class TestColumns:
    """The law: whoever adds a sealed column names it where keys are replaced, and guards it."""

    async def test_every_sealed_column_of_the_schema_is_known_to_rotation(self, db: Database) -> None:
        async with db.acquire() as connection:
            rows = await connection.fetch(SEALED_BYTES)
        assert {(row["name"], row["attribute"]) for row in rows} == {
            (column.table, column.column) for column in SEALED_COLUMNS
        }

    async def test_every_sealed_column_refuses_keys_that_are_gone(self, db: Database) -> None:
        async with db.acquire() as connection:
            rows = await connection.fetch(SEALED_BYTES)
        assert [row["name"] for row in rows if not row["is_guarded"]] == []
