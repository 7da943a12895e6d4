"""The stage of the authorization tests: one of everything, and callers of every kind."""

from __future__ import annotations

from typing import Any

from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.kernel import db
from podium.kernel.config import resource
from podium.kernel.contract import Contract, Row
from podium.kernel.operation import build
from podium.orchestrator.access import actions as access
from podium.orchestrator.access.resolver import AccessResolver
from podium.server.operations import OPERATION_MODULES
from tests import given, given_identity
from tests.conftest import Caller, Node
from tests.given import Request, fill_path, is_robots
from tools.authorization_matrix import VIEWER, Kind, scopes_of

CONTRACT = Contract.load(resource("contract"))
BOUND = [operation.row for operation in build(CONTRACT, OPERATION_MODULES)]
USER_SCOPES = ("OrchestratorApiUserAccess", "IdentityServerApi")
ADD_VIEWER = """
INSERT INTO orchestrator.roles (tenant_id, name, name_key, display_name, type, permissions, created_at)
VALUES ($1, 'Viewer', 'viewer', 'Viewer', 'Folder', $2, $3)
"""
# People who sign in to a robot or the studio get a workspace, in which they may do everything: it would blur the picture.
NO_WORKSPACES = "UPDATE orchestrator.users SET may_have_personal_workspace = false WHERE tenant_id = $1"


class Undone(db._InTransaction):
    """A transaction that never commits."""

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._transaction.rollback()
        finally:
            await db._Acquired.__aexit__(self, *raised)


class Stage:
    """A tenant and the host's organization with one of everything, and the callers."""

    def __init__(
        self, api: Caller, things: given.Things, of_identity: given_identity.Things, expired_token: str
    ) -> None:
        self.api, self.node = api, api.node
        self.things, self.of_identity = things, of_identity
        self.expired = expired_token
        self.callers: dict[str, Caller] = {}
        self.requests: dict[str, Request] = {}

    @classmethod
    async def of(cls, node: Node) -> Stage:
        """A new one on the node."""
        api = await Caller(node, "matrix")
        expired = node.token(await node.user(node.admin), USER_SCOPES)
        node.clock.forward(seconds=node.port(Issuer).lifetime_s + 3600)
        things = given.Things(api)
        await things.make_all()
        of_identity = given_identity.Things(api, (node.organization_id, "default"), await node.user(node.admin))
        await of_identity.make_all()
        made = cls(api, things, of_identity, expired)
        await made.prepare()
        return made

    async def request(self, row: Row) -> Request:
        """The good request of the row; of a row that nobody has written one for, its address."""
        if row.id not in self.requests:
            try:
                if row.context == "identity":
                    made = await given_identity.good_request(row, self.of_identity)
                else:
                    made = await given.good_request(row, self.things)
            except LookupError:
                made = Request(row.method, fill_path(row, {}))
            if row.id in given_identity.HEADERS:
                made.options["headers"] = {}  # no browser where somebody is signed in
            if is_robots(row):
                made.options["headers"] = {**made.options.get("headers", {}), **given.HOST}
            self.requests[row.id] = made
        return self.requests[row.id]

    async def send(self, row: Row, kind: Kind) -> Any:
        request, caller = await self.request(row), self.callers[kind.name]
        scopes = scopes_of(kind, row)
        if scopes is not None:
            caller = caller.bearer(
                self.node.port(Issuer).issue_application_token(self.application, sorted(scopes), self.node.clock())
            )
        return await caller.request(request.method, request.path, request.body, **request.options)

    async def prepare(self) -> None:
        """Make the callers."""
        api, node, now = self.api, self.node, self.node.clock()
        home, away = await self.things.get("folder.Id"), (await self.things.given.folder("Elsewhere"))["Id"]
        await node.rows(ADD_VIEWER, api.tenant_id, sorted(VIEWER), now)
        _, _, stranger = await node.make_organization("elsewhere")
        neighbour = await api.tenant("elsewhere").as_role("Administrator")
        neighbour._tenant = api._tenant
        await neighbour.get("/odata/Folders", expect=403)  # now the tenant knows the user
        self.callers = {
            "anonymous": api.with_headers({}),
            "expired token": api.bearer(self.expired),
            "administrator of another organization": api.bearer(node.token(stranger, USER_SCOPES)),
            "administrator of another tenant": neighbour.with_scopes(*USER_SCOPES),
            "robot": await self.things.robot(),
            "administrator of the organization": await self._organization_administrator(),
            "administrator of the tenant": (await api.as_role("Administrator")).with_scopes(*USER_SCOPES),
            "administrator of the host": api.with_scopes(*USER_SCOPES),
        }
        for name, role in (
            ("viewer", "Viewer"),
            ("user", "Automation User"),
            ("administrator", "Folder Administrator"),
        ):
            for place, folder in (("the", home), ("another", away)):
                caller = await api.as_role(role, folder=folder)
                self.callers[f"{name} of {place} folder"] = caller.with_scopes(*USER_SCOPES)
        await self._application(home)
        await node.rows(NO_WORKSPACES, api.tenant_id)
        for name in ("without scope", "with another scope", "with the scope"):
            self.callers[f"application {name}"] = api
        node.port(AccessResolver).forget()

    async def _organization_administrator(self) -> Caller:
        caller = await self.api.as_role()
        assert caller._user is not None
        async with self.node.db.transaction() as connection:
            await groups.make_administrator(connection, self.node.organization_id, caller._user.id, self.node.clock())
        return caller.with_scopes(*USER_SCOPES)

    async def _application(self, home: int) -> None:
        node, tenant_id = self.node, self.api.tenant_id
        self.application = await node.make_client(node.organization_id, [])
        async with node.db.transaction() as connection:
            user_id = await access.make_user(
                connection,
                tenant_id,
                self.application.id,
                self.application.name,
                "",
                node.clock(),
                type_="DirectoryExternalApplication",
            )
            await access.join_folder(connection, tenant_id, home, user_id, [], node.clock())
