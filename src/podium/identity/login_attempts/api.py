"""The operation on tries to sign in, of the tag User."""

from __future__ import annotations

from podium.identity.login_attempts.entity import LOGIN_ATTEMPTS, OF_USER, OF_USER_SINCE, SORTABLE
from podium.identity.requests import guid, not_valid, paged, paging
from podium.identity.users.actions import find_user
from podium.kernel.call import Call, Reply
from podium.kernel.errors import NotFound
from podium.kernel.lenient import instant
from podium.kernel.odata.fetch import fetch_page
from podium.kernel.operation import operation


@operation("GET", "/api/User/{userId}/loginAttempts")
async def list_login_attempts(call: Call, user_id: str) -> Reply:
    """A page of the tries to sign in as this user, the newest first unless asked otherwise; `since` leaves out older ones.

    Tries with names that are nobody's are in no user's list. `userSID` names a user of a directory; there is none to
    look in, so the user of the path counts.
    """
    id_ = guid("userId", user_id)
    assert call.organization_id is not None
    if await find_user(call.db, call.organization_id, id_) is None:
        raise NotFound("The user does not exist.")
    asked = paging(call, SORTABLE)
    text = next((value.strip() for name, value in call.query.items() if name.lower() == "since"), "")
    where = OF_USER
    args: list[object] = [call.organization_id, id_]
    if text:
        since = instant(text)
        if since is None:
            raise not_valid("since", text[:100])
        where, args = OF_USER_SINCE, [*args, since]
    return paged(await fetch_page(call.db, LOGIN_ATTEMPTS, asked.options, where, args))
