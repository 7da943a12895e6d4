"""What other areas do with sessions: the robot protocol opens, changes and closes them."""

from __future__ import annotations

from podium.orchestrator.sessions.store import Host, attach_robot, close, hosts_of_machine, open_session

__all__ = ["Host", "attach_robot", "close", "hosts_of_machine", "open_session"]
