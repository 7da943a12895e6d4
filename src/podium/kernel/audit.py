"""The audit trail: one row per call that changes something, in the transaction of the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from podium.kernel import snapshots

if TYPE_CHECKING:
    from podium.kernel.call import Call

ADD = """
INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, entity_id, entity_name, actor_kind,
                          actor_id, actor_name, user_id, client_id, folder_id, trace_id, detail, organization_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::jsonb, $16)
"""

_VERBS = {"POST": "Create", "PUT": "Update", "PATCH": "Update", "DELETE": "Delete"}


def values(call: Call) -> tuple[object, ...]:
    """The row of this call, in the order of ADD's parameters; hot statements write it inside their own CTE."""
    said = call.audit
    entity = said.get("entity_id")
    detail = said.get("detail")
    if detail is None and call.row.context != "identity":  # its handlers say what is to be known of a change
        detail = snapshots.detail_of(call.body, said.get("before"))
    return (
        call.tenant_id,
        call.now,
        call.row.id,
        said.get("component") or call.row.tag,
        said.get("action") or _VERBS.get(call.row.method, call.row.method),
        None if entity is None else str(entity),
        said.get("name") or None,
        call.actor.kind,
        call.actor.subject,
        call.actor.name,
        call.actor.user_id,
        call.actor.client_id or None,
        call.folder.id if call.folder else None,
        call.trace_id,
        None if detail is None else msgspec.json.encode(detail).decode(),
    )


async def add(call: Call) -> None:
    """Write the call's row on the call's connection; a call of the identity server belongs to an organization."""
    organization_id = call.organization_id if call.row.context == "identity" else None
    await call.db.execute(ADD, *values(call), organization_id)
