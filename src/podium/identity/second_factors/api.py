"""Helping a user who lost the second factor. Tag: User."""

from __future__ import annotations

from podium.identity.requests import guid, partition
from podium.identity.second_factors import actions
from podium.identity.users.actions import find_user
from podium.kernel.call import Call
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation

NO_USER = "The user does not exist."


@operation("DELETE", "/api/podium/User/{userId}/secondFactors")
async def remove_second_factors(call: Call, user_id: str) -> None:
    """The user's authenticator, passkeys and recovery codes are gone: the password alone lets in, unless more is asked."""
    id_ = guid("userId", user_id)
    user = await find_user(call.db, partition(call, None), id_)
    if user is None:
        raise NotFound(NO_USER)
    await actions.remove_all(call.db, user.organization_id, id_)
    call.describe("Update", component="User", entity_id=str(id_), name=user.user_name)
    call.audit["detail"] = {"secondFactor": "all removed"}
