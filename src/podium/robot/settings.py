"""What an agent must be told: where its server is, who it is, and how much it may do at once."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_FOLDER = Path.home() / ".podium" / "robot"
DEFAULT_SLOTS = 4
DEFAULT_STOP_GRACE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one agent; raises ValueError when they contradict each other.

    `url` is `https://host/{organization}/{tenant}`. Either `machine_key`, or `client_id` and `client_secret`.
    `folder` belongs to one agent at a time. `name` is the host name told to the server, `service_user` the account
    that the session is shown with. Durations are in seconds.
    """

    url: str
    machine_key: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    folder: Path = DEFAULT_FOLDER
    slots: int = DEFAULT_SLOTS
    name: str = field(default_factory=socket.gethostname)
    service_user: str = field(default_factory=getpass.getuser)
    stop_grace_s: float = DEFAULT_STOP_GRACE_S
    heartbeat_s: float = 30.0
    poll_wait_s: float = 25.0
    fallback_poll_s: float = 2.0
    log_flush_s: float = 0.5
    prepare_limit_s: float = 900.0
    goodbye_s: float = 10.0

    def __post_init__(self) -> None:
        # jobs run in folders of their own, where a relative path would name something else
        object.__setattr__(self, "folder", self.folder.expanduser().absolute())
        address = urlsplit(self.url)
        if address.scheme not in {"http", "https"} or not address.netloc:
            raise ValueError("The URL must be http(s)://host/{organization}/{tenant}.")
        if address.username or address.password or address.query or address.fragment:
            raise ValueError("The URL must hold no credentials, query or fragment.")
        if self.machine_key and (self.client_id or self.client_secret):
            raise ValueError("Give a machine key or client credentials, not both.")
        if not self.machine_key and not (self.client_id and self.client_secret):
            raise ValueError("Give a machine key, or a client id together with its secret.")
        if self.slots < 1:
            raise ValueError("At least one slot is needed.")
        if self.stop_grace_s < 0:
            raise ValueError("The stop grace cannot be negative.")

    @property
    def secrets(self) -> frozenset[str]:
        """Values that must reach no job and no log."""
        return frozenset(value for value in (self.machine_key, self.client_secret) if value)

    def inherited(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The agent's environment variables that programs it starts may see: nothing of Podium's own, no secrets."""
        own = ("PODIUM_", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")
        return {
            name: value for name, value in environment.items() if not name.startswith(own) and value not in self.secrets
        }
