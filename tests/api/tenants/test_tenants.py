"""Tenants as the host sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from podium.identity.directory import InProcessDirectory
from podium.kernel.blobs import Blobs
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.signals import Signals
from podium.orchestrator.tenants import loops
from podium.server.notify import Notifier
from tests.conftest import ADMIN_PASSWORD, Caller, Node
from tests.given import Things

PATH = "/odata/Tenants"
SET_ACTIVE = f"{PATH}/UiPath.Server.Configuration.OData.SetActive"
PASSWORD = "lantern orbit 53 quill"

_NAMES = (f"Acme-{number}" for number in range(10_000))


async def make(api: Caller, **members: object) -> dict[str, Any]:
    made: dict[str, Any] = await api.post(PATH, {"Name": next(_NAMES), **members}, expect=201)
    return made


async def sign_in(node: Node, tenant: str, user: str, password: str) -> int:
    body = {"tenancyName": tenant, "usernameOrEmailAddress": user, "password": password}
    return (await node.http.post("/api/Account/Authenticate", json=body)).status_code


async def let_first_passwords_be(api: Caller) -> None:
    """People need not change the password that they were given."""
    settings = [{"key": "Auth.Password.ShouldChangePasswordAfterFirstLogin", "value": "false"}]
    body = {"settings": settings, "partitionGlobalId": str(api.node.organization_id)}
    await api.with_scopes("IdentityServerApi").put("/identity_/api/Setting", body)


def into(api: Caller, tenant: dict[str, Any]) -> Caller:
    """The caller's administrator in another tenant."""
    return Caller(api.node, (tenant["Id"], tenant["Name"]))


class TestHostOnly:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_403_for_an_administrator_of_a_tenant(self, api: Caller, method: str) -> None:
        other = await api.as_role("Administrator")
        assert (await other.request(method, PATH, {"Name": "mine"} if method == "POST" else None)).status == 403

    async def test_403_for_an_administrator_of_another_organization(self, api: Caller) -> None:
        _, _, person = await api.node.make_organization("elsewhere")
        caller = api.bearer(api.node.token(person))
        assert (await caller.request("GET", PATH)).status == 403

    async def test_200_for_an_application_with_the_scope_and_403_without(self, api: Caller) -> None:
        for scopes, status in ((["OR.Administration"], 200), (["OR.Default"], 403), (["OR.Jobs"], 403)):
            token = await api.node.application_token(scopes)
            assert (await api.bearer(token).request("GET", PATH)).status == status, scopes

    async def test_403_for_a_machine(self, api: Caller) -> None:
        robot = await Things(api).robot()
        assert (await robot.request("GET", PATH)).status == 403


class TestList:
    async def test_200_every_tenant(self, api: Caller) -> None:
        made = await make(api, DisplayName="The first")
        page = await api.get(PATH)
        assert page["@odata.count"] == len(page["value"]) >= 2
        shown = next(row for row in page["value"] if row["Id"] == made["Id"])
        assert shown == {key: value for key, value in made.items() if not key.startswith("@")}
        assert (shown["DisplayName"], shown["IsActive"], shown["OrganizationName"]) == ("The first", True, "default")
        assert shown["AdminPassword"] is None

    async def test_200_filtered_and_selected(self, api: Caller) -> None:
        made = await make(api)
        page = await api.get(f"{PATH}?$filter=Name eq '{made['Name'].upper()}'&$select=Id,Name")
        assert page["value"] == [{"Name": made["Name"], "Id": made["Id"]}]

    async def test_200_last_login_only_when_wanted(self, api: Caller) -> None:
        tenant = await api.get(f"{PATH}?$filter=IsActive eq true")
        assert any(row["LastLoginTime"] for row in tenant["value"])
        without = await api.get(f"{PATH}?skipLastLoginTime=true")
        assert not any(row["LastLoginTime"] for row in without["value"])

    @pytest.mark.parametrize("key", [999_999, 2**31, 2**63 - 1, -(2**63)])
    async def test_404_for_an_unknown_one(self, api: Caller, key: int) -> None:
        assert (await api.get(f"{PATH}({key})", expect=404))["errorCode"] == 1002


