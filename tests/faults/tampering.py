"""Changes an audit trail behind the server's back, as the owner of the database can, and asks who notices."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asyncpg import Record

from podium.kernel.audit_chain import rules, sealing, store
from podium.kernel.audit_chain.files import Diary
from podium.kernel.audit_chain.signing import Signer
from podium.kernel.audit_chain.verification import Verdict, verify
from podium.kernel.db import Connection, Database
from podium.kernel.keyring import Keyring
from podium.kernel.secrets import MasterKey

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PACE = timedelta(seconds=20)

ADD = """
INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, entity_id, entity_name, actor_kind,
                          actor_id, actor_name, user_id, client_id, folder_id, trace_id, detail, organization_id)
SELECT 1 + n % 3, $1::timestamptz + n * $2::interval, 'Users_Put', 'User', 'Update', (n % 50)::text, 'Entity ' || n,
       'user', ('00000000-0000-0000-0000-0000000000' || lpad((n % 90 + 10)::text, 2, '0'))::uuid, 'Actor ' || n % 90,
       n % 90, CASE WHEN n % 5 = 0 THEN 'client' END, nullif(n % 4, 0), '00-' || n, jsonb_build_object('n', n),
       CASE WHEN n % 2 = 0 THEN '0f6c2c1e-5a3b-4f0e-9d55-6f2a4d3b1c01'::uuid END
  FROM generate_series($3::int, $4::int) AS n
