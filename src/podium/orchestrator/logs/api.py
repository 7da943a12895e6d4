"""Operations on robot logs: taking them in, listing and counting them."""

from __future__ import annotations

from podium.kernel.call import Call, Page, Value
from podium.kernel.errors import TooLarge
from podium.kernel.odata import CountRule, count_statement, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.logs import actions, batch
from podium.orchestrator.logs.entity import ROBOT_LOGS
from podium.orchestrator.scope import in_folders

CREATE = "Logs.Create"
VIEW = "Logs.View"


@operation("POST", "/api/Logs/SubmitLogs", connected=False, audited=False)
async def submit_logs(call: Call) -> None:
    """Keep a robot's batch. An entry that cannot be read, or of a folder that is not the caller's, is left out."""
    await _keep(call)


@operation("POST", "/api/Logs", connected=False, audited=False)
async def post_log(call: Call) -> None:
    """Keep one entry; a batch is taken as well."""
    await _keep(call)


async def _keep(call: Call) -> None:
    entries = batch.read(await _body(call), call.now)
    who = actions.Logger(
        call.tenant_id,
        _folders(call),
        every_job=call.actor.kind in ("robot", "machine") and call.actor.job_key is None,
        machine_id=call.actor.machine_id,
        folder_id=call.folder.id if call.folder else None,
    )
    await actions.keep(call.services.db, who, entries, call.now)


def _folders(call: Call) -> list[int]:
    if CREATE in call.reach.permissions:
        return list(call.reach.folders)
    return [folder.id for folder in call.reach.folders.values() if CREATE in folder.permissions]


async def _body(call: Call) -> bytes:
    """The body as it came; it is read here because one entry that no model takes must not refuse the others."""
    limit = call.services.config.body_limit_bytes
    content = bytearray()
    async for piece in call.stream():
        content += piece
        if len(content) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
    return bytes(content)


@operation("GET", "/odata/RobotLogs")
async def list_robot_logs(call: Call) -> Page:
    """Log entries of the folder, or of every folder where the caller may view logs; newest first."""
    where, folders = _limits(call)
    args = [call.tenant_id, folders]
    options = parse_options(call.query)
    found = await fetch_page(call.db, ROBOT_LOGS, options, where, args, count=CountRule.ON_REQUEST, now=call.now)
    return Page(found.json, "RobotLogs", found.total)


@operation("GET", "/odata/RobotLogs/UiPath.Server.Configuration.OData.GetTotalCount")
async def count_robot_logs(call: Call) -> Value:
    """How many entries the filter lets through, however many."""
    where, folders = _limits(call)
    counting = count_statement(ROBOT_LOGS, parse_options(call.query), where, [call.tenant_id, folders], now=call.now)
    return Value(await call.db.fetchval(counting.sql, *counting.args))


def _limits(call: Call) -> tuple[str, list[int]]:
    folders = call.folders_with(VIEW)
    return in_folders(folders), folders
