"""Items reviewed: status, reviewer, retry by hand."""

from __future__ import annotations

from typing import Any

import pytest

from .stored import ITEMS, SVC, UNKNOWN, Stored

Json = dict[str, Any]
STATUS = f"{ITEMS}/{SVC}.SetItemReviewStatus"
REVIEWER = f"{ITEMS}/{SVC}.SetItemReviewer"
NOBODY = f"{ITEMS}/{SVC}.UnsetItemReviewer"


def these(*ids: int) -> list[Json]:
    return [{"Id": id_} for id_ in ids]


async def review(api: Any, folder: Any, status: str, *ids: int) -> Json:
    answer: Json = await api.post(STATUS, {"status": status, "queueItems": these(*ids)}, folder=folder, expect=200)
    return answer


class TestSetItemReviewStatus:
    async def test_200_goes_the_steps_and_refuses_others(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue, state="Failed")
        for status, is_allowed in (
            *(("InReview", True), ("inreview", True), ("None", True), ("Verified", True)),
            *(("Retried", False), ("None", False), ("1", True), ("Retried", True), ("InReview", False)),
        ):
            answer = await review(api, folder, status, id_)
            assert (answer["Success"], answer["FailedItems"]) == (is_allowed, [] if is_allowed else [id_]), status

    @pytest.mark.parametrize("state", ["New", "InProgress", "Successful", "Retried", "Deleted"])
    async def test_200_leaves_items_that_did_not_fail(
        self, api: Any, stored: Stored, queue: Json, folder: Any, state: str
    ) -> None:
        failed, other = await stored.item(queue, state="Abandoned"), await stored.item(queue, state=state)
        answer = await review(api, folder, "Verified", failed, other)
        assert (answer["Success"], answer["FailedItems"]) == (False, [other])
        assert "1 in a state that does not allow it" in answer["Message"]
        assert (await stored.shown(failed, folder))["ReviewStatus"] == "Verified"

    async def test_200_leaves_what_has_changed_since(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        id_ = await stored.item(queue, state="Failed")
        read = await stored.shown(id_, folder)
        await review(api, folder, "InReview", id_)
        body = {"Status": "Verified", "QueueItems": [{"Id": id_, "RowVersion": read["RowVersion"]}]}
        assert (await api.post(STATUS, body, folder=folder))["FailedItems"] == [id_]
        now = (await stored.shown(id_, folder))["RowVersion"]
        body["QueueItems"] = [{"Id": id_, "RowVersion": now}]
        assert (await api.post(STATUS, body, folder=folder))["Success"] is True

    @pytest.mark.parametrize("exception", ["BusinessException", "ApplicationException", None])
    @pytest.mark.parametrize("state", ["Failed", "Abandoned"])
    async def test_200_retries_by_hand_whatever_the_failure_was(
        self, api: Any, stored: Stored, queue: Json, folder: Any, state: str, exception: str | None
    ) -> None:
        content = {"Customer": "Acme"}
        id_ = await stored.item(queue, content, state=state, exception_type=exception, retry_number=2, reference="A-1")
        assert (await review(api, folder, "Retried", id_))["Success"] is True
        was = await stored.shown(id_, folder)
        assert (was["Status"], was["ReviewStatus"]) == ("Retried", "Retried")
        page = await api.get(ITEMS, folder=folder, params={"$filter": f"Key eq {was['Key']} and Status eq 'New'"})
        (item,) = page["value"]
        assert (item["ManualAncestorId"], item["ManualAncestorUniqueKey"]) == (id_, was["UniqueKey"])
        assert (item["ManualRetryNumber"], item["RetryNumber"]) == (was["ManualRetryNumber"] + 1, 0)
        assert (item["SpecificContent"], item["Reference"], item["ReviewStatus"]) == (content, "A-1", "None")
        assert (item["ProcessingExceptionType"], item["EndProcessing"]) == (None, None)

    async def test_200_retries_a_sealed_item_and_one_whose_reference_is_unique(
        self, api: Any, stored: Stored, folder: Any
    ) -> None:
        queue = await stored.queue(folder, Encrypted=True, EnforceUniqueReference=True)
        add = {"itemData": {"Name": "Orders", "Reference": "A-1", "SpecificContent": {"Pin": "4711"}}}
        made = await api.post(f"/odata/Queues/{SVC}.AddQueueItem", add, folder=folder)
        await api.node.rows("UPDATE orchestrator.queue_items SET state = 4 WHERE id = $1", made["Id"])
        assert (await review(api, folder, "Retried", made["Id"]))["Success"] is True
        page = await api.get(ITEMS, folder=folder, params={"$filter": f"QueueDefinitionId eq {queue['Id']}"})
        assert [item["Status"] for item in page["value"]] == ["Retried", "New"]
        assert [item["SpecificContent"] for item in page["value"]] == [{"Pin": "4711"}] * 2

    async def test_200_for_no_items(self, api: Any, folder: Any) -> None:
        assert (await review(api, folder, "Retried"))["FailedItems"] == []

    async def test_200_leaves_items_of_other_folders(
        self, api: Any, stored: Stored, queue: Json, folder: Any, given: Any
    ) -> None:
        id_ = await stored.item(queue, state="Failed")
        answer = await review(api, await given.folder("Other"), "Verified", id_, UNKNOWN)
        assert answer["FailedItems"] == [id_, UNKNOWN]
        assert (await stored.shown(id_, folder))["ReviewStatus"] == "None"

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({"queueItems": []}, "status"),
            ({"status": "Reviewed", "queueItems": []}, "status"),
            ({"status": "Verified"}, "queueItems"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, folder: Any, body: Json, named: str) -> None:
        assert named in (await api.post(STATUS, body, folder=folder, expect=400))["message"]


class TestSetItemReviewer:
    async def test_200_begins_the_review(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        reviewer = await api.as_role("Folder Administrator", folder=folder)
        ids = [await stored.item(queue, state=state) for state in ("Failed", "Abandoned")]
        answer = await api.post(REVIEWER, {"userId": reviewer.user_id, "queueItems": these(*ids)}, folder=folder)
        assert answer["Success"] is True
        page = await api.get(f"{ITEMS}?$expand=ReviewerUser", folder=folder)
        for item in page["value"]:
            assert (item["ReviewerUserId"], item["ReviewStatus"]) == (reviewer.user_id, "InReview")
            assert item["ReviewerUser"]["UserName"] == reviewer.user_name

    async def test_200_keeps_a_status_that_is_there(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        id_ = await stored.item(queue, state="Failed")
        await review(api, folder, "Verified", id_)
        await api.post(REVIEWER, {"userId": api.user_id, "queueItems": these(id_)}, folder=folder)
        item = await stored.shown(id_, folder)
        assert (item["ReviewStatus"], item["ReviewerUserId"]) == ("Verified", api.user_id)

    @pytest.mark.parametrize("path", [REVIEWER, NOBODY])
    async def test_200_without_a_user_takes_the_reviewer_away(
        self, api: Any, stored: Stored, queue: Json, folder: Any, path: str
    ) -> None:
        id_ = await stored.item(queue, state="Failed")
        await api.post(REVIEWER, {"userId": api.user_id, "queueItems": these(id_)}, folder=folder)
        answer = await api.post(path, {"userId": None, "queueItems": these(id_)}, folder=folder)
        assert answer["Success"] is True
        item = await stored.shown(id_, folder)
        assert (item["ReviewStatus"], item["ReviewerUserId"]) == ("InReview", None)

    async def test_200_leaves_items_that_cannot_be_reviewed(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        new, failed = await stored.item(queue), await stored.item(queue, state="Failed")
        answer = await api.post(REVIEWER, {"userId": api.user_id, "queueItems": these(new, failed)}, folder=folder)
        assert answer["FailedItems"] == [new]

    async def test_400_for_who_may_not_review_here(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        id_ = await stored.item(queue, state="Failed")
        stranger = await api.as_role(folder=folder)
        for user_id in (stranger.user_id, UNKNOWN):
            body = {"userId": user_id, "queueItems": these(id_)}
            refusal = await api.post(REVIEWER, body, folder=folder, expect=400)
            assert "userId" in refusal["message"]
        assert (await stored.shown(id_, folder))["ReviewStatus"] == "None"
