"""Why a job would wait: the same checks for a job to come, for one that exists, and for what a pending job shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from podium import wire
from podium.kernel.call import Call, given
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.operation import operation
from podium.orchestrator.jobs import actions, rules, store
from podium.orchestrator.jobs.api import NO_SUCH_JOB, starter

# For each machine that serves the folder: slots of the runtime, and its live sessions with their use.
MACHINES_OF_FOLDER = """
SELECT m.id, m.name, m.unattended_slots, m.non_production_slots, m.headless_slots, m.test_automation_slots,
       m.development_slots, s.id AS session_id, s.is_in_maintenance, s.capabilities,
       (SELECT count(*) FROM orchestrator.jobs j
         WHERE j.tenant_id = s.tenant_id AND j.session_id = s.id AND j.state IN (0, 1, 2, 3, 8) AND j.runtime_type = $3::text) AS used
  FROM orchestrator.folders f
  JOIN orchestrator.machine_folders a ON a.tenant_id = f.tenant_id
   AND (a.folder_id = f.id OR (a.is_propagated AND a.folder_id = ANY(f.ancestor_ids)))
  JOIN orchestrator.machines m ON m.tenant_id = a.tenant_id AND m.id = a.machine_id
  LEFT JOIN orchestrator.sessions s ON s.tenant_id = m.tenant_id AND s.machine_id = m.id AND s.state = 'Available' AND NOT s.is_unresponsive
 WHERE f.tenant_id = $1::int AND f.id = $2::bigint
"""
SLOTS = {
    "Unattended": "unattended_slots",
    "NonProduction": "non_production_slots",
    "Headless": "headless_slots",
    "TestAutomation": "test_automation_slots",
    "Development": "development_slots",
}
TEXTS = {
    "TemplateNotAssignedToFolder": "No machine is assigned to this folder.",
    "TemplateNoRuntime": "No machine of this folder has a runtime of type {runtime}.",
    "TemplateNoHostsAvailable": "No host is connected with a machine of this folder.",
    "TemplateMaintenanceMode": "All connected hosts are in maintenance mode.",
    "TemplateFullCapacity": "All runtimes of type {runtime} are in use.",
    "DynamicJobConnectedMachinesInvalid": "No connected host can run a package of this kind ({capability}).",
}


@operation("POST", "/odata/Jobs/UiPath.Server.Configuration.OData.ValidateDynamicJob", atomic=False, audited=False)
async def validate_dynamic_job(call: Call, body: wire.StartJobsRequest) -> dict[str, Any]:
    """Whether StartJobs with the same body would find a place to run now; nothing is started."""
    info = given(body.start_info, None)
    if info is None:
        raise BadRequest("startInfo must not be null", Code.PARAMETER_MISSING)
    process = await actions.find_process(call.db, starter(call), info)
    default = "Development" if process["folder_type"] == "Personal" else "Unattended"
    runtime = given(info.runtime_type, None) or default
    capability = rules.capability(process["content_type"], process["target_runtime"])
    return _result(await reasons(call.db, call.tenant_id, call.folder_id, runtime, capability), runtime, capability)


@operation(
    "POST", "/odata/Jobs({key})/UiPath.Server.Configuration.OData.ValidateExistingJob", atomic=False, audited=False
)
async def validate_existing_job(call: Call, key: int) -> dict[str, Any]:
    """Why a waiting job waits, as things are now."""
    job = await store.job_to_validate(call.db, call.tenant_id, [call.folder_id], key)
    if job is None:
        raise NotFound(NO_SUCH_JOB)
    found = await reasons(call.db, call.tenant_id, job["folder_id"], job["runtime_type"], job["capability"])
    return _result(found, job["runtime_type"], job["capability"])


async def reasons(db: Connection, tenant_id: int, folder_id: int, runtime: str, capability: str | None) -> list[str]:
    """The published error codes that hold now, in the order in which they are looked at; empty: it would run."""
    return judge(await db.fetch(MACHINES_OF_FOLDER, tenant_id, folder_id, runtime), runtime, capability)


def judge(rows: Sequence[asyncpg.Record], runtime: str, capability: str | None) -> list[str]:
    """The first obstacle on the way to a free slot."""
    if not rows:
        return ["TemplateNotAssignedToFolder"]
    column = SLOTS.get(runtime)
    able = [row for row in rows if column is not None and row[column] > 0]
    if not able:
        return ["TemplateNoRuntime"]
    connected = [row for row in able if row["session_id"] is not None]
    if not connected:
        return ["TemplateNoHostsAvailable"]
    fitting = [row for row in connected if _fits(row["capabilities"], capability)]
    if not fitting:
        return ["DynamicJobConnectedMachinesInvalid"]
    working = [row for row in fitting if not row["is_in_maintenance"]]
    if not working:
        return ["TemplateMaintenanceMode"]
    assert column is not None
    return [] if any(row[column] > row["used"] for row in working) else ["TemplateFullCapacity"]


def _fits(capabilities: list[str] | None, capability: str | None) -> bool:
    if capability is None:
        return capabilities is None or "process/dotnet" in capabilities
    return capabilities is not None and capability in capabilities


def _result(codes: list[str], runtime: str, capability: str | None) -> dict[str, Any]:
    errors = [TEXTS[code].format(runtime=runtime, capability=capability or "workflow") for code in codes]
    return {"IsValid": not codes, "Errors": errors, "ErrorCodes": codes}
