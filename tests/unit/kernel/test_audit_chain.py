"""The audit trail as a chain: what is sealed when, and what a verification says of a good and of a changed trail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from podium.kernel.audit_chain import erasure, files, rules, sealing, store
from podium.kernel.audit_chain.rules import Checkpoint
from podium.kernel.audit_chain.signing import PublicKey, Signer
from podium.kernel.config import resource
from podium.kernel.db import Connection, Database
from podium.kernel.keyring import Keyring
from podium.kernel.migrate import migrate
from podium.kernel.secrets import MasterKey
from tests.faults.tampering import BEGIN, PACE, Trail, new_trail

ADD_ONE = """
INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, actor_kind, actor_name, trace_id)
VALUES (1, $1, 'Folders_Post', 'Folders', 'Create', 'user', $2, '00-1') RETURNING id
"""


@pytest.fixture
async def db(database: Database, database_url: str) -> Database:
    await migrate(database_url, resource("migrations"))
    return database


@pytest.fixture
async def trail(db: Database, tmp_path: Path) -> Trail:
    return await new_trail(db, tmp_path)


async def names_in_order(db: Database) -> list[str]:
    async with db.acquire() as connection:
        rows = await connection.fetch(
            "SELECT a.actor_name FROM kernel.audit_chain c JOIN kernel.audit a ON a.id = c.audit_id ORDER BY c.seq"
        )
    return [row["actor_name"] for row in rows]


class TestSealing:
    async def test_every_committed_row_is_sealed_once(self, trail: Trail) -> None:
        await trail.grow(2500)
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.open, verdict.wrong) == (2500, 0, 0), verdict.findings
        await trail.seal()
        assert (await trail.verdict()).rows == 2500

    async def test_rows_of_before_the_chain_are_sealed_first(self, trail: Trail) -> None:
        async with trail.db.transaction() as connection:
            await connection.execute(ADD_ONE, BEGIN, "old")
            await connection.execute("UPDATE kernel.audit SET transaction_id = NULL")
        await trail.seal()
        await trail.grow(10)
        assert (await names_in_order(trail.db))[0] == "old"
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.wrong) == (11, 0)

    async def test_a_row_with_a_lower_id_that_is_committed_later_is_not_missed(self, trail: Trail) -> None:
        await trail.grow(5)
        slow = await trail.db.dedicated()
        try:
            transaction = slow.transaction()
            await transaction.start()
            low = await slow.fetchval(ADD_ONE, trail.now, "slow")
            async with trail.db.transaction() as connection:
                assert await connection.fetchval(ADD_ONE, trail.now, "fast") > low
            await trail.seal()
            assert "fast" not in await names_in_order(trail.db)
            await transaction.commit()
        finally:
            await slow.close()
        await trail.seal()
        assert (await names_in_order(trail.db))[-2:] == ["slow", "fast"]
        assert (await trail.verdict()).wrong == 0

    async def test_writers_and_sealers_at_once_lose_and_double_nothing(self, trail: Trail) -> None:
        async def write(number: int) -> None:
            for step in range(30):
                async with trail.db.transaction() as connection:
                    await connection.execute(ADD_ONE, trail.now, f"{number}/{step}")
                    if step % 7 == 0:
                        await asyncio.sleep(0.003)

        async def seal() -> None:
            for _ in range(20):
                async with trail.db.transaction() as connection:
                    await sealing.seal(connection, trail.signer, trail.now)

        await asyncio.gather(*(write(number) for number in range(4)), seal(), seal())
        await trail.seal()
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.open, verdict.wrong) == (120, 0, 0), verdict.findings

    async def test_a_row_that_was_rolled_back_leaves_no_hole(self, trail: Trail) -> None:
        connection = await trail.db.dedicated()
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(ADD_ONE, BEGIN, "gone")
        await transaction.rollback()
        await connection.close()
        await trail.grow(3)
        assert (await trail.verdict()).rows == 3

    async def test_rows_that_are_not_sealed_yet_are_open_and_not_wrong(self, trail: Trail) -> None:
        await trail.grow(5)
        async with trail.db.transaction() as connection:
            await connection.execute(ADD_ONE, trail.now, "new")
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.open, verdict.wrong) == (5, 1, 0)

    async def test_another_cluster_goes_on_where_transaction_numbers_begin_anew(self, trail: Trail) -> None:
        await trail.grow(20)
        async with trail.db.transaction() as connection:
            # as after a dump and restore: rows have high numbers of the old cluster, the head names that cluster
            old = await store.head(connection)
            assert old is not None
            moved = old._replace(cluster_id="the old one", read_transaction_id=2**50)
            await store.put_head(connection, moved._replace(signature=trail.signer.sign(moved.statement)))
            await connection.execute(ADD_ONE, trail.now, "first here")
        await trail.seal()
        await trail.grow(20)
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.open, verdict.wrong) == (41, 0, 0), verdict.findings

    async def test_rows_of_other_partitions_are_sealed_too(self, trail: Trail) -> None:
        async with trail.db.transaction() as connection:
            await connection.execute(
                "CREATE TABLE kernel.audit_202604 PARTITION OF kernel.audit"
                " FOR VALUES FROM ('2026-04-01') TO ('2026-05-01')"
            )
            await connection.execute(ADD_ONE, BEGIN, "march")
            await connection.execute(ADD_ONE, BEGIN + timedelta(days=45), "april")
        trail.now = BEGIN + timedelta(days=45)
        await trail.seal()
        assert sorted(await names_in_order(trail.db)) == ["april", "march"]
        assert (await trail.verdict()).rows == 2

    async def test_every_column_of_the_trail_is_hashed(self, db: Database) -> None:
        async with db.acquire() as connection:
            rows = await connection.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'kernel.audit'::regclass AND attnum > 0"
                " AND NOT attisdropped"
            )
        assert {row["attname"] for row in rows} == {*rules.PUBLIC, *rules.PERSONAL}


class TestCheckpoints:
    async def test_they_come_after_a_thousand_rows_or_a_minute(self, trail: Trail) -> None:
        trail.now = BEGIN
        await self.add(trail, 1)
        assert await self.numbers(trail) == [1]
        await self.add(trail, 500)
        assert await self.numbers(trail) == [1]
        await self.add(trail, 600)
        assert await self.numbers(trail) == [1, 2]
        await self.add(trail, 1)
        trail.now += timedelta(seconds=61)
        await trail.seal()
        assert await self.numbers(trail) == [1, 2, 3]
        trail.now += timedelta(hours=1)
        await trail.seal()
        assert await self.numbers(trail) == [1, 2, 3]

    async def add(self, trail: Trail, count: int) -> None:
        async with trail.db.transaction() as connection:
            await connection.executemany(ADD_ONE, [(trail.now, "somebody")] * count)
        await trail.seal()

    async def numbers(self, trail: Trail) -> list[int]:
        async with trail.db.acquire() as connection:
            return [one.number for one in await store.checkpoints_after(connection, 0, 100)]

    async def test_each_is_written_down_once_also_by_a_process_that_starts_again(self, trail: Trail) -> None:
        for _ in range(5):
            await trail.grow(100)
        written = [one for _, one in files.read(trail.diary)]
        async with trail.db.acquire() as connection:
            assert written == await store.checkpoints_after(connection, 0, 100)

    async def test_processes_that_take_turns_write_none_twice(self, trail: Trail) -> None:
        nodes = [files.Diary(trail.diary) for _ in range(3)]
        for number in range(9):
            await trail.grow(100)
            async with trail.db.transaction() as connection:
                await sealing.publish(connection, nodes[number % 3])
        numbers = [one.number for _, one in files.read(trail.diary) if one]
        assert numbers == list(range(1, len(numbers) + 1))

    async def test_a_line_that_a_crash_cut_off_is_written_again(self, trail: Trail) -> None:
        await trail.grow(500)
        whole = trail.diary.read_bytes()
        trail.diary.write_bytes(whole[:-40])
        await trail.seal()
        read = [one for _, one in files.read(trail.diary)]
        assert [one.number for one in read if one] == list(range(1, len(whole.splitlines()) + 1))

    def test_a_line_reads_as_it_was_written(self) -> None:
        one = Checkpoint(3, 17, bytes(range(32)), 4, BEGIN, BEGIN - PACE, "k", b"\1" * 64)
        assert files.decode(files.encode(one)) == one

    @pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"{", b'{"number":1}', b"\xff", b'{"number":"x"}'])
    def test_a_line_of_another_form_is_refused(self, line: bytes) -> None:
        with pytest.raises(ValueError, match="checkpoint"):
            files.decode(line)

    async def test_the_public_key_is_never_written_over(self, trail: Trail, tmp_path: Path) -> None:
        path = tmp_path / "audit-checkpoints.pub"
        sealing.loops(trail.signer, tmp_path)
        assert PublicKey.read(path).kid == trail.signer.kid
        path.write_text("somebody else's")
        sealing.loops(trail.signer, tmp_path)
        assert path.read_text() == "somebody else's"

    async def test_the_key_that_signs_stays_the_same(self, trail: Trail) -> None:
        keyring = await Keyring.load(trail.db, lambda: MasterKey(bytes(32)))
        async with trail.db.acquire() as connection:
            assert (await Signer.load(connection, keyring)).kid == trail.signer.kid


class TestVerification:
    async def test_a_trail_rolled_back_to_an_earlier_signed_state_is_found_by_the_file(self, trail: Trail) -> None:
        await trail.grow(300)
        async with trail.db.acquire() as connection:
            old = await store.head(connection)
        assert old is not None
        await trail.grow(300)

        async def roll_back(_: Trail, db: Connection) -> None:
            await db.execute(
                "DELETE FROM kernel.audit WHERE id IN (SELECT audit_id FROM kernel.audit_chain WHERE seq > 300)"
            )
            await db.execute("DELETE FROM kernel.audit_chain WHERE seq > 300")
            await db.execute("DELETE FROM kernel.audit_checkpoints WHERE seq > 300")
            await store.put_head(db, old)

        verdict = await trail.tried(roll_back)
        assert any("truncated" in finding for finding in verdict.findings)
        trail.diary.write_bytes(b"")
        assert (await trail.tried(roll_back)).wrong == 0  # why the file must be kept elsewhere as well

    async def test_another_key_verifies_nothing(self, trail: Trail) -> None:
        await trail.grow(5)
        stranger = await self.other_signer(trail)
        trail.signer = stranger
        assert (await trail.verdict()).wrong

    async def other_signer(self, trail: Trail) -> Signer:
        async with trail.db.transaction() as connection:
            await connection.execute("DELETE FROM kernel.secrets")
            return await Signer.load(connection, await Keyring.load(trail.db, lambda: MasterKey(bytes(32))))

    @pytest.mark.parametrize(
        ("sql", "says"),
        [
            ("UPDATE kernel.audit SET action = 'x' WHERE id = 7", "row 7: altered"),
            ("UPDATE kernel.audit SET tenant_id = 9 WHERE id = 7", "row 7: altered (its tenant or its time)"),
            ("DELETE FROM kernel.audit WHERE id = 7", "row 7: deleted"),
            ("DELETE FROM kernel.audit_chain WHERE audit_id = 7", "row 7: inserted"),
            ("DELETE FROM kernel.audit_chain WHERE seq > 15", "links 16 to 20: truncated"),
            (
                "UPDATE kernel.audit_chain SET chain_hash = '' WHERE audit_id = 7",
                "(row 7): changed, or in another order",
            ),
        ],
    )
    async def test_the_wrong_row_is_named(self, trail: Trail, sql: str, says: str) -> None:
        await trail.grow(20)

        async def attack(_: Trail, db: Connection) -> None:
            await db.execute(sql)

        findings = (await trail.tried(attack)).findings
        assert any(says in finding for finding in findings), findings

    async def test_all_wrong_rows_are_named(self, trail: Trail) -> None:
        await trail.grow(200)

        async def attack(_: Trail, db: Connection) -> None:
            await db.execute("UPDATE kernel.audit SET actor_name = 'x' WHERE id IN (3, 50, 199)")

        verdict = await trail.tried(attack)
        assert [finding.split(":")[0] for finding in verdict.findings] == ["row 3", "row 50", "row 199"]
        assert (verdict.rows, verdict.wrong) == (197, 3)


class TestErasure:
    SUBJECT = UUID("00000000-0000-0000-0000-000000000042")

    async def test_the_name_is_gone_and_the_chain_verifies(self, trail: Trail) -> None:
        await trail.grow(300)
        async with trail.db.transaction() as connection:
            erased = await erasure.erase_subject(connection, trail.signer, self.SUBJECT, trail.now)
            left = await connection.fetch(
                "SELECT actor_name, actor_id, detail FROM kernel.audit WHERE actor_id = $1", self.SUBJECT
            )
        assert erased == len(left) >= 3
        assert {row["actor_name"] for row in left} == {erasure.ERASED}
        assert {row["detail"] for row in left} == {None}
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.erased, verdict.wrong) == (300, erased, 0), verdict.findings

    async def test_what_was_erased_cannot_be_found_by_trying_names(self, trail: Trail) -> None:
        await trail.grow(100)
        async with trail.db.transaction() as connection:
            await erasure.erase_subject(connection, trail.signer, self.SUBJECT, trail.now)
            salts = await connection.fetch(
                "SELECT c.salt FROM kernel.audit_chain c JOIN kernel.audit a ON a.id = c.audit_id WHERE a.actor_id = $1",
                self.SUBJECT,
            )
        assert {row["salt"] for row in salts} == {None}

    async def test_an_erased_row_cannot_be_changed_after_all(self, trail: Trail) -> None:
        await trail.grow(100)
        async with trail.db.transaction() as connection:
            await erasure.erase_subject(connection, trail.signer, self.SUBJECT, trail.now)

        for change in ("actor_name = 'x'", "action = 'x'", "detail = '{}'"):

            async def attack(_: Trail, db: Connection, change: str = change) -> None:
                await db.execute(f"UPDATE kernel.audit SET {change} WHERE actor_id = $1", self.SUBJECT)

            assert (await trail.tried(attack)).wrong, change

    async def test_rows_that_are_not_sealed_yet_are_erased_too(self, trail: Trail) -> None:
        async with trail.db.transaction() as connection:
            id_ = await connection.fetchval(ADD_ONE, trail.now, "Anna")
            await connection.execute("UPDATE kernel.audit SET actor_id = $1 WHERE id = $2", self.SUBJECT, id_)
            await erasure.erase_subject(connection, trail.signer, self.SUBJECT, trail.now)
        await trail.seal()
        assert await names_in_order(trail.db) == [erasure.ERASED]
        assert (await trail.verdict()).wrong == 0


class TestRetention:
    async def test_old_rows_may_go_and_the_rest_verifies(self, trail: Trail) -> None:
        await trail.grow(600)
        before = BEGIN + PACE * 300
        async with trail.db.transaction() as connection:
            removed = await erasure.remove_before(connection, trail.signer, before, trail.now)
            await connection.execute("DELETE FROM kernel.audit WHERE executed_at < $1", before)
        assert 200 <= removed < 300
        verdict = await trail.verdict()
        assert (verdict.rows, verdict.rows + verdict.removed + removed, verdict.wrong) == (301, 600, 0), (
            verdict.findings
        )
        await trail.grow(100)
        assert (await trail.verdict()).wrong == 0

    @pytest.mark.parametrize("sign", [False, True])
    async def test_more_than_was_signed_may_not_go(self, trail: Trail, sign: bool) -> None:
        await trail.grow(300)

        async def attack(_: Trail, db: Connection) -> None:
            if sign:
                await erasure.remove_before(db, trail.signer, BEGIN + PACE * 100, trail.now)
            await db.execute("DELETE FROM kernel.audit WHERE executed_at <= $1", BEGIN + PACE * 100)

        verdict = await trail.tried(attack)
        assert verdict.wrong == (1 if sign else 100), verdict.findings

    async def test_nothing_to_remove_removes_nothing(self, trail: Trail) -> None:
        async with trail.db.transaction() as connection:
            assert await erasure.remove_before(connection, trail.signer, BEGIN, trail.now) == 0
        await trail.grow(50)
        async with trail.db.transaction() as connection:
            assert await erasure.remove_before(connection, trail.signer, BEGIN, trail.now) == 0
        assert (await trail.verdict()).rows == 50


class TestRules:
    def test_no_two_rows_read_the_same(self) -> None:
        base: dict[str, object] = dict.fromkeys((*rules.PUBLIC, *rules.PERSONAL), None)
        rows = [base | {"operation": "a", "component": "bc"}, base | {"operation": "ab", "component": "c"}]
        rows += [base | {"operation": ""}, base, base | {"component": ""}, base | {"actor_name": "x"}]
        hashes = {rules.row_hash(row, rules.personal_hash(row, b"salt")) for row in rows}
        assert len(hashes) == len(rows)
