"""Operations of the people who look into items that failed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from podium import wire
from podium.kernel.call import Call, given
from podium.kernel.errors import BadRequest, Code
from podium.kernel.keyring import Keyring
from podium.kernel.operation import operation
from podium.orchestrator.queue_items import actions, reads, review_rules, store_changes, versioned
from podium.orchestrator.queue_items.review_rules import Review


@operation("POST", "/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus")
async def set_review_status(
    call: Call, body: wire.QueueSetItemReviewStatusRequest
) -> wire.BulkOperationResponseDtoOfInt64:
    """Items that cannot have the status are told; the others have it. `Retried` makes a new attempt of each."""
    status = given(body.status, None)
    if status is None:
        raise BadRequest("status is required.", Code.PARAMETER_MISSING)
    target = review_rules.review_named(status)
    asked = versioned.versions(given(body.queue_items, None))
    found = await versioned.sort(call, asked, partial(review_rules.reviews, target=target))
    await give_status(call, found.to_change, target)
    call.describe("Update", entity_id=",".join(map(str, found.to_change)), name=target.name)
    return versioned.answer(asked, found)


async def give_status(call: Call, ids: Sequence[int], target: Review) -> None:
    """The items, locked and fit for it, have the review status; `Retried` makes a new attempt of each."""
    author = versioned.author(call)
    if target is not Review.RETRIED:
        await store_changes.review(call.db, call.tenant_id, ids, target, author, call.now)
    elif ids:
        await actions.retry_by_hand(call.db, call.port(Keyring), call.tenant_id, ids, call.now, **author._asdict())


@operation("POST", "/odata/QueueItems/UiPathODataSvc.SetItemReviewer")
async def set_reviewer(call: Call, body: wire.QueueSetItemReviewerRequest) -> wire.BulkOperationResponseDtoOfInt64:
    """Who reviews the items, null for nobody; it must be one of those that GetReviewers tells."""
    user_id = given(body.user_id, None)
    if user_id is not None and user_id not in await reads.reviewer_ids(call):
        raise BadRequest("userId: not a user that may review items of this folder.", Code.INVALID_ARGUMENT)
    return await _assign(call, versioned.versions(given(body.queue_items, None)), user_id)


@operation("POST", "/odata/QueueItems/UiPathODataSvc.UnsetItemReviewer")
async def unset_reviewer(call: Call, body: wire.QueueUnsetItemReviewerRequest) -> wire.BulkOperationResponseDtoOfInt64:
    """Nobody reviews the items any more."""
    return await _assign(call, versioned.versions(given(body.queue_items, None)), None)


async def _assign(
    call: Call, asked: dict[int, int | None], user_id: int | None
) -> wire.BulkOperationResponseDtoOfInt64:
    found = await versioned.sort(call, asked, review_rules.takes_reviewer)
    author = versioned.author(call)
    await store_changes.set_reviewer(call.db, call.tenant_id, found.to_change, user_id, author, call.now)
    call.describe("Assign", entity_id=",".join(map(str, found.to_change)))
    return versioned.answer(asked, found)
