"""One good request for every bound row of the management API and of the account pages' back end, as tests/given.py has them.

Things belong to one organization and are made as its administrator. A new row's values go into ADDRESSES, QUERIES and
BODIES; the laws fail until they are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from podium.identity.links import actions as links
from podium.identity.mails import actions as mails
from podium.identity.sessions import actions as sessions
from podium.identity.settings.rules import SessionPolicy
from podium.identity.users.actions import active_user
from podium.identity.users.rules import User
from podium.kernel.contract import Param, Row
from podium.kernel.keyring import Keyring

from .given import Json, Named, Request, The, fill_path

if TYPE_CHECKING:
    from .conftest import Caller, Node

MARK = "quillon"
"""Every name that a thing has: what another organization must never read."""

SCOPES = ("IdentityServerApi", "OrchestratorApiUserAccess")
PASSWORD = "harmless teapot 41"
OTHER_PASSWORD = "harmless kettle 42"
USER_AGENT = f"{MARK}/1.0"

ADD_ATTEMPT = """
INSERT INTO identity.login_attempts (organization_id, user_id, user_name, client_address, result, created_at)
VALUES ($1, $2, $3, '192.0.2.7', 1, $4)
"""
ADD_TOTP = "INSERT INTO identity.totp (organization_id, user_id, sealed, created_at) VALUES ($1, $2, $3, $4)"
IS_SETTLED = "UPDATE identity.users SET must_change_password = false WHERE organization_id = $1 AND id = $2"
FIRST_SETTING = "SELECT id FROM identity.settings WHERE organization_id = $1 AND key = $2"
LAST_MAIL = "SELECT max(id) FROM identity.mails WHERE organization_id = $1"

_NUMBERS = count(1)
_KEY = ec.generate_private_key(ec.SECP256R1())

PARTITION = {"partitionGlobalId": The("organization.id")}
MEMBERS = [The("user.id"), The("robot_account.id"), The("application.id")]

# Parameter of the address -> value.
ADDRESSES: Mapping[str, object] = {
    "certificateId": The("certificates.primaryCertificateId"),
    "clientId": The("application.id"),
    "groupId": The("group.id"),
    "languageCode": "en",
    "mailId": The("mail.id"),
    "organizationName": The("organization.name"),
    "partitionGlobalId": The("organization.id"),
    "referenceTokenId": The("token.id"),
    "robotAccountId": The("robot_account.id"),
    "secretId": The("secret.id"),
    "sessionId": The("session.id"),
    "settingId": The("setting.id"),
    "templateId": The("template.id"),
    "userId": The("user.id"),
}
# Parameters of the query without which the answer would say nothing.
QUERIES: Mapping[str, Mapping[str, object]] = {
    "Directory_GetSearchByPartitionGlobalId": {"startsWith": MARK},
    "MessageTemplate_Get": {"name": The("template.name")},
    "Setting_Get": {"key": The("setting.key"), **PARTITION},
    "UserPartition_Delete": {"userId": The("user.id"), **PARTITION},
}
CHANGE_PASSWORD = {"oldPassword": PASSWORD, "newPassword": OTHER_PASSWORD}
SCIM_USER = {"userName": "scim.user", "name": {"givenName": "Sol"}, "emails": [{"value": "scim@acme.test"}]}
SCIM_MEMBERS = [{"value": The("user.id")}]
BODIES: Mapping[str, object] = {
    "Account_PostChangePassword": {"userId": The("user.id"), **CHANGE_PASSWORD},
    "Account_PostEmailConfirmation": {"userId": The("user.id"), "code": The("confirmation.code")},
    "Account_PostForgotPassword": {
        "usernameOrEmail": The("user.userName"),
        "partitionName": The("organization.name"),
    },
    "Account_PostLogin": {
        "usernameOrEmail": The("user.userName"),
        "password": PASSWORD,
        "partitionName": The("organization.name"),
    },
    "Account_PostResetPassword": {
        "userId": The("user.id"),
        "code": The("reset.code"),
        "password": OTHER_PASSWORD,
        "confirmPassword": OTHER_PASSWORD,
    },
    "Directory_PostBulkResolveByNameByPartitionGlobalId": {"entityNames": [The("user.userName")], "entityType": "user"},
    "Directory_PostBulkResolveByPartitionGlobalId": {"entityIds": [The("user.id")], "entityType": "user"},
    "Directory_PostGroupMembershipByPartitionGlobalId": {"userId": The("user.id"), "groupIds": [The("group.id")]},
    "Directory_PostResolveByNameByPartitionGlobalId": {"entityName": The("group.name"), "entityType": "group"},
    "Directory_PostResolveByPartitionGlobalId": {"entityId": The("user.id"), "entityType": "user"},
    "ExternalClient_Post": {
        "name": "A new application",
        "isConfidential": True,
        "redirectUri": "https://app.test/back",
        "scopes": [{"name": "OR.Jobs", "type": 1}, {"name": "OR.Folders", "type": "user"}],
        **PARTITION,
    },
    "ExternalClient_PostGenerateSecret": {"clientId": The("application.id"), "description": "More", **PARTITION},
    "ExternalClient_PutByPartitionGlobalIdByClientId": {"name": "Another name"},
    "Group_DeleteByPartitionGlobalId": {"groupIDs": [The("group.id")]},
    "Group_Post": {"name": "A new group", "directoryUserMemberIDs": MEMBERS, **PARTITION},
    "Group_PostBulkLoadByIdsByPartitionGlobalId": [The("group.id")],
    "Group_PostByPartitionGlobalIdByGroupIdCheckMembers": MEMBERS,
    "Group_PutByGroupId": {
        "name": "Another name",
        "directoryUserIDsToAdd": [The("spare_user.id")],
        "directoryUserIDsToRemove": [The("user.id")],
        **PARTITION,
    },
    "MessageTemplate_Post": {"name": "Greeting", "value": "Hello"},
    "MessageTemplate_PutByTemplateId": {"id": The("template.id"), "value": "Hello again"},
    "Partition_PutByPartitionGlobalId": {"language": "de"},
    "PartitionAccessPolicy_PutByPartitionGlobalId": {
        "entitiesToAdd": [The("admin.id"), The("user.id")],
        "entitiesToRemove": [],
        "entityType": "user",
    },
    "Portal_DeleteIdentityUser": {"userIds": [The("user.id")], "deleteCurrentUser": False, **PARTITION},
    "Portal_PutIdentitySetting": {"settings": [{"key": "Shelf", "value": "oak"}], **PARTITION},
    "ReferenceToken_Delete": {"userIds": [The("token.userId")], **PARTITION},
    "ReferenceToken_Post": {"description": "More", "expiration": The("dates.next_month"), "scopes": ["OR.Jobs"]},
    "ReferenceToken_PostExchange": The("token.text"),
    "ReferenceToken_PutByReferenceTokenId": {"expiration": The("dates.next_month")},
    "RobotAccount_DeleteByPartitionGlobalId": {"robotAccountIDs": [The("robot_account.id")]},
    "RobotAccount_Post": {"name": "another-robot", "groupIDsToAdd": [The("group.id")], **PARTITION},
    "RobotAccount_PutByRobotAccountId": {
        "displayName": "Another",
        "groupIDsToAdd": [The("group.id")],
        "groupIDsToRemove": [The("spare_group.id")],
        **PARTITION,
    },
    "SamlCertificate_PutPrimary": {"certificate": The("certificate.pem"), **PARTITION},
    "SamlCertificate_PutSecondary": {"certificate": The("certificate.pem"), **PARTITION},
    "Scim_PatchGroupsByGroupId": {
        "Operations": [{"op": "add", "path": "members", "value": [{"value": The("spare_user.id")}]}]
    },
    "Scim_PatchUsersByUserId": {"Operations": [{"op": "replace", "path": "displayName", "value": "Another"}]},
    "Scim_PostGroups": {"displayName": "A group of SCIM", "members": SCIM_MEMBERS},
    "Scim_PostUsers": SCIM_USER,
    "Setting_Delete": {"settings": [The("setting.key")], **PARTITION},
    "Setting_PostVerifySmtpSettings": {
        "recipient": "somebody@acme.test",
        "smtpSettings": {"host": "127.0.0.1", "port": 9, "fromAddress": "podium@acme.test"},
    },
    "Setting_Put": {"settings": [{"key": "Shelf", "value": "oak"}], "userId": The("user.id"), **PARTITION},
    "User_Delete": {"userIds": [The("user.id")], **PARTITION},
    "User_Post": {
        "userName": "a.new.user",
        "email": "new@acme.test",
        "password": PASSWORD,
        "groupIDs": [The("group.id")],
        **PARTITION,
    },
    "User_PostBulkCreate": {
        "users": [{"userName": "bulk.one", "email": "bulk.one@acme.test"}],
        "groupIDs": [The("group.id")],
        **PARTITION,
    },
    "User_PostByUserIdChangepassword": CHANGE_PASSWORD,
    "User_PostInviteUsers": [{"email": "invited@acme.test", "name": "Ina", "groupIDs": [The("group.id")]}],
    "User_PutByUserId": {
        "name": "Another",
        "groupIDsToAdd": [The("spare_group.id")],
        "groupIDsToRemove": [The("group.id")],
    },
    "UserInvite_PostByPartitionGlobalId": {"firstName": "Gus", "lastName": "Guest"},
    "UserPartition_Post": {"userId": The("user.id"), **PARTITION},
}
# What the browser of the page that sends it holds.
HEADERS: Mapping[str, str] = {
    "Account_GetProfile": "browser",
    "Account_PostChangePassword": "browser",
    "Account_PostLogin": "page",
    "Account_PostLogout": "browser",
}
SENDERS: Mapping[str, str] = {
    "UserInvite_DeleteByPartitionGlobalId": "guest",
    "UserInvite_PostByPartitionGlobalId": "guest",
}
"""Who sends the request when that is not the administrator."""
SWITCHED = frozenset({"SamlCertificate_PostByPartitionGlobalIdSwitch", "SamlCertificate_PutSecondary"})
"""Rows that need both certificates."""


class Things(Named):
    """The things of one organization: `await things.get("group.id")`."""

    def __init__(self, caller: Caller, organization: tuple[UUID, str], admin: User) -> None:
        super().__init__()
        self.node: Node = caller.node
        self.organization_id, self._name = organization
        self.admin = admin
        self.api = caller.bearer(self.node.token(admin, SCOPES))

    @property
    def ids(self) -> list[str]:
        """The ids of what was made so far, but for those that count from 1."""
        made = [one.get("id") for one in self._made.values()]
        return [one for one in made if isinstance(one, str) and len(one) == 36]

    async def _organization(self) -> Json:
        return {"id": str(self.organization_id), "name": self._name}

    async def _admin(self) -> Json:
        return {"id": str(self.admin.id)}

    async def _dates(self) -> Json:
        return {"next_month": (self.node.clock() + timedelta(days=30)).isoformat()}

    async def _group(self) -> Json:
        return await self.group("team", [await self.get("user.id")])

    async def _spare_group(self) -> Json:
        return await self.group("spare", [await self.get("robot_account.id")])

    async def group(self, name: str, members: list[str]) -> Json:
        body = {"name": f"{MARK} {name}", "directoryUserMemberIDs": members, **await self.fill(PARTITION)}
        return dict(await self.api.post("/identity_/api/Group", body, expect=201))

    async def _user(self) -> Json:
        return await self.user()

    async def _spare_user(self) -> Json:
        return await self.user()

    async def user(self, **members: object) -> Json:
        id_, name = str(uuid4()), f"{MARK}.{next(_NUMBERS)}"
        names = {"userName": name, "email": f"{name}@acme.test", "name": MARK, "surname": MARK}
        body = {"id": id_, "password": PASSWORD, **names, **members, **await self.fill(PARTITION)}
        await self.api.post("/identity_/api/User", body)
        await self.node.rows(IS_SETTLED, self.organization_id, UUID(id_))
        changed = {"extensionUserAttributesToAddOrUpdate": {"city": MARK}}
        await self.api.put(f"/identity_/api/User/{id_}", changed)
        return dict(await self.api.get(f"/identity_/api/User/{id_}"))

    async def _guest(self) -> Json:
        """A user whose invitation waits, and `caller`: the same as one who sends requests."""
        made = await self.user(invitationAccepted=False)
        return {**made, "caller": await self.caller_of(UUID(made["id"]))}

    async def caller_of(self, user_id: UUID) -> Caller:
        async with self.node.db.acquire() as connection:
            user = await active_user(connection, self.organization_id, user_id)
        assert user is not None
        return self.api.bearer(self.node.token(user, SCOPES))

    async def _robot_account(self) -> Json:
        body = {"name": f"{MARK}-robot", **await self.fill(PARTITION)}
        return dict(await self.api.post("/identity_/api/RobotAccount", body, expect=201))

    async def _application(self) -> Json:
        scopes = [{"name": "OR.Jobs", "type": "application"}]
        body = {"name": f"{MARK} app", "isConfidential": True, "scopes": scopes, **await self.fill(PARTITION)}
        return dict(await self.api.post("/identity_/api/ExternalClient", body, expect=201))

    async def _secret(self) -> Json:
        body = {"clientId": await self.get("application.id"), "description": MARK, **await self.fill(PARTITION)}
        return dict(await self.api.post("/identity_/api/ExternalClient/GenerateSecret", body))

    async def _template(self) -> Json:
        body = {"name": f"{MARK} note", "value": f"Dear {MARK}"}
        id_ = await self.api.post("/identity_/api/MessageTemplate", body)
        return {"id": id_, "name": body["name"]}

    async def _token(self) -> Json:
        body = {"description": MARK, "expiration": await self.get("dates.next_month"), "scopes": ["OR.Jobs"]}
        text = await self.api.post("/identity_/api/ReferenceToken", body, expect=201)
        listed = await self.api.get("/identity_/api/ReferenceToken")
        return {**listed[-1], "text": text}

    async def _setting(self) -> Json:
        key = f"{MARK}.Shelf"
        body = {"settings": [{"key": key, "value": MARK}], **await self.fill(PARTITION)}
        await self.api.put("/identity_/api/Setting", body)
        rows = await self.node.rows(FIRST_SETTING, self.organization_id, key)
        return {"id": rows[0]["id"], "key": key}

    async def _certificate(self) -> Json:
        return {"pem": pem(f"{MARK} primary")}

    async def _certificates(self) -> Json:
        return await self.certificate_as("primary")

    async def _both_certificates(self) -> Json:
        await self.get("certificates")
        return await self.certificate_as("secondary")

    async def certificate_as(self, kind: str) -> Json:
        body = {"certificate": pem(f"{MARK} {kind}"), **await self.fill(PARTITION)}
        return dict(await self.api.put(f"/identity_/api/SamlCertificate/{kind}", body))

    async def _mail(self) -> Json:
        values = {"name": MARK, "link": f"https://podium.test/{MARK}"}
        node, recipient = self.node, f"{MARK}@acme.test"
        async with node.db.transaction() as connection:
            await mails.post(
                connection,
                node.port(Keyring),
                self.organization_id,
                "PasswordReset",
                recipient,
                values,
                node.clock(),
            )
        rows = await node.rows(LAST_MAIL, self.organization_id)
        return {"id": rows[0][0]}

    async def _confirmation(self) -> Json:
        return {"code": await self.link("confirmation")}

    async def _reset(self) -> Json:
        return {"code": await self.link("reset")}

    async def link(self, purpose: Any) -> str:
        user_id = UUID(await self.get("user.id"))
        async with self.node.db.transaction() as connection:
            return await links.create(connection, self.organization_id, purpose, user_id, self.node.clock())

    async def _session(self) -> Json:
        user_id = UUID(await self.get("user.id"))
        async with self.node.db.transaction() as connection:
            made, cookie = await sessions.start(
                connection,
                self.organization_id,
                user_id,
                ("pwd",),
                self.node.clock(),
                SessionPolicy(),
                address="192.0.2.7",
                browser=USER_AGENT,
            )
        return {"id": str(made.id), "cookie": cookie}

    async def _attempt(self) -> Json:
        user = await self.get("user")
        await self.node.rows(ADD_ATTEMPT, self.organization_id, UUID(user["id"]), user["userName"], self.node.clock())
        return {}

    async def _second_factor(self) -> Json:
        user_id = UUID(await self.get("user.id"))
        sealed = self.node.port(Keyring).seal(
            MARK, owner=self.organization_id, table="identity.totp", row=str(user_id), column="sealed"
        )
        await self.node.rows(ADD_TOTP, self.organization_id, user_id, sealed, self.node.clock())
        return {}

    async def _page(self) -> Json:
        """Headers of a page where nobody is signed in."""
        return await self.antiforgery("")

    async def _browser(self) -> Json:
        """Headers of a page where the user is signed in."""
        return await self.antiforgery(f"podium={await self.get('session.cookie')}")

    async def antiforgery(self, cookie: str) -> Json:
        nobody = self.api.with_headers({})
        answer = await nobody.request("GET", "/identity_/api/Antiforgery/generate", headers={"cookie": cookie})
        set_ = [text.partition(";")[0] for text in answer.headers.get_list("set-cookie")]  # type: ignore[attr-defined]
        token = next(text.partition("=")[2] for text in set_ if text.startswith("XSRF-TOKEN="))
        return {"cookie": "; ".join(text for text in (cookie, *set_) if text), "x-xsrf-token": token}


BEFORE: Mapping[str, str] = {
    "SecondFactors_DeleteByUserId": "second_factor",
    "Sessions_DeleteByUserId": "session",
    "Sessions_GetByUserId": "session",
    "User_GetByUserIdLoginAttempts": "attempt",
    **dict.fromkeys(SWITCHED, "both_certificates"),
}
"""Things that must be there although the request does not name them."""


async def good_request(row: Row, things: Things) -> Request:
    """A request that the row answers well; its things are made. Raises LookupError when this file does not know how."""
    if row.id in BEFORE:
        await things.get(BEFORE[row.id])
    parameters = {param.name: await things.fill(_value(row, param)) for param in row.path_params}
    queries: Json = {param.name: _value(row, param) for param in row.query_params if param.required}
    headers = await things.get(HEADERS[row.id]) if row.id in HEADERS else {}
    if row.body_model and row.id not in BODIES:
        raise LookupError(f"tests/given_identity.py knows no body for {row.id}")
    options: Json = {
        "params": await things.fill({**QUERIES.get(row.id, {})} or queries) or None,
        "headers": headers,
    }
    path = fill_path(row, parameters)
    return Request(row.method, path, await things.fill(BODIES.get(row.id)), options)


async def sender(row: Row, things: Things) -> Caller:
    """Who sends the good request."""
    if row.id in HEADERS:
        return things.api.with_headers({})
    return await things.get(f"{SENDERS[row.id]}.caller") if row.id in SENDERS else things.api


def _value(row: Row, param: Param) -> object:
    if param.name not in ADDRESSES:
        raise LookupError(f"tests/given_identity.py knows no value for {param.name} of {row.id}")
    return ADDRESSES[param.name]


def pem(name: str) -> str:
    """A certificate of that name."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, _KEY.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(_KEY, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()
