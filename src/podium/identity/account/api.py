"""The classic sign-in: user name and password for a token."""

from __future__ import annotations

import msgspec

from podium.identity.directory import principal_of
from podium.identity.issuer import Issuer
from podium.identity.ports import SignedIn, TenantRef, Tenants
from podium.identity.second_factors.actions import has_any
from podium.identity.settings.actions import sign_in_policy
from podium.identity.tokens.rules import CLASSIC_CLIENT
from podium.identity.users.actions import check_password
from podium.identity.users.rules import Attempt, User, is_password_due
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import BadRequest, Code
from podium.kernel.operation import operation
from podium.wire import LoginModel

SCOPE = "OrchestratorApiUserAccess"
REFUSED = "Invalid credentials, failed to login."
PASSWORD_DUE = "The password must be changed before it can be used here."  # noqa: S105
SECOND_FACTOR = "A second factor is needed, which cannot be asked for here. Sign in by a browser."


# A refusal must be counted, so there is no transaction of the call; and no connection waits while a hash is computed.
@operation("POST", "/api/Account/Authenticate", connected=False)
async def authenticate(call: Call, body: LoginModel) -> Reply:
    """A user token with every Orchestrator scope.

    Every refusal is the same answer after the same work, whether the tenant, the user or the password is wrong or the
    account is closed. Only who has the right password is told that it is due, or not enough.
    """
    issuer = call.port(Issuer)
    tenant = await _tenant(call, given(body.tenancy_name, "").strip())
    name, password = given(body.username_or_email_address, ""), given(body.password, "")
    if not name or not password:
        missing = "password" if name else "usernameOrEmailAddress"
        raise BadRequest(f"{missing} must not be empty.")
    browser = call.headers.get("user-agent", "")[:256] or None
    attempt = Attempt(name, call.client_address or None, "Classic", browser)
    organization_id = tenant.organization_id if tenant else None
    _, user = await check_password(call.services.db, issuer.passwords, organization_id, attempt, password, call.now)
    if user is None or tenant is None:
        return _refusal(call, REFUSED)
    missing_step = await _missing_step(call, user)
    if missing_step is not None:
        return _refusal(call, missing_step)
    await call.port(SignedIn).signed_in(user.organization_id, tenant.key, principal_of(user))
    token = issuer.issue_user_token(user, CLASSIC_CLIENT, [SCOPE], call.now, tenant_key=tenant.key)
    answer = {
        "result": token,
        "targetUrl": None,
        "success": True,
        "error": None,
        "unAuthorizedRequest": False,
        "__abp": True,
    }
    return Reply(200, msgspec.json.encode(answer), headers={"cache-control": "no-store"})


async def _missing_step(call: Call, user: User) -> str | None:
    """What a browser would ask for after the right password; None: nothing."""
    async with call.services.db.acquire() as db:
        policy = await sign_in_policy(db, user.organization_id)
        needs_more = policy.requires_second_factor or await has_any(db, user.organization_id, user.id)
    if is_password_due(user, policy.password, call.now):
        return PASSWORD_DUE
    return SECOND_FACTOR if needs_more else None


async def _tenant(call: Call, name: str) -> TenantRef | None:
    """The tenant that the body names, else the one in the address, else the default one.

    The host has no users yet, so `host` is a tenant that does not exist.
    """
    if len(name) > 256 or "\0" in name:
        return None
    tenants = call.port(Tenants)  # as above
    return await tenants.find(name or call.tenant_name)


def _refusal(call: Call, message: str) -> Reply:
    """400 with the members of both generations: clients read `message` or `error.message`."""
    body = {
        "message": message,
        "errorCode": int(Code.INVALID_REQUEST),
        "traceId": call.trace_id,
        "resourceIds": None,
        "result": None,
        "targetUrl": None,
        "success": False,
        "error": {"code": int(Code.INVALID_REQUEST), "message": message, "details": None, "validationErrors": None},
        "unAuthorizedRequest": False,
        "__abp": True,
    }
    return Reply(400, msgspec.json.encode(body))
