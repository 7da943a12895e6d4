"""What happened to items."""

from __future__ import annotations

from typing import Any

from podium.identity.issuer import Issuer
from podium.orchestrator.access import actions as access
from podium.orchestrator.access.resolver import AccessResolver, application_principal

from .stored import ITEMS, ODATA, SVC, UNKNOWN, Stored

Json = dict[str, Any]
EVENTS = "/odata/QueueItemEvents"


def history(item_id: int) -> str:
    return f"{EVENTS}/{ODATA}.GetQueueItemEventsHistory(queueItemId={item_id})"


async def failed_once(api: Any, folder: Any) -> int:
    """An item of the queue Orders that was added, taken and failed for good."""
    add = {"itemData": {"Name": "Orders", "SpecificContent": {"n": 1}}}
    made = await api.post(f"/odata/Queues/{SVC}.AddQueueItem", add, folder=folder)
    await api.post(f"/odata/Queues/{SVC}.StartTransaction", {"transactionData": {"Name": "Orders"}}, folder=folder)
    result = {"IsSuccessful": False, "ProcessingException": {"Reason": "bad", "Type": "BusinessException"}}
    path = f"/odata/Queues({made['Id']})/{SVC}.SetTransactionResult"
    await api.post(path, {"transactionResult": result}, folder=folder)
    return int(made["Id"])


class TestHistory:
    async def test_200_of_every_attempt_in_the_order_of_what_happened(self, api: Any, queue: Json, folder: Any) -> None:
        first = await failed_once(api, folder)
        items = [{"Id": first}]
        await api.post(f"{ITEMS}/{SVC}.SetItemReviewer", {"userId": api.user_id, "queueItems": items}, folder=folder)
        await api.post(f"{ITEMS}/{SVC}.SetItemReviewStatus", {"status": "Retried", "queueItems": items}, folder=folder)
        page = await api.get(f"{ITEMS}?$orderby=Id desc&$top=1", folder=folder)
        second = page["value"][0]["Id"]
        await api.put(f"{ITEMS}({second})", {"Progress": "checked"}, folder=folder)
        await api.delete(f"{ITEMS}({second})", folder=folder)
        events = (await api.get(history(first), folder=folder))["value"]
        told = [(event["QueueItemId"], event["Action"], event["Status"]) for event in events]
        assert told[:2] == [(first, "Create", "New"), (first, "Status", "InProgress")]
        assert (first, "Status", "Failed") in told
        assert (first, "Edit", "Failed") in told
        assert (first, "Status", "Retried") in told
        assert (second, "Retry", "New") in told
        assert told[-2:] == [(second, "Edit", "New"), (second, "Delete", "Deleted")]
        review = next(event for event in events if (event["Action"], event["Status"]) == ("Edit", "Failed"))
        assert (review["ReviewStatus"], review["ReviewerUserId"]) == ("InReview", api.user_id)
        assert (review["ReviewerUserName"], review["UserName"], review["UserId"]) == ("admin", "admin", api.user_id)
        assert review["ExternalClientId"] is None
        assert (await api.get(history(second), folder=folder))["value"] == events

    async def test_200_never_shows_the_content_of_an_edit(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue)
        await api.put(f"{ITEMS}({id_})", {"SpecificContent": {"Pin": "fern-and-moss"}}, folder=folder)
        answer = await api.request("GET", history(id_), folder=folder)
        assert "SpecificContent" in answer.text
        assert "fern-and-moss" not in answer.text

    async def test_200_names_the_application_that_made_a_change(
        self, api: Any, stored: Stored, queue: Json, folder: Any, node: Any
    ) -> None:
        id_ = await stored.item(queue)
        client = await node.make_client(node.organization_id, ["OR.Queues"])
        async with node.db.transaction() as db:
            principal, now = application_principal(client.client_id), node.clock()
            type_ = "DirectoryExternalApplication"
            user_id = await access.make_user(db, api.tenant_id, principal, client.name, "", now, type_=type_)
            await access.join_folder(db, api.tenant_id, folder["Id"], user_id, ["Folder Administrator"], now)
        node.port(AccessResolver).forget()
        application = api.bearer(node.port(Issuer).issue_application_token(client, ["OR.Queues"], node.clock()))
        await application.delete(f"{ITEMS}({id_})", folder=folder, expect=204)
        (event,) = (await api.get(history(id_), folder=folder))["value"]
        assert (event["UserId"], event["UserName"]) == (user_id, client.name)
        assert event["ExternalClientId"] == client.client_id

    async def test_404_for_an_item_that_the_folder_does_not_show(
        self, api: Any, stored: Stored, queue: Json, folder: Any, given: Any
    ) -> None:
        id_ = await stored.item(queue)
        await api.get(history(id_), folder=await given.folder("Elsewhere"), expect=404)
        await api.get(history(UNKNOWN), folder=folder, expect=404)


class TestListEvents:
    async def test_200_of_the_folder_with_the_options(self, api: Any, queue: Json, folder: Any, given: Any) -> None:
        id_ = await failed_once(api, folder)
        page = await api.get(f"{EVENTS}?$filter=Action eq 'Create' and Status eq 'New'&$count=true", folder=folder)
        assert ([event["QueueItemId"] for event in page["value"]], page["@odata.count"]) == ([id_], 1)
        assert "@odata.count" not in await api.get(f"{EVENTS}?$top=1", folder=folder)
        assert (await api.get(EVENTS, folder=await given.folder("Elsewhere")))["value"] == []

    async def test_200_for_one_and_404_from_another_folder(
        self, api: Any, queue: Json, folder: Any, given: Any
    ) -> None:
        await failed_once(api, folder)
        event = (await api.get(EVENTS, folder=folder))["value"][0]
        one = await api.get(f"{EVENTS}({event['Id']})", folder=folder)
        assert {name: one[name] for name in event} == event
        await api.get(f"{EVENTS}({event['Id']})", folder=await given.folder("Elsewhere"), expect=404)
