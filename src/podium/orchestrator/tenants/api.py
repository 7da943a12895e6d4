"""Operations on tenants; only for the host."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Conflict, NotFound
from podium.kernel.odata import Options, parse_options, rows_page
from podium.kernel.operation import operation
from podium.orchestrator.access import first_start
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.access.store import announce_change
from podium.orchestrator.ports import Administrators, Clients, NewAdministrator
from podium.orchestrator.tenants import rules, store

COMPONENT = "Tenant"
MEMBERS = (
    "Name",
    "DisplayName",
    "Key",
    "AdminUserKey",
    "AdminEmailAddress",
    "AdminName",
    "AdminSurname",
    "AdminPassword",
    "LastLoginTime",
    "IsActive",
    "AcceptedDomainsList",
    "HasConnectionString",
    "ConnectionString",
    "License",
    "OrganizationName",
    "Id",
)
Text = str | msgspec.UnsetType | None


class Administrator(NamedTuple):
    """Whom a tenant is made for: principal, user name, e-mail."""

    id: UUID
    name: str
    email: str


@operation("GET", "/odata/Tenants")
async def list_tenants(call: Call, skip_last_login_time: bool | None = None) -> Page:
    """Every tenant of the installation."""
    rows = await _shown(call, None, has_logins=not skip_last_login_time)
    page = rows_page(rows, MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "Tenants", page.total)


@operation("GET", "/odata/Tenants({key})")
async def get_tenant(call: Call, key: int) -> Item:
    """One tenant."""
    return await _one(call, key, parse_options(call.query))


@operation("POST", "/odata/Tenants")
async def create_tenant(call: Call, body: wire.TenantDto) -> Item:
    """A new tenant with its default roles, the folder Shared, its feeds and an administrator.

    The administrator is the person of `AdminEmailAddress`, who is made when the organization does not know him; without
    one the caller. `AdminPassword` is for a new person only: nobody's password is replaced here.
    """
    _refuse_unsupported(body)
    name = rules.checked_name(given(body.name, ""))
    organization_id = await _organization(call, body.organization_name)
    await _claim(call, name)
    administrator = await _administrator(call, body, organization_id)
    application = None
    if administrator is None:
        assert call.actor.subject is not None  # people and applications only act for the host
        application = call.actor.subject, call.actor.client_id
    person = None if administrator is None else (administrator.id, administrator.name, administrator.email)
    id_ = await first_start.ensure_tenant(call.db, organization_id, name, person, application, call.now)
    await store.complete(
        call.db,
        id_,
        given(body.display_name, "").strip() or None,
        administrator.id if administrator else None,
        is_active=given(body.is_active, True),
    )
    await _announce(call, [id_])
    call.describe("Create", component=COMPONENT, entity_id=id_, name=name)
    return await _one(call, id_, Options())


@operation("PATCH", "/odata/Tenants({key})")
async def change_tenant(call: Call, key: int, body: wire.TenantDto) -> None:
    """Another name, display name or state; another password of the administrator, who has to come in anew."""
    _refuse_unsupported(body)
    (tenant,) = await _locked(call, [key])
    _refuse_other_administrator(body, (await _shown(call, key))[0])
    name, is_active = tenant["name"], given(body.is_active, tenant["is_active"])
    if body.name not in (None, msgspec.UNSET) and rules.checked_name(str(body.name)) != name:
        new_name = rules.checked_name(str(body.name))
        rules.check_is_not_home(name, call.services.config.tenant, "renamed")
        await _claim(call, new_name, key)
        name = new_name
    if not is_active:
        rules.check_is_not_home(name, call.services.config.tenant, "deactivated")
    display_name = tenant["display_name"]
    if body.display_name is not msgspec.UNSET:
        display_name = given(body.display_name, "").strip() or None
    await store.change(call.db, key, name, rules.key(name), display_name, is_active=is_active)
    if given(body.admin_password, ""):
        await _reset(call, tenant, given(body.admin_password, ""))
    await _announce(call, [key])
    call.describe("Update", component=COMPONENT, entity_id=key, name=name, before=_kept(tenant))


@operation("POST", "/odata/Tenants/UiPath.Server.Configuration.OData.SetActive")
async def set_active(call: Call, body: wire.TenantSetActiveRequest) -> None:
    """Open or close tenants, all of them or none. Into a closed one nobody and nothing comes."""
    if body.active in (None, msgspec.UNSET):
        raise BadRequest("active is required.")
    ids = list(dict.fromkeys(given(body.tenant_ids, [])))
    if not ids:
        raise BadRequest("tenantIds is required.")
    is_active = bool(body.active)
    tenants = await _locked(call, ids)
    if not is_active:
        for tenant in tenants:
            rules.check_is_not_home(tenant["name"], call.services.config.tenant, "deactivated")
    await store.set_active(call.db, ids, is_active=is_active)
    await _announce(call, ids)
    names = ", ".join(tenant["name"] for tenant in tenants)
    call.describe(
        "Activate" if is_active else "Deactivate",
        component=COMPONENT,
        entity_id=",".join(map(str, ids)),
        name=names,
        before={"Tenants": [_kept(tenant) for tenant in tenants]},
    )


@operation("DELETE", "/odata/Tenants({key})")
async def delete_tenant(call: Call, key: int) -> None:
    """The tenant is gone at once and for good; a loop removes what belonged to it. Its audit entries stay."""
    (tenant,) = await _locked(call, [key])
    rules.check_may_end(is_active=tenant["is_active"])
    clients = call.port(Clients)
    for license_key in await store.license_keys(call.db, key):
        await clients.remove_machine(call.db, tenant["organization_id"], license_key)
    await store.end(call.db, key, call.now)
    await _announce(call, [key])
    call.describe("Delete", component=COMPONENT, entity_id=key, name=tenant["name"], before=_kept(tenant))


async def _locked(call: Call, ids: list[int]) -> list[Record]:
    """The tenants, to be changed. Raises NotFound unless there are all of them."""
    found = await store.lock(call.db, ids)
    if len(found) < len(ids):
        raise NotFound(rules.NO_SUCH_TENANT)
    return found


async def _claim(call: Call, name: str, id_: int = 0) -> None:
    """Make sure that no other tenant has the name, and gets it meanwhile. Raises Conflict."""
    await store.lock_names(call.db)
    if await store.is_taken(call.db, rules.key(name), id_):
        raise Conflict(f"The name {name} is already used.")


async def _organization(call: Call, asked: Text) -> UUID:
    """The organization of a new tenant: the one of the name, else the host's own. Raises BadRequest."""
    name = str(asked or "").strip() if asked is not msgspec.UNSET else ""
    if not name:
        assert call.actor.organization_id is not None
        return call.actor.organization_id
    known = await _people(call).organizations(call.db)
    found = next((id_ for id_, one in known.items() if rules.key(one) == rules.key(name)), None)
    if found is None:
        raise BadRequest(f"OrganizationName: there is no organization {name}.")
    return found


