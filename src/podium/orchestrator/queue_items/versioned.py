"""Bulk calls over items that are named with the version that the caller has read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from podium import wire
from podium.kernel.call import Call, given
from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.queue_items import review_rules, store_changes
from podium.orchestrator.queue_items.review_rules import Fault, Held, Sorted
from podium.orchestrator.queue_items.store_changes import Author

MOST_ITEMS = 10_000


def versions(items: Sequence[wire.LongVersionedEntity] | None) -> dict[int, int | None]:
    """What a body names: id -> version, None where it does not say one. Raises BadRequest that names the member."""
    if items is None:
        raise BadRequest("queueItems is required.", Code.PARAMETER_MISSING)
    if len(items) > MOST_ITEMS:
        raise BadRequest(f"queueItems: at most {MOST_ITEMS} items in one call.", Code.INVALID_ARGUMENT)
    found: dict[int, int | None] = {}
    for at, each in enumerate(items):
        id_ = given(each.id, None)
        if id_ is None:
            raise BadRequest(f"queueItems[{at}].Id is required.", Code.PARAMETER_MISSING)
        found[id_] = review_rules.row_version(given(each.row_version, None), f"queueItems[{at}].RowVersion")
    return found


async def sort(call: Call, asked: dict[int, int | None], rule: Callable[[Held], bool | Fault]) -> Sorted:
    """The folder's items among them, locked, and what the rule says of each."""
    held = await store_changes.to_change(call.db, call.tenant_id, call.folder_id, asked)
    return review_rules.sort(asked, held, {item.id: rule(item) for item in held})


def answer(asked: dict[int, int | None], found: Sorted) -> wire.BulkOperationResponseDtoOfInt64:
    """What the caller is told: the ids of the items that were left as they are."""
    return wire.BulkOperationResponseDtoOfInt64(
        success=not found.faults,
        message=review_rules.message(found.faults, len(asked)),
        failed_items=list(found.faults),
    )


def author(call: Call) -> Author:
    """Who makes the change, for the history."""
    return Author(call.actor.user_id, call.actor.client_id if call.actor.kind == "application" else None)
