"""Operations on audit logs. Everything here needs Audit.View, which the contract's rows ask for."""

from __future__ import annotations

from podium.kernel.call import Call, Page
from podium.kernel.errors import NotFound
from podium.kernel.odata import CountRule, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.audit_logs import rules, store
from podium.orchestrator.audit_logs.entity import AUDIT_LOGS, ENTITIES
from podium.orchestrator.scope import IN_TENANT


@operation("GET", "/odata/AuditLogs")
async def list_audit_logs(call: Call) -> Page:
    """What was done in the tenant, the oldest first unless asked otherwise."""
    options = parse_options(call.query)
    page = await fetch_page(
        call.db, AUDIT_LOGS, options, IN_TENANT, [call.tenant_id], count=CountRule.ON_REQUEST, now=call.now
    )
    return Page(page.json, "AuditLogs", page.total)


@operation("GET", "/odata/AuditLogs/UiPath.Server.Configuration.OData.GetAuditLogDetails(auditLogId={auditLogId})")
async def get_audit_log_details(call: Call, audit_log_id: int) -> Page:
    """The things that an entry is about, each as it was before and as the call wanted it; without secrets."""
    options = parse_options(call.query)
    if not await store.has_entry(call.db, call.tenant_id, audit_log_id):
        raise NotFound(rules.NO_SUCH_ENTRY)
    page = await fetch_page(call.db, ENTITIES, options, store.OF_ENTRY, [call.tenant_id, audit_log_id], now=call.now)
    return Page(page.json, "AuditLogEntities", page.total)