async def _administrator(call: Call, body: wire.TenantDto, organization_id: UUID) -> Administrator | None:
    """Whom the tenant is made for; None: the application that asks. Raises BadRequest."""
    email, password = given(body.admin_email_address, "").strip(), given(body.admin_password, "")
    if not email:
        if password:
            raise BadRequest("AdminEmailAddress is required with AdminPassword.")
        if call.actor.kind == "user" and call.actor.organization_id == organization_id:
            assert call.actor.subject is not None
            return Administrator(call.actor.subject, call.actor.name, call.actor.email)
        if call.actor.organization_id != organization_id:
            raise BadRequest("AdminEmailAddress is required for a tenant of another organization.")
        return None
    found = await _people(call).person_named(call.db, organization_id, email)
    if found is not None:
        if password:
            raise BadRequest(f"AdminPassword: {email} exists already and keeps the password.")
        return Administrator(found.id, found.name, found.email)
    if not password:
        raise BadRequest(f"AdminPassword is required: {email} is new.")
    first_name, last_name = given(body.admin_name, "").strip() or None, given(body.admin_surname, "").strip() or None
    person = NewAdministrator(email, email, first_name, last_name, password)
    return Administrator(await _people(call).add(call.db, organization_id, person, call.now), email, email)


async def _reset(call: Call, tenant: Record, password: str) -> None:
    if call.actor.kind != "user":
        raise BadRequest("AdminPassword: a person resets passwords, not an application.")
    if tenant["admin_id"] is None:
        raise BadRequest("AdminPassword: no person was named as administrator when the tenant was made.")
    await _people(call).set_password(
        call.db, tenant["organization_id"], tenant["admin_id"], password, call.now, call.on_commit
    )


