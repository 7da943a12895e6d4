"""Where the caller belongs: his organization, and the tenants that he may choose from."""

from __future__ import annotations

from typing import Any

from podium.identity.names import fold
from podium.identity.partitions.actions import name_of
from podium.identity.ports import Tenants
from podium.identity.requests import not_valid
from podium.identity.user_orgs import store
from podium.kernel.call import Call
from podium.kernel.operation import operation


@operation("GET", "/api/UserOrgs/userOrgs")
async def list_organizations(
    call: Call, email: str | None = None, include_non_accepted_invites: str | None = None
) -> list[dict[str, Any]]:
    """The caller's organization, as the one entry: a principal has just one.

    Empty when another person's `email` is named, because nobody learns here where others belong; and while the
    caller's invitation waits, unless such are asked for.
    """
    assert call.organization_id is not None
    wants_invitations = _flag("includeNonAcceptedInvites", include_non_accepted_invites)
    user_id = call.actor.subject if call.actor.kind == "user" else None
    row = await store.of_caller(call.db, call.organization_id, user_id)
    if row is None or (email and fold(email.strip()) not in (row["email_key"], row["user_name_key"])):
        return []
    if not row["is_invitation_accepted"] and not wants_invitations:
        return []
    return [
        {
            "name": row["name"],
            "url": f"{call.public_url}/{row['name']}",
            "globalId": row["id"],
            "friendlyName": row["name"],
            "externalIdentityProviders": [],
            "invitationAccepted": row["is_invitation_accepted"],
        }
    ]


@operation("GET", "/portal_/api/filtering/leftnav/tenantsAndOrganizationInfo")
async def tenants_and_organization(call: Call) -> dict[str, Any]:
    """The organization and its active tenants by name. The command line asks for this right after it signed in."""
    assert call.organization_id is not None
    tenants = await call.port(Tenants).of_organization(call.organization_id)
    return {
        "tenants": [{"name": one.name, "id": one.key} for one in tenants],
        "organization": {"id": call.organization_id, "name": await name_of(call.db, call.organization_id)},
    }


def _flag(name: str, text: str | None) -> bool:
    known = {"": False, "false": False, "true": True}.get((text or "").strip().lower())
    if known is None:
        raise not_valid(name, text or "")
    return known
