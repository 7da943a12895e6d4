"""A table is changed by its own area only.

Whoever reads an area must be able to see everything that can happen to its rows; a change from elsewhere goes through
the area's `actions`. The audit trail and the outbox are written by every hot statement (one statement is one
transaction), so they are free.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.checks.source import Fault, Source, line_of

RULE = "writes"
CONTEXTS = ("src/podium/identity", "src/podium/orchestrator")
FREE = frozenset({"kernel.audit", "kernel.outbox"})
WRITE = re.compile(
    r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?"
    r"((?:kernel|identity|orchestrator|public)\.\w+)",
    re.IGNORECASE,
)

# Table -> areas. Memberships and assignments lie between two areas and belong to both.
OWNERS: dict[str, frozenset[str]] = {
    f"{schema}.{table}": frozenset(areas.split())
    for schema, tables in {
        "identity": {
            "access_policy": "access_policy",
            "organizations": "partitions",
            "users": "users",
            "login_attempts": "users",
            "groups": "groups",
            "group_members": "groups",
            "clients": "clients",
            "client_secrets": "clients",
            "signing_keys": "keys",
            "refresh_families": "tokens",
            "refresh_tokens": "tokens",
            "revocations": "tokens",
            "personal_tokens": "personal_tokens",
            "password_history": "users",
            "known_addresses": "users",
            "address_budgets": "users",
            "robot_accounts": "robot_accounts",
            "settings": "settings",
            "message_templates": "message_templates",
            "mails": "mails",
            "sessions": "sessions",
            "authorization_codes": "oidc",
            "consents": "oidc",
            "device_grants": "oidc",
            "links": "links",
            "reset_requests": "recovery",
            "totp": "second_factors",
            "passkeys": "second_factors",
            "recovery_codes": "second_factors",
            "saml_certificates": "saml_certificates",
        },
        "orchestrator": {
            "tenants": "access tenants",
            "users": "access users",
            "roles": "access roles",
            "user_roles": "access users roles",
            "folder_members": "access folders",
            "folder_member_roles": "access folders",
            "folders": "folders personal_workspaces",
            "settings": "settings",
            "user_settings": "settings",
            "feeds": "packages",
            "packages": "packages",
            "entry_points": "packages",
            "processes": "processes",
            "process_versions": "processes",
            "machines": "machines",
            "machine_folders": "machines folders",
            "machine_robots": "machines",
            "robots": "robots",
            "sessions": "sessions presence",
            "session_beats": "sessions presence",
            "jobs": "jobs",
            "job_history": "jobs",
            "job_snapshots": "jobs",
            "job_triggers": "jobs job_triggers",
            "assets": "assets",
            "asset_folders": "assets",
            "asset_values": "assets",
            "queues": "queues",
            "queue_folders": "queues",
            "queue_retention": "queues",
            "queue_items": "queue_items",
            "queue_item_contents": "queue_items",
            "queue_item_secrets": "queue_items",
            "queue_item_events": "queue_items",
            "queue_item_comments": "queue_items",
            "queue_used_references": "queue_items",
            "buckets": "buckets",
            "bucket_folders": "buckets",
            "bucket_files": "buckets",
            "bucket_leftovers": "buckets",
            "credential_stores": "credential_stores",
            "credential_store_defaults": "credential_stores",
            "attachments": "attachments",
            "job_attachments": "attachments",
            "robot_logs": "logs",
            "exports": "exports",
        },
    }.items()
    for table, areas in tables.items()
}


def area_of(path: PurePosixPath) -> str:
    """The folder below the context; for a file right in the context its own name."""
    return path.parts[3].removesuffix(".py")


def check(source: Source) -> Iterator[Fault]:
    """INSERT, UPDATE and DELETE on tables of other areas."""
    if not source.is_in(*CONTEXTS):
        return
    area = area_of(source.path)
    for text in source.strings:
        for match in WRITE.finditer(text.text):
            table = match[1].lower()
            if table in FREE or area in OWNERS.get(table, ()):
                continue
            if table in OWNERS:
                message = f"{table} belongs to {' and '.join(sorted(OWNERS[table]))}: use their actions"
            else:
                message = f"{table} has no owner yet: name its area in tools/checks/writes.py"
            yield source.fault(line_of(text, match.start()), RULE, message)