"""


@dataclass
class Trail:
    """A sealed trail; rows are numbered from 1 in the order of sealing."""

    db: Database
    signer: Signer
    diary: Path
    rows: int = 0
    now: datetime = BEGIN
    chance: random.Random = field(default_factory=lambda: random.Random(17))  # noqa: S311 - trials must be repeatable

    async def grow(self, count: int) -> None:
        """More rows, each committed batch sealed at the time of its last row."""
        for begin in range(self.rows + 1, self.rows + count + 1, 100):
            until = min(begin + 99, self.rows + count)
            async with self.db.transaction() as connection:
                await connection.execute(ADD, BEGIN, PACE, begin, until)
            self.now = BEGIN + PACE * until
            await self.seal()
        self.rows += count

    async def seal(self) -> None:
        while True:
            async with self.db.transaction() as connection:
                done = await sealing.seal(connection, self.signer, self.now)
            if not done:
                break
        async with self.db.transaction() as connection:
            await sealing.publish(connection, Diary(self.diary))

    async def verdict(self, db: Connection | None = None) -> Verdict:
        if db is not None:
            return await verify(db, self.signer.public, [self.diary])
        async with self.db.transaction() as connection:
            return await verify(connection, self.signer.public, [self.diary])

    async def tried(self, attack: Attack) -> Verdict:
        """What a verification says after the attack, which is taken back."""
        async with self.db.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await attack(self, connection)
                return await self.verdict(connection)
            finally:
                await transaction.rollback()

    async def some(self, db: Connection, count: int) -> Sequence[Record]:
        seqs = self.chance.sample(range(1, self.rows + 1), count)
        return await db.fetch(
            "SELECT c.seq, a.* FROM kernel.audit_chain c JOIN kernel.audit a ON a.id = c.audit_id"
            " WHERE c.seq = ANY($1::bigint[]) ORDER BY c.seq",
            seqs,
        )


Attack = Callable[[Trail, Connection], Awaitable[object]]

CHANGED: dict[str, str] = {
    "tenant_id": "tenant_id + 1",
    "executed_at": "executed_at + interval '1 microsecond'",
    "id": "id + 1000000",
    "operation": "operation || 'x'",
    "component": "'Group'",
    "action": "'Delete'",
    "entity_id": "NULL",
    "entity_name": "lower(entity_name)",
    "actor_kind": "'application'",
    "actor_id": "'0f6c2c1e-5a3b-4f0e-9d55-6f2a4d3b1c02'::uuid",
    "actor_name": "'somebody else'",
    "user_id": "coalesce(user_id, 0) + 1",
    "client_id": "coalesce(client_id, '') || 'c'",
    "folder_id": "coalesce(folder_id, 0) + 1",
    "trace_id": "''",
    "detail": "'{}'::jsonb",
    "organization_id": "CASE WHEN organization_id IS NULL THEN gen_random_uuid() END",
    "transaction_id": "transaction_id + 1",
}
COLUMNS = {
    "audit_chain": {
        "tenant_id": "tenant_id + 1",
        "audit_id": "audit_id + 1000000",
        "executed_at": "executed_at + interval '1 s'",
        "salt": "NULL",
        "personal_hash": "sha256(personal_hash)",
        "row_hash": "sha256(row_hash)",
        "chain_hash": "sha256(chain_hash)",
        "seq": "seq + 1000000",
    },
    "audit_checkpoints": {
        "seq": "seq + 1",
        "chain_hash": "sha256(chain_hash)",
        "made_at": "made_at + interval '1 s'",
        "removed_before": "now()",
        "rows": "rows + 1",
        "signature": "'\\x00'",
        "number": "number + 1000",
    },
    "audit_chain_head": {
        "seq": "seq - 1",
        "chain_hash": "sha256(chain_hash)",
        "read_transaction_id": "read_transaction_id - 1",
        "cluster_id": "'another'",
    },
}


async def alter(trail: Trail, db: Connection) -> None:
    """Another value in any column of any row."""
    [row] = await trail.some(db, 1)
    name = trail.chance.choice(list(CHANGED))
    if name == "id":
        await db.execute("ALTER TABLE kernel.audit ALTER COLUMN id SET GENERATED BY DEFAULT")
    await db.execute(f"UPDATE kernel.audit SET {name} = {CHANGED[name]} WHERE id = $1", row["id"])


async def alter_chain(trail: Trail, db: Connection) -> None:
    """Another value in any column of what proves the trail."""
    table = trail.chance.choice(list(COLUMNS))
    name = trail.chance.choice(list(COLUMNS[table]))
    key = {"audit_chain": "seq", "audit_checkpoints": "number", "audit_chain_head": "seq"}[table]
    at = await db.fetchval(f"SELECT {key} FROM kernel.{table} ORDER BY random() LIMIT 1")
    await db.execute(f"UPDATE kernel.{table} SET {name} = {COLUMNS[table][name]} WHERE {key} = $1", at)


async def delete(trail: Trail, db: Connection) -> None:
    """Rows go; with them, sometimes, their links."""
    rows = await trail.some(db, trail.chance.choice([1, 1, 1, 5]))
    await db.execute("DELETE FROM kernel.audit WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
    if trail.chance.random() < 0.5:
        await db.execute(
            "DELETE FROM kernel.audit_chain WHERE audit_id = ANY($1::bigint[])", [row["id"] for row in rows]
        )


async def insert(trail: Trail, db: Connection) -> None:
    """A row of long ago that never was, with the next id or one of its time; sometimes it is sealed like a good one."""
    [row] = await trail.some(db, 1)
    past = trail.now - timedelta(hours=2)
    executed_at = min(row["executed_at"] + timedelta(seconds=1), past)
    as_late = trail.chance.random() < 0.5
    await db.execute(
        "INSERT INTO kernel.audit (id, tenant_id, executed_at, operation, component, action, actor_kind, actor_name,"
        " trace_id, transaction_id) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, 'Users_Put', 'User', 'Update', 'user',"
        " 'made up', '00-1', $4)",
        10_000_000,
        row["tenant_id"],
        executed_at,
        2**40 if as_late else row["transaction_id"],
    )


async def swap(trail: Trail, db: Connection) -> None:
    """Two rows, or two links, take each other's place."""
    a, b = await trail.some(db, 2)
    if trail.chance.random() < 0.5:
        columns = (
            "operation, component, action, entity_id, entity_name, actor_kind, actor_id, actor_name, detail, trace_id"
        )
        names = ", ".join(f"{name} = o.{name}" for name in columns.split(", "))
        await db.execute(
            f"UPDATE kernel.audit t SET {names} FROM kernel.audit o"
            " WHERE (t.id = $1 AND o.id = $2) OR (t.id = $2 AND o.id = $1)",
            a["id"],
            b["id"],
        )
        return
    await db.execute("UPDATE kernel.audit_chain SET seq = -seq WHERE seq = ANY($1::bigint[])", [a["seq"], b["seq"]])
    for from_, to in ((a["seq"], b["seq"]), (b["seq"], a["seq"])):
        await db.execute("UPDATE kernel.audit_chain SET seq = $2 WHERE seq = -$1::bigint", from_, to)


