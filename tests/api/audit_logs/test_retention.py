"""How long the audit trail is kept; the chain over it holds."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from podium.kernel.audit_chain.signing import Signer
from podium.kernel.audit_chain.verification import Verdict, verify
from podium.kernel.keyring import Keyring
from podium.orchestrator.audit_logs import loops
from tests.conftest import Caller, Node
from tests.given import Things


async def signer_of(node: Node) -> Signer:
    async with node.db.acquire() as connection:
        return await Signer.load(connection, node.port(Keyring))


async def verdict(node: Node) -> Verdict:
    signer = await signer_of(node)
    async with node.db.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return await verify(connection, signer.public)


async def keep_days(api: Caller, days: int | None) -> None:
    """Every tenant keeps its trail for so many days."""
    await api.node.rows("DELETE FROM orchestrator.settings WHERE name_key = 'audit.retentiondays'")
    if days is not None:
        await api.node.rows(
            "INSERT INTO orchestrator.settings (tenant_id, name_key, name, value, updated_at)"
            " SELECT id, 'audit.retentiondays', 'Audit.RetentionDays', $1, $2 FROM orchestrator.tenants",
            str(days),
            api.node.clock(),
        )


class TestRetention:
    async def run(self, api: Caller) -> int:
        (loop,) = loops.loops(await signer_of(api.node))
        return await api.node.run_turn(loop.turn)

    async def seal(self, api: Caller) -> None:
        await api.node.run_loop("audit.seal")

    async def test_days_go_whole_and_the_chain_verifies(self, api: Caller) -> None:
        node = api.node
        things = Things(api)
        await things.get("folder")
        await self.seal(api)
        node.clock.forward(days=1)
        await things.get("spare")
        await self.seal(api)
        for _ in range(40):
            node.clock.forward(hours=2)
            await api.post("/odata/Folders", {"DisplayName": f"F{uuid4().hex}"})
            await self.seal(api)
        assert (await verdict(node)).wrong == 0
        assert await self.run(api) == 0, "no tenant has set a period"
        await keep_days(api, 3)
        before = len((await api.get("/odata/AuditLogs"))["value"])
        assert await self.run(api) > 0
        kept = (await api.get("/odata/AuditLogs"))["value"]
        assert 0 < len(kept) < before
        midnight = node.clock().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
        assert all(row["ExecutionTime"] >= midnight.isoformat()[:19] for row in kept)
        first = await node.rows("SELECT min(executed_at) AS at FROM kernel.audit")
        assert first[0]["at"] >= midnight
        await self.seal(api)
        found = await verdict(node)
        assert found.wrong == 0, found.findings
        assert await self.run(api) == 0
        await node.rows("DELETE FROM kernel.audit WHERE id = $1", kept[0]["Id"])
        assert (await verdict(node)).wrong == 1, "a row that went without a word is found"

    async def test_nothing_goes_while_one_tenant_keeps_everything(self, api: Caller) -> None:
        await Things(api).get("folder")
        api.node.clock.forward(days=10)
        await keep_days(api, 3)
        await api.node.rows(
            "UPDATE orchestrator.settings SET value = '0' WHERE tenant_id = $1 AND name_key = 'audit.retentiondays'",
            api.tenant_id,
        )
        before = (await api.get("/odata/AuditLogs"))["value"]
        assert await self.run(api) == 0
        assert (await api.get("/odata/AuditLogs"))["value"] == before
        await keep_days(api, None)
