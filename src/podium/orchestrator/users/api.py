"""Operations on users: the caller itself, and the tenant's users to read."""

from __future__ import annotations

from typing import Any

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Page
from podium.kernel.errors import Forbidden, NotFound
from podium.kernel.odata import Entity, Options, fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.orchestrator import scope
from podium.orchestrator.users import store
from podium.orchestrator.users.entity import CURRENT_USER, USERS


@operation("GET", "/odata/Users")
async def list_users(call: Call) -> Page:
    page = await fetch_page(call.db, USERS, parse_options(call.query), scope.IN_TENANT, [call.tenant_id], now=call.now)
    return Page(page.json, "Users", page.total)


@operation("GET", "/odata/Users({key})")
async def read_user(call: Call, key: int) -> Item:
    """Anybody reads itself; another user is not there for who may not see users."""
    if key != call.actor.user_id and "Users.View" not in call.reach.permissions:
        raise NotFound("User does not exist.")
    text = await _user_text(call, USERS, key, parse_options(call.query))
    if text is None:
        raise NotFound("User does not exist.")
    return Item(text, "Users")


@operation("GET", "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser")
async def read_current_user(call: Call) -> Item:
    return await _current(call, USERS)


@operation("GET", "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUserExtended")
async def read_current_user_extended(call: Call) -> Item:
    """The caller with its personal workspace, when that is expanded; clients publish to `PersonalWorskpaceFeedId`."""
    return await _current(call, CURRENT_USER)


@operation("GET", "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentPermissions")
async def read_current_permissions(call: Call) -> Item:
    """Tenant-wide permissions, and those in the folder when the request names one."""
    held = wire.UserPermissionsCollection(user_id=call.actor.user_id, permissions=sorted(call.permissions))
    return Item(msgspec.json.encode(held).decode(), "UserPermissionsCollection")


async def _user_text(call: Call, entity: Entity, user_id: int, options: Options) -> str | None:
    return await fetch_one(call.db, entity, options, store.ITSELF, [call.tenant_id, user_id], now=call.now)


async def _current(call: Call, entity: Entity) -> Item:
    """The caller's user; an application that the tenant does not know is described by its token."""
    options = parse_options(call.query)
    if call.actor.user_id is not None:
        text = await _user_text(call, entity, call.actor.user_id, options)
        if text is not None:
            return Item(text, "Users")
    if call.actor.kind != "application":
        raise Forbidden("You are not authorized!")
    names = [*entity.properties, *entity.navigations]
    shown = rows_page([_of_token(call, names)], names, options).rows[0]
    return Item(msgspec.json.encode(shown).decode(), "Users")


def _of_token(call: Call, names: list[str]) -> dict[str, Any]:
    """A user as an application's token tells it; members that a token does not tell are null."""
    actor = call.actor
    told: dict[str, Any] = {
        "Name": actor.client_id,
        "UserName": actor.name or actor.client_id,
        "FullName": actor.name or actor.client_id,
        "Domain": "autogen",
        "DirectoryIdentifier": None if actor.subject is None else str(actor.subject),
        "IsActive": True,
        "RolesList": [],
        "UserRoles": [],
        "OrganizationUnits": [],
        "TenancyName": call.tenant_name,
        "TenantDisplayName": call.tenant_name,
        "TenantKey": str(call.tenant_key),
        "TenantId": call.tenant_id,
        "Type": "DirectoryExternalApplication",
        "ProvisionType": "Automatic",
        "Key": actor.subject,
        "Id": 0,
    }
    return {name: told.get(name) for name in names}
