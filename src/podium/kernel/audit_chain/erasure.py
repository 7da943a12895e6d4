"""What may leave the audit trail, and how the chain goes on to verify: names of a person, and old rows.

Both are signed, so that whoever changes the database by himself cannot pass it off as one of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from podium.kernel.audit_chain import rules, store
from podium.kernel.audit_chain.rules import Erasure
from podium.kernel.audit_chain.sealing import add_checkpoint
from podium.kernel.audit_chain.signing import Signer
from podium.kernel.db import Connection

ERASED = "[erased]"


async def erase_subject(db: Connection, signer: Signer, subject: UUID, now: datetime) -> int:
    """Take a person's names and details out of every row that he caused or that is about him; how many rows.

    His id stays: it is a pseudonym, and what was done by one and the same person stays visible. In the caller's
    transaction. Rows that are committed later, by calls that are under way, are not found: end his sessions before.
    """
    await store.lock(db)
    rows = await store.of_subject(db, subject)
    for row in rows:
        is_about = row["entity_id"] == str(subject)
        after: dict[str, Any] = {
            "actor_name": ERASED if row["actor_id"] == subject else row["actor_name"],
            "entity_name": ERASED if is_about and row["entity_name"] is not None else row["entity_name"],
            "detail": None,
        }
        key = (row["tenant_id"], row["executed_at"], row["id"])
        await store.erase(db, key, after["actor_name"], after["entity_name"], after["detail"])
        if row["seq"] is None:
            continue  # not sealed yet: it will be, as it stands now
        new = Erasure(row["id"], row["seq"], rules.personal_hash(after, b""), now, signer.kid)
        await store.put_erasure(db, new._replace(signature=signer.sign(new.statement)))
    return len(rows)


async def remove_before(db: Connection, signer: Signer, before: datetime, now: datetime) -> int:
    """Let audit rows from before an instant go: they may be deleted (as whole partitions) after this commit.

    Signs a checkpoint that says so and deletes the links that lead to such rows only; how many links the chain begins
    later by. Links in between stay, so that the chain has no hole. In the caller's transaction.
    """
    await store.lock(db)
    head, last = await store.head(db), await store.last_checkpoint(db)
    if head is None or head.seq == 0:
        return 0
    await add_checkpoint(db, signer, head.seq, head.chain_hash, last, now, before)
    until = await store.removable(db, before, head.seq + 1)
    if until is None:
        return 0
    await store.delete_links(db, until)
    return until
