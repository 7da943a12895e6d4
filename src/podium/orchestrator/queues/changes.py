"""From the members of a queue's body to what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from podium import wire
from podium.kernel.call import given
from podium.orchestrator import tags
from podium.orchestrator.queues import rules, schemas
from podium.orchestrator.queues.rules import Asked, Policy

DEFAULTS: Mapping[str, Any] = {
    "has_unique_references": False,
    "is_encrypted": False,
    "is_retried_when_abandoned": False,
    "tags": "[]",
}


def asked(body: wire.QueueDefinitionDto, base: Mapping[str, Any]) -> Asked:
    """What the body asks for; what is settled for good, and what not every client knows, stays as in `base`.

    Raises BadRequest that names the member.
    """
    sla_minutes, risk_sla_minutes = given(body.sla_in_minutes, 0), given(body.risk_sla_in_minutes, 0)
    rules.check_times(sla_minutes, risk_sla_minutes)
    name = rules.clean_name(given(body.name, ""))
    return Asked(
        name=name,
        name_key=rules.name_key(name),
        description=given(body.description, None),
        max_retries=given(body.max_number_of_retries, 0),
        is_retried_automatically=given(body.accept_automatically_retry, default=False),
        is_retried_when_abandoned=given(body.retry_abandoned_items, base["is_retried_when_abandoned"]),
        has_unique_references=given(body.enforce_unique_reference, base["has_unique_references"]),
        is_encrypted=given(body.encrypted, base["is_encrypted"]),
        sla_minutes=sla_minutes,
        risk_sla_minutes=risk_sla_minutes,
        process_id=given(body.release_id, 0) or None,
        content_schema=schemas.checked(given(body.specific_data_json_schema, None), rules.SCHEMA_MEMBERS[0]),
        output_schema=schemas.checked(given(body.output_data_json_schema, None), rules.SCHEMA_MEMBERS[1]),
        analytics_schema=schemas.checked(given(body.analytics_data_json_schema, None), rules.SCHEMA_MEMBERS[2]),
        tags=base["tags"] if body.tags is msgspec.UNSET else tags.stored(body.tags),
    )


def policies(body: wire.QueueDefinitionDto) -> list[Policy]:
    """What the body says of old items; nothing of a kind that it does not speak of. Raises BadRequest."""
    members = (
        ("Final", "Retention", body.retention_action, body.retention_period, body.retention_bucket_id),
        (
            "Stale",
            "StaleRetention",
            body.stale_retention_action,
            body.stale_retention_period,
            body.stale_retention_bucket_id,
        ),
    )
    return [
        rules.policy(kind, given(action, "Delete"), given(days, None), given(bucket, None), prefix=prefix)
        for kind, prefix, action, days, bucket in members
        if given(action, None) is not None or given(days, None) is not None
    ]