class TestCreate:
    async def test_201_whole(self, api: Caller) -> None:
        made = await make(api)
        there = into(api, made)
        folders = await there.get("/odata/Folders")
        assert [row["DisplayName"] for row in folders["value"]] == ["Shared"]
        roles = await api.node.rows("SELECT name FROM orchestrator.roles WHERE tenant_id = $1", made["Id"])
        assert {"Administrator", "Automation User"} <= {row["name"] for row in roles}
        await there.post("/odata/Folders", {"DisplayName": "Mine"}, expect=201)
        assert made["AdminEmailAddress"] == "admin@podium.local"

    async def test_201_with_a_new_person_who_signs_in_and_administrates(self, api: Caller) -> None:
        await let_first_passwords_be(api)
        email = "ana@tenants.test"
        made = await make(api, AdminEmailAddress=email, AdminName="Ana", AdminSurname="Lima", AdminPassword=PASSWORD)
        assert (made["AdminName"], made["AdminSurname"], made["AdminEmailAddress"]) == ("Ana", "Lima", email)
        answer = await api.node.http.post(
            "/api/Account/Authenticate",
            json={"tenancyName": made["Name"], "usernameOrEmailAddress": email, "password": PASSWORD},
        )
        ana = api.bearer(answer.json()["result"])
        ana._tenant = (made["Id"], made["Name"])
        await ana.post("/odata/Folders", {"DisplayName": "Anas"}, expect=201)
        assert (await ana.request("GET", PATH)).status == 403, "she administrates the tenant, not the host"

    async def test_201_for_a_person_who_is_there_already(self, api: Caller) -> None:
        someone = await api.as_role()
        made = await make(api, AdminEmailAddress=f"{someone.user_name}@podium.test")
        there = copy_into(someone, made)
        await there.post("/odata/Folders", {"DisplayName": "Mine"}, expect=201)

    async def test_201_closed_at_once(self, api: Caller) -> None:
        made = await make(api, IsActive=False)
        assert made["IsActive"] is False
        assert (await into_unready(api, made)).status == 403

    @pytest.mark.parametrize(
        ("members", "what"),
        [
            ({"Name": ""}, "Name"),
            ({"Name": "1st"}, "Name"),
            ({"Name": "a b"}, "Name"),
            ({"Name": "x" * 65}, "Name"),
            ({"Name": "Swagger"}, "reserved"),
            ({"Name": "host"}, "reserved"),
            ({"ConnectionString": "Server=x"}, "ConnectionString"),
            ({"AcceptedDomainsList": ["x.test"]}, "AcceptedDomainsList"),
            ({"OrganizationName": "nobody"}, "OrganizationName"),
            ({"AdminPassword": PASSWORD}, "AdminEmailAddress"),
            ({"AdminEmailAddress": "new@tenants.test"}, "AdminPassword"),
            ({"AdminEmailAddress": "new@tenants.test", "AdminPassword": "short"}, "AdminPassword"),
            ({"AdminEmailAddress": "no mail", "AdminPassword": PASSWORD}, "AdminEmailAddress"),
            ({"AdminEmailAddress": "admin@podium.local", "AdminPassword": PASSWORD}, "AdminPassword"),
        ],
    )
    async def test_400_names_the_member(self, api: Caller, members: dict[str, object], what: str) -> None:
        before = len((await api.get(PATH))["value"])
        answer = await api.post(PATH, {"Name": next(_NAMES), **members}, expect=400)
        assert what in answer["message"]
        assert PASSWORD not in answer["message"]
        assert len((await api.get(PATH))["value"]) == before

    async def test_409_for_a_name_in_use(self, api: Caller) -> None:
        made = await make(api)
        answer = await api.post(PATH, {"Name": made["Name"].upper()}, expect=409)
        assert answer["errorCode"] == 1001

    async def test_409_for_one_of_two_at_once(self, api: Caller) -> None:
        name = next(_NAMES)
        answers = await asyncio.gather(*(api.request("POST", PATH, {"Name": name}) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]

    async def test_the_password_is_in_no_audit_row(self, api: Caller) -> None:
        made = await make(api, AdminEmailAddress="kim@tenants.test", AdminPassword=PASSWORD)
        rows = await api.node.rows(
            "SELECT detail::text FROM kernel.audit WHERE operation = 'Tenants_Post' AND entity_id = $1", str(made["Id"])
        )
        assert len(rows) == 1
        assert '"***"' in rows[0]["detail"]
        assert PASSWORD not in rows[0]["detail"]


class TestChange:
    async def test_200_renamed(self, api: Caller) -> None:
        made, name = await make(api), next(_NAMES)
        await api.patch(f"{PATH}({made['Id']})", {"Name": name, "DisplayName": "New"}, expect=200)
        shown = await api.get(f"{PATH}({made['Id']})")
        assert (shown["Name"], shown["DisplayName"], shown["IsActive"]) == (name, "New", True)
        await into(api, shown).get("/odata/Folders")

    async def test_200_what_is_not_given_stays(self, api: Caller) -> None:
        made = await make(api, DisplayName="Kept")
        await api.patch(f"{PATH}({made['Id']})", {}, expect=200)
        assert (await api.get(f"{PATH}({made['Id']})"))["DisplayName"] == "Kept"

    async def test_200_as_it_was_read(self, api: Caller) -> None:
        made = await make(api)
        await api.patch(f"{PATH}({made['Id']})", made, expect=200)
        assert await api.get(f"{PATH}({made['Id']})") == made

    async def test_200_another_password_of_its_administrator(self, api: Caller) -> None:
        await let_first_passwords_be(api)
        email = "joe@tenants.test"
        made = await make(api, AdminEmailAddress=email, AdminPassword=PASSWORD)
        assert await sign_in(api.node, made["Name"], email, PASSWORD) == 200
        await api.patch(f"{PATH}({made['Id']})", {"AdminPassword": "candle river 64 moth"}, expect=200)
        assert await sign_in(api.node, made["Name"], email, "candle river 64 moth") == 200
        assert await sign_in(api.node, made["Name"], email, PASSWORD) == 400

    async def test_403_for_the_password_of_an_administrator_of_the_organization(self, api: Caller) -> None:
        made = await make(api)
        await api.patch(f"{PATH}({made['Id']})", {"AdminPassword": "candle river 64 moth"}, expect=403)
        assert await sign_in(api.node, "default", "admin", ADMIN_PASSWORD) == 200

    async def test_400_for_a_password_from_an_application(self, api: Caller) -> None:
        made = await make(api, AdminEmailAddress="max@tenants.test", AdminPassword=PASSWORD)
        app = api.bearer(await api.node.application_token(["OR.Administration"]))
        await app.patch(f"{PATH}({made['Id']})", {"AdminPassword": "candle river 64 moth"}, expect=400)

    async def test_400_for_another_administrator(self, api: Caller) -> None:
        made = await make(api)
        answer = await api.patch(f"{PATH}({made['Id']})", {"AdminEmailAddress": "x@y.test"}, expect=400)
        assert "AdminEmailAddress" in answer["message"]

    async def test_409_for_a_name_in_use(self, api: Caller) -> None:
        made, other = await make(api), await make(api)
        assert (await api.patch(f"{PATH}({made['Id']})", {"Name": other["Name"]}, expect=409))["errorCode"] == 1001

    async def test_409_for_the_installations_own(self, api: Caller) -> None:
        home = (await api.get(f"{PATH}?$filter=Name eq 'default'"))["value"][0]["Id"]
        await api.patch(f"{PATH}({home})", {"Name": next(_NAMES)}, expect=409)
        await api.patch(f"{PATH}({home})", {"IsActive": False}, expect=409)


def copy_into(caller: Caller, tenant: dict[str, Any]) -> Caller:
    other = caller.with_scopes("OrchestratorApiUserAccess")
    other._tenant = (tenant["Id"], tenant["Name"])
    return other


async def into_unready(api: Caller, tenant: dict[str, Any]) -> Any:
    """A call into a tenant that may be closed."""
    return await api.request("GET", "/odata/Folders", headers={"x-uipath-tenantname": tenant["Name"]})


@asynccontextmanager
async def second_resolver(node: Node) -> AsyncIterator[AccessResolver]:
    """What another node remembers, told by notifications as every node is."""
    access = AccessResolver(node.db, InProcessDirectory(node.db), node.clock)
    listens = asyncio.Event()

    def told(_tenant_id: int | None) -> None:
        access.forget()
        listens.set()

    task = asyncio.create_task(Notifier(node.db, Signals(), told).run())
    try:
        await asyncio.wait_for(listens.wait(), 10)
        yield access
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_closed(access: AccessResolver, tenant_id: int) -> bool:
    """Whether the other node knows within three seconds that the tenant is closed; by itself it looks every five."""
    for _ in range(300):
        if not next(row for row in await access.tenants() if row.id == tenant_id).is_active:
            return True
        await asyncio.sleep(0.01)
    return False


class TestSetActive:
    async def test_200_closes_it_for_everybody(self, api: Caller) -> None:
        made = await make(api)
        there = into(api, made)
        robot = await Things(there).robot()
        key = robot._headers
        assert (await robot.request("GET", "/odata/Releases")).status == 200
        assert await sign_in(api.node, made["Name"], "admin", ADMIN_PASSWORD) == 200
        await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"]]}, expect=200)
        assert await sign_in(api.node, made["Name"], "admin", ADMIN_PASSWORD) == 400
        assert (await into_unready(api, made)).status == 403
        assert (await Caller(api.node, there._tenant, key).request("GET", "/odata/Releases")).status in (401, 403)
        await api.post(SET_ACTIVE, {"active": True, "tenantIds": [made["Id"]]}, expect=200)
        assert await sign_in(api.node, made["Name"], "admin", ADMIN_PASSWORD) == 200
        assert (await into_unready(api, made)).status == 200

    async def test_200_a_signed_address_into_it_opens_nothing(self, api: Caller) -> None:
        made = await make(api)
        things = Things(into(api, made))
        export = await things.get("export")
        path = f"/odata/Exports({export['Id']})/UiPath.Server.Configuration.OData.GetDownloadLink"
        link = (await things.api.get(path))["Uri"]
        assert (await api.node.http.get(link)).status_code == 200
        await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"]]}, expect=200)
        assert (await api.node.http.get(link)).status_code == 403

    async def test_200_every_node_knows_at_once(self, api: Caller) -> None:
        made = await make(api)
        async with second_resolver(api.node) as access:
            assert next(row for row in await access.tenants() if row.id == made["Id"]).is_active
            await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"]]}, expect=200)
            assert await until_closed(access, made["Id"])

    async def test_404_for_one_that_is_not_there_and_nothing_is_changed(self, api: Caller) -> None:
        made = await make(api)
        await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"], 999_999]}, expect=404)
        assert (await api.get(f"{PATH}({made['Id']})"))["IsActive"]

    @pytest.mark.parametrize("body", [{"active": True}, {"active": True, "tenantIds": []}, {"tenantIds": [1]}])
    async def test_400_when_something_is_missing(self, api: Caller, body: dict[str, object]) -> None:
        await api.post(SET_ACTIVE, body, expect=400)

    async def test_409_for_the_installations_own(self, api: Caller) -> None:
        made = await make(api)
        home = (await api.get(f"{PATH}?$filter=Name eq 'default'"))["value"][0]["Id"]
        await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"], home]}, expect=409)
        assert (await api.get(f"{PATH}({made['Id']})"))["IsActive"]


TENANT_TABLES = """
SELECT c.table_schema, c.table_name FROM information_schema.columns c
  JOIN information_schema.tables t USING (table_schema, table_name)
 WHERE c.column_name = 'tenant_id' AND t.table_type = 'BASE TABLE' AND c.table_schema IN ('orchestrator', 'kernel')
 ORDER BY 1, 2
"""
WITHOUT_TENANT = """
SELECT t.table_name FROM information_schema.tables t
 WHERE t.table_schema = 'orchestrator' AND t.table_type = 'BASE TABLE' AND NOT EXISTS (
   SELECT FROM information_schema.columns c WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
      AND c.column_name = 'tenant_id')
"""
STAY = "kernel.audit"  # the trail, its partitions, and the chain over it


async def counted(node: Node, tenant_id: int) -> dict[str, int]:
    """How many rows each table of tenants has of one."""
    found = {}
    for schema, table in await node.rows(TENANT_TABLES):
        rows = await node.rows(f'SELECT count(*) FROM {schema}."{table}" WHERE tenant_id = $1', tenant_id)
        found[f"{schema}.{table}"] = int(rows[0][0])
    return {name: rows for name, rows in found.items() if not name.startswith(STAY)}


class TestDelete:
    async def test_409_while_it_is_active(self, api: Caller) -> None:
        made = await make(api)
        await api.delete(f"{PATH}({made['Id']})", expect=409)
        assert (await into_unready(api, made)).status == 200

    async def test_404_for_an_unknown_one(self, api: Caller) -> None:
        await api.delete(f"{PATH}(999999)", expect=404)

    async def test_204_gone_and_its_name_is_free(self, api: Caller) -> None:
        made = await make(api, IsActive=False)
        await api.delete(f"{PATH}({made['Id']})", expect=204)
        await api.get(f"{PATH}({made['Id']})", expect=404)
        await api.delete(f"{PATH}({made['Id']})", expect=404)
        await api.post(SET_ACTIVE, {"active": True, "tenantIds": [made["Id"]]}, expect=404)
        assert (await into_unready(api, made)).status == 403
        again = await make(api, Name=made["Name"])
        assert again["Id"] != made["Id"]

    async def test_204_its_machines_get_no_more_tokens(self, api: Caller) -> None:
        made = await make(api)
        machine = await Things(into(api, made)).get("machine")
        ask = {
            "grant_type": "client_credentials",
            "client_id": machine["LicenseKey"],
            "client_secret": machine["ClientSecret"],
        }
        assert (await api.node.http.post("/identity_/connect/token", data=ask)).status_code == 200
        await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"]]})
        await api.delete(f"{PATH}({made['Id']})", expect=204)
        assert (await api.node.http.post("/identity_/connect/token", data=ask)).status_code in (400, 401)


class TestRemoval:
    async def test_every_row_and_file_of_the_tenant_goes_and_none_of_another(self, api: Caller) -> None:
        made = await make(api)
        doomed, kept = Things(into(api, made)), Things(await api.tenant("kept"))
        await doomed.make_all()
        await kept.make_all()
        before, others = await counted(api.node, made["Id"]), await counted(api.node, kept.api.tenant_id)
        assert sum(rows > 0 for rows in before.values()) > 20, "a stage with little on it proves little"
        blobs = api.node.port(Blobs)
        (stored,) = await api.node.rows(
            "SELECT blob FROM orchestrator.packages WHERE tenant_id = $1 LIMIT 1", made["Id"]
        )
        assert (await blobs.open(stored["blob"])).is_file()
        await api.post(SET_ACTIVE, {"active": False, "tenantIds": [made["Id"]]})
        await api.delete(f"{PATH}({made['Id']})", expect=204)
        await api.node.run_turn(loops.loops(blobs)[0].turn)
        assert {name for name, rows in (await counted(api.node, made["Id"])).items() if rows} == set()
        assert await counted(api.node, kept.api.tenant_id) == others
        assert not (await api.node.rows("SELECT FROM orchestrator.tenants WHERE id = $1", made["Id"]))
        assert not (blobs._folder / stored["blob"][:2] / stored["blob"]).exists()

    async def test_every_table_of_tenants_is_found(self, api: Caller) -> None:
        found = {row[0] for row in await api.node.rows("SELECT name::text FROM orchestrator.tables_of_tenants")}
        expected = {f"{schema}.{table}" for schema, table in await api.node.rows(TENANT_TABLES)}
        parents = {
            row[0] for row in await api.node.rows("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'p'")
        }
        assert found == {name for name in expected - parents if not name.startswith(STAY)}

    async def test_every_table_of_the_orchestrator_is_of_tenants(self, api: Caller) -> None:
        assert [row[0] for row in await api.node.rows(WITHOUT_TENANT)] == ["tenants"]
