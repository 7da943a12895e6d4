"""Makes the next signing key in time."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.keys import actions
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.kernel.loops import Loop


def loops(keyring: Keyring) -> list[Loop]:
    """The loops of this area; keys are sealed by the keyring."""

    async def rotate(db: Connection, now: datetime) -> int:
        return int(await actions.rotate(db, keyring, now))

    return [Loop("keys.rotate", every=timedelta(hours=1), turn=rotate)]
