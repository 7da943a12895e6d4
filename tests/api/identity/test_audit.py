"""What happened in an organization, at every address that clients know for it."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from podium.identity.audit import rules
from podium.identity.audit.rules import Cursor, cursor_of, cursor_text
from podium.identity.bootstrap import ADMIN
from tests.conftest import ADMIN_PASSWORD, Caller, MovableClock, Node

ADD = """
INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, entity_id, entity_name, actor_kind,
                          actor_id, actor_name, client_id, trace_id, detail, organization_id)
VALUES (0, $1, 'Test', $2, $3, $4, $5, 'user', $6, $7, NULL, '00-1', $8::jsonb, $9)
"""
MEMBERS = [
    "createdOn",
    "category",
    "action",
    "auditLogDetails",
    "userName",
    "email",
    "message",
    "detailsVersion",
    "source",
]


class Organization:
    """An organization of its own, whose trail holds nothing else; `pm` is its administrator."""

    def __init__(self, node: Node, id_: Any, name: str, pm: Caller, admin: Any, clock: MovableClock) -> None:
        self.node, self.id, self.name, self.pm, self.admin, self.clock = node, id_, name, pm, admin, clock

    async def happen(self, category: str, action: str, name: str = "thing", **facts: Any) -> None:
        now = self.clock.forward(seconds=1)
        detail = msgspec.json.encode(facts.get("detail")).decode() if facts.get("detail") else None
        who, id_ = facts.get("who", "admin"), facts.get("who_id", self.admin.id)
        await self.node.rows(ADD, now, category, action, "7", name, id_, who, detail, self.id)

    def at(self, path: str) -> str:
        return path.replace("{p}", str(self.id))


@pytest.fixture
async def org(node: Node, api: Caller, clock: MovableClock) -> Organization:
    id_, name, admin = await node.make_organization("audited")
    node.composition.turn._identity_admitter._organizations = (0.0, {})  # names are remembered for some seconds
    pm = api.bearer(node.token(admin, ["IdentityServerApi"]))
    return Organization(node, id_, name, pm, admin, clock)


LISTS = [
    "/identity_/api/AuditQuery/{p}",
    "/audit_/api/auditlogs",
    "/audit_/api/auditlogs/{p}",
    "/portal_/api/auditLog/{p}",
]
FILES = ["/identity_/api/AuditQuery/{p}/download", "/audit_/api/auditlogs/download"]


class TestLists:
    @pytest.mark.parametrize("path", LISTS)
    async def test_200_newest_first_with_every_member(self, org: Organization, path: str) -> None:
        await org.happen("Group", "Create", "Finance", detail={"members": ["x"]})
        await org.happen("Group", "Delete", "Finance")
        body = await org.pm.get(org.at(path))
        assert body["totalCount"] == 2
        newest, oldest = body["results"]
        assert list(newest) == MEMBERS
        assert (newest["category"], newest["action"], newest["source"]) == ("Group", "Delete", "Identity")
        assert newest["message"] == "admin deleted the group Finance."
        assert (newest["userName"], newest["email"]) == ("admin", org.admin.email)
        assert newest["createdOn"].endswith("Z")
        details = msgspec.json.decode(oldest["auditLogDetails"])
        assert (details["entityId"], details["entityName"], details["members"]) == ("7", "Finance", ["x"])

    async def test_200_below_the_organizations_name(self, org: Organization) -> None:
        await org.happen("Group", "Create")
        for prefix in (f"/{org.name}", f"/{org.id}", f"/{org.name}/default"):
            assert (await org.pm.get(f"{prefix}/audit_/api/auditlogs"))["totalCount"] == 1

    async def test_200_pages_without_gap_or_repetition(self, org: Organization) -> None:
        for number in range(7):
            await org.happen("User", "Update", f"n{number}")
        seen: list[str] = []
        for skip in range(0, 8, 3):
            page = await org.pm.get(org.at(LISTS[0]), params={"top": 3, "skip": skip})
            assert page["totalCount"] == 7
            seen += [msgspec.json.decode(row["auditLogDetails"])["entityName"] for row in page["results"]]
        assert seen == [f"n{number}" for number in reversed(range(7))]

    async def test_200_pages_of_events_of_one_instant(self, org: Organization) -> None:
        for number in range(6):
            await org.happen("User", "Update", f"n{number}")
        await org.node.rows("UPDATE kernel.audit SET executed_at = $2 WHERE organization_id = $1", org.id, org.clock())
        pages = [await org.pm.get(org.at(LISTS[0]), params={"top": 2, "skip": skip}) for skip in (0, 2, 4)]
        names = [msgspec.json.decode(row["auditLogDetails"])["entityName"] for page in pages for row in page["results"]]
        assert names == [f"n{number}" for number in reversed(range(6))]

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"sortBy": "category"}, ["Group", "Setting", "User"]),
            ({"sortBy": "CATEGORY", "sortOrder": "desc"}, ["User", "Setting", "Group"]),
            ({"sortOrder": "asc"}, ["User", "Group", "Setting"]),
            ({"sortOrder": "desc"}, ["Setting", "Group", "User"]),
            ({"sortBy": "createdOn", "sortOrder": "1"}, ["Setting", "Group", "User"]),
            ({"language": "de", "$count": "false"}, ["Setting", "Group", "User"]),
        ],
    )
    async def test_200_sorted(self, org: Organization, params: dict[str, str], expected: list[str]) -> None:
        for category in ("User", "Group", "Setting"):
            await org.happen(category, "Update")
        body = await org.pm.get(org.at(LISTS[0]), params=params)
        assert [row["category"] for row in body["results"]] == expected

    @pytest.mark.parametrize(
        ("params", "key"),
        [({"top": "1001"}, "top"), ({"skip": "-1"}, "skip"), ({"sortBy": "secret"}, "sortBy"), ({"top": "x"}, "top")],
    )
    async def test_400_names_the_parameter(self, org: Organization, params: dict[str, str], key: str) -> None:
        body = await org.pm.get(org.at(LISTS[0]), params=params, expect=400)
        assert [name.lower() for name in body["errors"]] == [key.lower()]

    async def test_400_for_a_partition_that_is_no_guid(self, org: Organization) -> None:
        await org.pm.get("/identity_/api/AuditQuery/nobody", expect=400)

    @pytest.mark.parametrize("path", [*LISTS, *FILES])
    async def test_nothing_of_another_organization(self, org: Organization, pm: Caller, path: str) -> None:
        await org.happen("Group", "Create", "Secret plans")
        answer = await pm.request("GET", org.at(path))
        if "{p}" in path:
            assert answer.status == 403
        assert b"Secret plans" not in answer.content

    async def test_403_for_an_unknown_partition(self, pm: Caller) -> None:
        await pm.get(f"/identity_/api/AuditQuery/{uuid4()}", expect=403)


class TestWhoMayRead:
    PATHS = (*LISTS, *FILES, "/orgaudit_/api/query/events", "/orgaudit_/api/query/sources")

    @pytest.mark.parametrize("path", PATHS)
    async def test_401_without_token_and_403_without_scope_or_right(
        self, org: Organization, api: Caller, node: Node, path: str
    ) -> None:
        path = path.replace("{p}", str(node.organization_id))
        await api.with_headers({}).get(path, expect=401)
        await api.with_scopes("PM.User").get(path, expect=403)
        await api.as_role().with_scopes("PM.Audit").get(path, expect=403)
        for scope in ("PM.Audit", "PM.Audit.Read"):
            assert (await api.with_scopes(scope).request("GET", path)).status == 200
            token = await node.application_token([scope])
            assert (await api.bearer(token).request("GET", path)).status == 200


class TestCalls:
    """That calls of the management API and sign-ins are found, whoever wrote their rows."""

    async def test_a_change_of_the_management_api_is_an_event(self, pm: Caller, node: Node) -> None:
        body = {"partitionGlobalId": str(node.organization_id), "name": f"group {uuid4().hex[:6]}"}
        await pm.post("/identity_/api/Group", body)
        [newest] = (await pm.get("/audit_/api/auditlogs", params={"top": 1}))["results"]
        assert (newest["category"], newest["action"], newest["userName"]) == ("Group", "Create", ADMIN)
        assert body["name"] in newest["message"]

    @pytest.mark.parametrize(
        ("password", "action", "status"), [(ADMIN_PASSWORD, "UserLogin", 200), ("wrong", "UserLoginFailed", 400)]
    )
    async def test_a_classic_sign_in_is_an_event(
        self, pm: Caller, node: Node, clock: MovableClock, password: str, action: str, status: int
    ) -> None:
        clock.forward(seconds=5)
        body = {"tenancyName": "default", "usernameOrEmailAddress": ADMIN, "password": password}
        answer = await node.http.post("/api/Account/Authenticate", json=body)
        assert answer.status_code == status
        [newest] = (await pm.get("/audit_/api/auditlogs", params={"top": 1}))["results"]
        assert (newest["category"], newest["action"], newest["userName"]) == ("Authentication", action, ADMIN)
        assert password not in newest["auditLogDetails"]


class TestDownload:
    @pytest.mark.parametrize("path", FILES)
    async def test_200_is_a_csv_file(self, org: Organization, path: str) -> None:
        await org.happen("Group", "Create", "Fin, ance")
        await org.happen("Group", "Delete", 'a "quoted"\nname')
        answer = await org.pm.request("GET", org.at(path))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith('attachment; filename="audit-')
        rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))
        assert rows[0] == MEMBERS
        assert [row[2] for row in rows[1:]] == ["Delete", "Create"]
        assert 'a "quoted"\nname' in rows[1][6]

    @pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "=cmd|'/c calc'!A1"])
    async def test_no_cell_is_a_formula(self, org: Organization, name: str) -> None:
        await org.happen("Group", "Create", name, who=name, who_id=uuid4())
        text = (await org.pm.request("GET", org.at(FILES[0]))).text
        [row] = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))[1:]
        assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
        assert f"'{name}" in row

    async def test_size_limits_the_file(self, org: Organization) -> None:
        for number in range(5):
            await org.happen("Group", "Create", f"n{number}")
        text = (await org.pm.request("GET", org.at(FILES[0]), params={"size": 2})).text
        assert len(text.splitlines()) == 3
        for size in ("0", "50001", "-1", "x"):
            await org.pm.get(org.at(FILES[0]), params={"size": size}, expect=400)


class TestEvents:
    PATH = "/orgaudit_/api/query/events"

    async def names(self, org: Organization, **params: Any) -> list[str]:
        body = await org.pm.get(self.PATH, params=params)
        return [msgspec.json.decode(row["eventDetails"])["entityName"] for row in body["auditEvents"]]

    async def test_200_has_the_members_of_an_event(self, org: Organization) -> None:
        await org.happen("Authentication", "UserLoginFailed", "admin", detail={"clientAddress": "10.0.0.1"})
        [event] = (await org.pm.get(self.PATH))["auditEvents"]
        assert (event["eventType"], event["eventTarget"], event["eventSource"]) == (
            "UserLoginFailed",
            "Authentication",
            "Identity",
        )
        assert (event["organizationId"], event["organizationName"]) == (str(org.id), org.name)
        assert (event["actorId"], event["actorEmail"], event["status"]) == (str(org.admin.id), org.admin.email, 1)
        assert event["clientInfo"]["ipAddress"] == "10.0.0.1"

    async def test_links_lead_down_to_the_oldest_and_back_up(self, org: Organization) -> None:
        for number in range(7):
            await org.happen("User", "Update", f"n{number}")
        page = await org.pm.get(f"/{org.name}{self.PATH}", params={"maxCount": 3, "target": "user"})
        assert page["previous"] is None
        seen, pages = [], []
        while True:
            pages.append([row["id"] for row in page["auditEvents"]])
            seen += [msgspec.json.decode(row["eventDetails"])["entityName"] for row in page["auditEvents"]]
            if page["next"] is None:
                break
            assert page["next"].startswith(f"http://podium.test/{org.name}/orgaudit_/api/query/events?")
            page = await org.pm.get(page["next"])
        assert seen == [f"n{number}" for number in reversed(range(7))]
        assert [len(ids) for ids in pages] == [3, 3, 1]
        page = await org.pm.get(page["previous"])
        assert [row["id"] for row in page["auditEvents"]] == pages[1]
        page = await org.pm.get(page["previous"])
        assert [row["id"] for row in page["auditEvents"]] == pages[0]
        assert page["previous"] is None

    async def test_new_events_do_not_move_the_pages(self, org: Organization) -> None:
        for number in range(4):
            await org.happen("User", "Update", f"n{number}")
        page = await org.pm.get(self.PATH, params={"maxCount": 2})
        await org.happen("User", "Update", "new")
        page = await org.pm.get(page["next"])
        assert [msgspec.json.decode(row["eventDetails"])["entityName"] for row in page["auditEvents"]] == ["n1", "n0"]
        page = await org.pm.get(page["previous"])
        assert page["previous"] is not None
        newer = await org.pm.get(page["previous"])
        assert [msgspec.json.decode(row["eventDetails"])["entityName"] for row in newer["auditEvents"]] == ["new"]

    async def test_filters(self, org: Organization) -> None:
        start = org.clock()
        await org.happen("User", "Create", "a")
        await org.happen("User", "Delete", "b")
        await org.happen("Group", "Create", "c")
        middle = org.clock()
        await org.happen("Authentication", "UserLoginFailed", "d")
        assert await self.names(org, target="User") == ["b", "a"]
        assert await self.names(org, target="USER,group", type="create") == ["c", "a"]
        assert await self.names(org, status="1") == ["d"]
        assert await self.names(org, status="0") == ["c", "b", "a"]
        assert await self.names(org, **{"from": middle.isoformat()}) == ["d", "c"]
        assert await self.names(org, to=middle.isoformat()) == ["b", "a"]
        assert await self.names(org, **{"from": start.isoformat(), "to": start.isoformat()}) == []
        assert await self.names(org, userIds=str(org.admin.id)) == ["d", "c", "b", "a"]
        assert await self.names(org, userIds=str(uuid4())) == []
        assert await self.names(org, source="identity") == ["d", "c", "b", "a"]
        assert await self.names(org, source="Orchestrator") == []

    @pytest.mark.parametrize(
        "params",
        [
            {"from": "yesterday"},
            {"maxCount": "0"},
            {"maxCount": "201"},
            {"status": "2"},
            {"userIds": "x"},
            {"before": "x"},
            {"after": "!!"},
            {"target": "\0"},
        ],
    )
    async def test_400_for_what_it_cannot_read(self, org: Organization, params: dict[str, str]) -> None:
        await org.pm.get(self.PATH, params=params, expect=400)


class TestSources:
    async def test_200_is_the_tree_of_what_filters_may_name(self, pm: Caller) -> None:
        [source] = await pm.get("/orgaudit_/api/query/sources")
        assert source["name"] == "Identity"
        targets = {one["name"]: [kind["name"] for kind in one["eventTypes"]] for one in source["eventTargets"]}
        assert "UserLogin" in targets["Authentication"]
        assert set(targets) == set(rules.TREE)


class TestRules:
    def test_every_event_of_the_tree_has_a_sentence(self) -> None:
        for category, actions in rules.TREE.items():
            for action in actions:
                sentence = rules.message(category, action, "Anna", "Thing")
                assert sentence.endswith(".")
                assert f"{action} of {category}" not in sentence

    @pytest.mark.parametrize("name", ["{who}", "{0.__class__}", "%s", ""])
    def test_a_name_is_only_a_name(self, name: str) -> None:
        assert name in rules.message("Group", "Create", name, name)
        assert name in rules.message("Unknown", "Thing", name, name)

    def test_a_cursor_reads_as_it_was_written(self, clock: MovableClock) -> None:
        cursor = Cursor(clock(), 17)
        assert cursor_of(cursor_text(cursor)) == cursor

    @pytest.mark.parametrize("text", ["", "x", "!!!!", "MS4", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x", "MS4tMQ", "é"])
    def test_another_text_is_no_cursor(self, text: str) -> None:
        assert cursor_of(text) is None
