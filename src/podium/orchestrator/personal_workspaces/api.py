"""Operations on personal workspaces, and the first run of a client that works in one."""

from __future__ import annotations

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import Forbidden, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.access import actions as access
from podium.orchestrator.access import rules as access_rules
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.folders import rules as folder_rules
from podium.orchestrator.personal_workspaces import rules, store
from podium.orchestrator.personal_workspaces.actions import ensure_workspace
from podium.orchestrator.personal_workspaces.entity import PERSONAL_WORKSPACES
from podium.orchestrator.ports import Clients

NO_WORKSPACE = "Personal workspace does not exist."


@operation("GET", "/odata/PersonalWorkspaces")
async def list_workspaces(call: Call) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(call.db, PERSONAL_WORKSPACES, options, store.EVERY, [call.tenant_id], now=call.now)
    return Page(page.json, "PersonalWorkspaces", page.total)


@operation("GET", "/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace")
async def read_own_workspace(call: Call) -> Item:
    """The caller's workspace; it is not made by being asked for."""
    owner = [call.tenant_id, call.actor.user_id]
    options = parse_options(call.query)
    text = await fetch_one(call.db, PERSONAL_WORKSPACES, options, store.OF_OWNER, owner, now=call.now)
    if text is None:
        raise NotFound(NO_WORKSPACE)
    return Item(text, "PersonalWorkspaces")


@operation("POST", "/odata/PersonalWorkspaces({key})/UiPath.Server.Configuration.OData.ConvertToFolder")
async def convert_to_folder(call: Call, key: int, body: wire.PersonalWorkspacesConvertToFolderRequest) -> None:
    """The workspace becomes a folder with its content; its owner gets another workspace at the next sign-in."""
    require_members(body)
    name = folder_rules.clean_name(given(body.folder_name, ""))
    workspace = await _workspace(call, key)
    await folders.convert_workspace(call, workspace["id"], name, workspace["owner_id"])
    call.describe("Convert", component="PersonalWorkspaces", entity_id=workspace["id"], name=name)


@operation("POST", "/odata/PersonalWorkspaces({key})/UiPath.Server.Configuration.OData.StartExploring")
async def start_exploring(call: Call, key: int) -> None:
    """Gives the caller the owner's rights in the workspace until it stops."""
    workspace = await _workspace(call, key)
    user_id = _user_id(call)
    rules.check_start(user_id, workspace["owner_id"], workspace["exploring"])
    roles = [access_rules.WORKSPACE_ADMINISTRATOR]
    await access.join_folder(call.db, call.tenant_id, workspace["id"], user_id, roles, call.now)
    await folders.tell_access_changed(call)
    call.describe(
        "ExploreStart", component="PersonalWorkspaces", entity_id=workspace["id"], name=workspace["display_name"]
    )


@operation("POST", "/odata/PersonalWorkspaces({key})/UiPath.Server.Configuration.OData.StopExploring")
async def stop_exploring(call: Call, key: int) -> None:
    workspace = await _workspace(call, key)
    user_id = _user_id(call)
    rules.check_stop(user_id, workspace["owner_id"], workspace["exploring"])
    await folders.leave_folder(call, workspace["id"], user_id)
    call.describe(
        "ExploreEnd", component="PersonalWorkspaces", entity_id=workspace["id"], name=workspace["display_name"]
    )


@operation("POST", "/api/StudioWeb/TryEnableFirstRun")
async def enable_first_run(call: Call) -> None:
    """Makes the caller's workspace when it may have one and has none."""
    await _ensure_own(call)


@operation("POST", "/api/StudioWeb/AcquireLicense")
async def acquire_license(call: Call) -> None:
    """Nothing is licensed; clients call this beside the first run, in either order."""
    await _ensure_own(call)


async def _ensure_own(call: Call) -> None:
    if call.actor.kind != "user" or call.actor.user_id is None:
        return
    clients = call.port(Clients)  # ports are keyed by their interfaces
    assert call.organization_id is not None
    made = await ensure_workspace(call.db, clients, call.tenant_id, call.organization_id, call.actor.user_id, call.now)
    await folders.tell_access_changed(call)
    call.describe("Create", component="PersonalWorkspaces", entity_id=made)


async def _workspace(call: Call, key: int) -> Record:
    """The workspace, locked: who explores it does not change until the call ends."""
    row = await call.db.fetchrow(store.WORKSPACE, call.tenant_id, key)
    if row is None:
        raise NotFound(NO_WORKSPACE)
    return row


def _user_id(call: Call) -> int:
    if call.actor.user_id is None:
        raise Forbidden("You are not authorized!")
    return call.actor.user_id
