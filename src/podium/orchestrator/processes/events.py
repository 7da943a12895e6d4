"""Payloads of process.created, process.updated and process.deleted."""

from __future__ import annotations

import asyncpg

from podium.orchestrator.jobs.rules import band


def releases(row: asyncpg.Record) -> dict[str, object]:
    """The payload for one process; the wire has a list."""
    release = {
        "Id": row["id"],
        "Key": row["key"],
        "Name": row["name"],
        "ProcessKey": row["package_id"],
        "ProcessVersion": row["package_version"],
        "Description": row["description"],
        "EntryPointPath": row["start_path"],
        "AutoUpdate": row["is_auto_update"],
        "JobPriority": band(row["priority"]),
        "SpecificPriorityValue": row["priority"],
        "FeedId": row["feed_id"],
    }
    return {"Releases": [{name: value for name, value in release.items() if value is not None}]}
