"""Whether another try may be made, and what a wrong one leaves behind.

The right password sets the count of wrong passwords back, so codes are counted by themselves: from the record of tries,
which all nodes share.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.users.rules import Attempt, Lockout, LoginResult, User, is_locked
from podium.identity.users.sign_in import store as tries
from podium.kernel.db import Connection

CLIENT = "Second factor"
"""What the record of tries names as the place of a try with a code."""

MOST_WRONG = 10
WINDOW = timedelta(minutes=10)

# Nothing else waits for this lock, so it may be held while the rows of sign_in/store.py are locked in their order.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('identity.proving:' || $1::text, 0))"

WRONG_SINCE = """
SELECT count(*) FROM (
  SELECT FROM identity.login_attempts
   WHERE organization_id = $1 AND user_id = $2 AND client_name = $3 AND created_at > $4 AND result <> 0
   ORDER BY id DESC LIMIT $5) AS wrong
"""

NOT_COUNTED = Lockout(is_enabled=False)
"""A wrong code does not close the account for passwords: who has none of the codes could close it for good."""


async def may_prove(db: Connection, user: User, now: datetime) -> bool:
    """Whether a code may be looked at: fewer than ten wrong ones in ten minutes, and the account is not locked.

    Other tries of the user wait until the transaction ends, in which a wrong one is to be recorded: of many at once no
    more than ten are looked at.
    """
    if is_locked(user.locked_until, now):
        return False
    await db.execute(ONE_AT_A_TIME, str(user.id))
    wrong: int = await db.fetchval(WRONG_SINCE, user.organization_id, user.id, CLIENT, now - WINDOW, MOST_WRONG)
    return wrong < MOST_WRONG


async def failed_proof(db: Connection, user: User, attempt: Attempt, now: datetime) -> None:
    """Record a wrong code, in the transaction that looked at it."""
    attempt = attempt._replace(client_name=CLIENT)
    result = LoginResult.INVALID_PASSWORD
    await tries.failed(db, user.organization_id, user.id, attempt, result, NOT_COUNTED, now)