async def truncate(trail: Trail, db: Connection) -> None:
    """The tail goes, from the trail and from the chain; the head too, sometimes."""
    count = trail.chance.randint(1, trail.rows // 2)
    first = trail.rows - count + 1
    await db.execute(
        "DELETE FROM kernel.audit WHERE id IN (SELECT audit_id FROM kernel.audit_chain WHERE seq >= $1)", first
    )
    await db.execute("DELETE FROM kernel.audit_chain WHERE seq >= $1", first)
    if trail.chance.random() < 0.7:
        await db.execute("DELETE FROM kernel.audit_checkpoints WHERE seq >= $1", first)
    if trail.chance.random() < 0.7:
        await db.execute("DELETE FROM kernel.audit_chain_head")


async def rewrite(trail: Trail, db: Connection) -> None:
    """A row changes and every hash after it is made to fit; only the signatures cannot be."""
    [row] = await trail.some(db, 1)
    await db.execute("UPDATE kernel.audit SET actor_name = 'nobody' WHERE id = $1", row["id"])
    links = await db.fetch(
        "SELECT c.seq, c.salt, c.row_hash, c.personal_hash FROM kernel.audit_chain c WHERE c.seq >= $1 ORDER BY c.seq",
        row["seq"],
    )
    before = await db.fetchval("SELECT chain_hash FROM kernel.audit_chain WHERE seq = $1", row["seq"] - 1)
    changed = await db.fetchrow("SELECT * FROM kernel.audit WHERE id = $1", row["id"])
    assert changed is not None
    fresh: list[tuple[int, bytes, bytes, bytes]] = []
    at = before or rules.START
    for one in links:
        of_row, personal = one["row_hash"], one["personal_hash"]
        if one["seq"] == row["seq"]:
            personal = rules.personal_hash(changed, one["salt"])
            of_row = rules.row_hash(changed, personal)
        at = rules.link(at, of_row)
        fresh.append((one["seq"], personal, of_row, at))
    await db.execute(
        "UPDATE kernel.audit_chain c SET personal_hash = n.p, row_hash = n.r, chain_hash = n.c"
        " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) AS n(seq, p, r, c) WHERE c.seq = n.seq",
        *(list(column) for column in zip(*fresh, strict=True)),
    )
    await db.execute("UPDATE kernel.audit_chain_head SET chain_hash = $1", at)


async def erase(trail: Trail, db: Connection) -> None:
    """Names are blanked as an erasure does it, without its signature or with that of another row's."""
    a, b = await trail.some(db, 2)
    await db.execute("UPDATE kernel.audit SET actor_name = '[erased]', detail = NULL WHERE id = $1", a["id"])
    now_there = await db.fetchrow("SELECT * FROM kernel.audit WHERE id = $1", a["id"])
    assert now_there is not None
    good = rules.Erasure(b["id"], b["seq"], rules.personal_hash(now_there, b""), trail.now, trail.signer.kid)
    taken = good._replace(audit_id=a["id"], seq=a["seq"], signature=trail.signer.sign(good.statement))
    await store.put_erasure(db, taken)


ATTACKS: tuple[Attack, ...] = (alter, alter_chain, delete, insert, swap, truncate, rewrite, erase)


async def undetected(trail: Trail, trials: int) -> list[str]:
    """The attacks that nobody noticed; each trial is one attack on the whole trail."""
    missed = []
    for number in range(trials):
        attack = ATTACKS[number % len(ATTACKS)]
        trail.chance.seed(number)
        if not (await trail.tried(attack)).wrong:
            missed.append(f"{attack.__name__} with the seed {number}")
    return missed


async def new_trail(db: Database, folder: Path) -> Trail:
    """An empty trail on a database with its schema."""
    keyring = await Keyring.load(db, lambda: MasterKey(bytes(32)))
    async with db.acquire() as connection:
        return Trail(db, await Signer.load(connection, keyring), folder / "audit-checkpoints.jsonl")