def _people(call: Call) -> Administrators:
    return call.port(Administrators)


def _refuse_unsupported(body: wire.TenantDto) -> None:
    if given(body.connection_string, "").strip():
        raise BadRequest("ConnectionString: every tenant is in the installation's own database.")
    if given(body.accepted_domains_list, []):
        raise BadRequest("AcceptedDomainsList: who may come in is a matter of the organization, not of a tenant.")


def _refuse_other_administrator(body: wire.TenantDto, shown: dict[str, object]) -> None:
    """Clients send back what they read; another administrator is not made here."""
    asked = {
        "AdminEmailAddress": body.admin_email_address,
        "AdminName": body.admin_name,
        "AdminSurname": body.admin_surname,
    }
    for member, value in asked.items():
        if value not in (None, msgspec.UNSET, "") and value != shown[member]:
            raise BadRequest(f"{member}: cannot be changed here; administrators are among the tenant's users.")


async def _announce(call: Call, ids: list[int]) -> None:
    """Every node looks again, at the commit."""
    for id_ in ids:
        await announce_change(call.db, id_)
    call.on_commit(call.port(AccessResolver).forget)


async def _one(call: Call, key: int, options: Options) -> Item:
    rows = await _shown(call, key)
    if not rows:
        raise NotFound(rules.NO_SUCH_TENANT)
    page = rows_page(rows, MEMBERS, Options(select=options.select, expand=options.expand))
    return Item(msgspec.json.encode(page.rows[0]).decode(), "Tenants")


async def _shown(call: Call, key: int | None, *, has_logins: bool = True) -> list[dict[str, object]]:
    """The tenants as the wire has them; the names of their administrators are the directory's."""
    tenants = await store.all_tenants(call.db, key)
    organizations = await _people(call).organizations(call.db)
    logins = await store.last_logins(call.db, [row["id"] for row in tenants]) if has_logins else {}
    shown: list[dict[str, object]] = []
    for row in tenants:
        admin = None
        if row["admin_id"] is not None:
            admin = await _people(call).person(call.db, row["organization_id"], row["admin_id"])
        shown.append(
            {
                "Id": row["id"],
                "Key": str(row["key"]),
                "Name": row["name"],
                "DisplayName": row["display_name"],
                "IsActive": row["is_active"],
                "OrganizationName": organizations.get(row["organization_id"]),
                "LastLoginTime": logins.get(row["id"]),
                "AdminUserKey": str(admin.id) if admin else None,
                "AdminEmailAddress": admin.email or None if admin else None,
                "AdminName": admin.first_name or None if admin else None,
                "AdminSurname": admin.last_name or None if admin else None,
                "AdminPassword": None,
                "AcceptedDomainsList": [],
                "HasConnectionString": False,
                "ConnectionString": None,
                "License": None,
            }
        )
    return shown


def _kept(tenant: Record) -> dict[str, object]:
    """What the audit trail shows of a tenant as it was."""
    return {
        "Id": tenant["id"],
        "Name": tenant["name"],
        "DisplayName": tenant["display_name"],
        "IsActive": tenant["is_active"],
    }
