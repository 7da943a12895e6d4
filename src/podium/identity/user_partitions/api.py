"""Operations of the tag UserPartition. A user is in one organization from creation to deletion."""

from __future__ import annotations

from uuid import UUID

from podium.identity.requests import guid, paged, paging, partition
from podium.identity.user_partitions.entity import PARTITIONS_OF_USER
from podium.identity.users.actions import find_user
from podium.identity.users.entity import FOUND, LICENSED_USERS, ONE, SORTABLE, USERS
from podium.identity.users.rules import User
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import NotFound, ValidationProblem
from podium.kernel.odata.fetch import fetch_page
from podium.kernel.operation import operation
from podium.wire import identity as wire

NO_USER = "The user does not exist."
ONE_ORGANIZATION = "A user belongs to one organization and cannot leave it; delete the user instead."


@operation("GET", "/api/UserPartition/users/{partitionGlobalId}")
async def list_users(call: Call, partition_global_id: str) -> Reply:
    """A page of the organization's users; the same as `GET /api/User/users/{partitionGlobalId}`."""
    organization_id = partition(call, partition_global_id)
    asked = paging(call, SORTABLE)
    return paged(await fetch_page(call.db, USERS, asked.options, FOUND, [organization_id, asked.search]))


@operation("GET", "/portal_/api/identity/UserPartition/licenses")
async def list_licensed_users(call: Call) -> Reply:
    """The same with what the portal wants to know of licences."""
    organization_id = partition(call, _queried(call, "partitionGlobalId") or None)
    asked = paging(call, SORTABLE)
    return paged(await fetch_page(call.db, LICENSED_USERS, asked.options, FOUND, [organization_id, asked.search]))


@operation("GET", "/api/UserPartition/partitions/{userId}")
async def list_partitions(call: Call, user_id: str) -> Reply:
    """The one organization of a user."""
    id_ = guid("userId", user_id)
    asked = paging(call, ())
    await _user(call, id_)
    return paged(await fetch_page(call.db, PARTITIONS_OF_USER, asked.options, ONE, [call.organization_id, id_]))


@operation("POST", "/api/UserPartition")
async def join_partition(call: Call, body: wire.CreateUserPartitionCommand) -> None:
    """Nothing to do: every user of the organization belongs to it."""
    partition(call, body.partition_global_id)
    id_ = given(body.user_id, UUID(int=0))
    if not id_.int:
        raise ValidationProblem({"UserId": ["The UserId field is required."]})
    user = await _user(call, id_)
    call.describe("Update", component="User", entity_id=str(id_), name=user.user_name)


@operation("DELETE", "/api/UserPartition")
async def leave_partition(call: Call) -> None:
    """Refused: it would leave the user in no organization at all."""
    partition(call, _queried(call, "partitionGlobalId") or None)
    await _user(call, guid("userId", _queried(call, "userId")))
    raise ValidationProblem({"userId": [ONE_ORGANIZATION]})


async def _user(call: Call, id_: UUID) -> User:
    user = await find_user(call.db, partition(call, None), id_)
    if user is None:
        raise NotFound(NO_USER)
    return user


def _queried(call: Call, name: str) -> str:
    """A parameter of the query without regard to the case of its name; blank without one."""
    return next((text.strip() for key, text in call.query.items() if key.lower() == name.lower()), "")
