"""Operations that invite users, and those by which an invited user answers."""

from __future__ import annotations

import unicodedata
from uuid import UUID

import asyncpg

from podium.identity.invitations.actions import may_redirect, send
from podium.identity.mails.rules import is_address
from podium.identity.requests import partition
from podium.identity.results import SUCCEEDED, Fault, Refused, failed
from podium.identity.users.arriving.actions import Guest, accept, has_accepted, invite
from podium.identity.users.leaving.actions import delete_users
from podium.kernel.call import Call, given
from podium.kernel.errors import NotFound, ValidationProblem
from podium.kernel.operation import operation
from podium.wire import identity as wire

MAX_AT_ONCE = 100
MAX_TEXT_CHARACTERS = 256
NOBODY = UUID(int=0)
NO_INVITATION = "There is no invitation."

NO_EMAIL = Fault("InvalidEmail", "The Email field is not a valid e-mail address.")
NO_REDIRECT = Fault("InvalidRedirectUrl", "Redirect URL is not valid")
TOO_LONG = Fault("InvalidName", f"A name must have at most {MAX_TEXT_CHARACTERS} characters.")
TAKEN_MEANWHILE = Fault("DuplicateEmail", "The e-mail address was taken at the same moment.")
ACCEPTED = Fault("InvitationAccepted", "The invitation was accepted; it cannot be dismissed any more.")


class _RowRefused(Exception):
    """Takes back what a row has done."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__()
        self.faults = faults


@operation("POST", "/api/User/InviteUsers")
async def invite_users(call: Call, body: list[wire.InvitedUser]) -> dict[str, object]:
    """A user without a password for each row, and a mail with a link to choose one.

    A row that is refused makes nobody and leaves the others alone; `succeeded` is true when none is. Whoever was invited
    and has no password yet is sent another link, and the former one ends.
    """
    organization_id = partition(call, None)
    if len(body) > MAX_AT_ONCE:
        raise ValidationProblem({"": [f"At most {MAX_AT_ONCE} users can be invited at once."]})
    results: list[dict[str, object]] = []
    faults: list[Fault] = []
    invited: list[UUID] = []
    for row in body:
        try:
            async with call.db.transaction():
                id_ = await _invite(call, organization_id, row)
        except _RowRefused as refused:
            faults += refused.faults
            words = " ".join(one.description for one in refused.faults)
            results.append(_result(row, NOBODY, words))
        else:
            invited.append(id_)
            results.append(_result(row, id_, None))
    call.describe("Invite", component="User", entity_id=str(invited[0]) if len(invited) == 1 else None)
    call.audit["detail"] = {"users": invited, "refused": len(body) - len(invited)}
    return {"result": failed(faults) if faults else SUCCEEDED, "users": results}


@operation("POST", "/api/UserInvite/{partitionGlobalId}")
async def accept_invitation(call: Call, partition_global_id: str, body: wire.UserMetadataCommand) -> dict[str, object]:
    """The caller accepts the own invitation; names that are given replace those of the invitation."""
    organization_id = partition(call, partition_global_id)
    user_id = await _own_invitation(call, organization_id)
    first, last, shown = _name(body.first_name), _name(body.last_name), _name(body.display_name)
    await accept(call.db, organization_id, user_id, call.now, first_name=first, last_name=last, display_name=shown)
    call.describe("Update", component="User", entity_id=str(user_id), name=call.actor.name)
    call.audit["detail"] = {"changed": ["invitationAccepted"]}
    return {}


@operation("DELETE", "/api/UserInvite/{partitionGlobalId}")
async def dismiss_invitation(call: Call, partition_global_id: str) -> dict[str, object]:
    """The caller does not want to join: the user is deleted. Refused once the invitation was accepted."""
    organization_id = partition(call, partition_global_id)
    user_id = await _own_invitation(call, organization_id)
    if await has_accepted(call.db, organization_id, user_id):
        raise Refused(ACCEPTED)
    await delete_users(call, organization_id, [user_id], current_too=True)
    call.describe("Delete", component="User", entity_id=str(user_id), name=call.actor.name)
    return {}


async def _invite(call: Call, organization_id: UUID, row: wire.InvitedUser) -> UUID:
    """The user of a row, or _RowRefused."""
    guest = Guest(_text(row.email), _text(row.name) or None, _text(row.surname) or None)
    redirect_url = given(row.redirect_url, "").strip()
    faults = [] if is_address(guest.email) else [NO_EMAIL]
    if any(len(name or "") > MAX_TEXT_CHARACTERS for name in guest):
        faults.append(TOO_LONG)
    if redirect_url and not await may_redirect(call, redirect_url):
        faults.append(NO_REDIRECT)
    if faults:
        raise _RowRefused(tuple(faults))
    try:
        made = await invite(call, organization_id, guest, given(row.group_ids, []))
    except asyncpg.UniqueViolationError:
        raise _RowRefused((TAKEN_MEANWHILE,)) from None
    if made.faults:
        raise _RowRefused(made.faults)
    await send(call, organization_id, made.user_id, guest, redirect_url or None)
    return made.user_id


async def _own_invitation(call: Call, organization_id: UUID) -> UUID:
    """The caller, who must be a user. Raises NotFound."""
    user_id = call.actor.subject if call.actor.kind == "user" else None
    if user_id is None or await has_accepted(call.db, organization_id, user_id) is None:
        raise NotFound(NO_INVITATION)
    return user_id


def _result(row: wire.InvitedUser, id_: UUID, words: str | None) -> dict[str, object]:
    return {"email": given(row.email, None), "id": str(id_), "errorMsg": words, "success": words is None}


def _name(text: object) -> str:
    name = _text(text)
    if len(name) > MAX_TEXT_CHARACTERS:
        raise ValidationProblem({"": [TOO_LONG.description]})
    return name


def _text(text: object) -> str:
    """A text of the body without white space around it; blank when there is none."""
    return unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else ""
