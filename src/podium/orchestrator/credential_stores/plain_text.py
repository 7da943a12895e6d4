"""The two types whose secrets the operator lays beside the server: environment variables and files.

A credential is either a JSON object with `Username` and `Password`, or two lines: the user name, the password. A secret
is the whole text. In both, one line break at the end does not count.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from podium.orchestrator.credential_stores.types import Denied, Entry, NotThere, Place, Secret

MAX_BYTES = 64 * 1024
FILE_NAME = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9_@ .-]{0,127}", re.ASCII)
NOT_IN_VARIABLE = re.compile(r"[^A-Za-z0-9]+", re.ASCII)


def secret_of(text: str, *, has_user: bool) -> Secret:
    """The secret of a text. Raises Denied for a credential in neither form."""
    text = text.removesuffix("\n").removesuffix("\r")
    if not has_user:
        return Secret(None, text)
    found = _of_json(text) or _of_lines(text)
    if found is None:
        raise Denied("It is neither JSON with Username and Password nor two lines.")
    return found


def _of_json(text: str) -> Secret | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    members = {name.casefold(): value for name, value in said.items()}
    user, password = members.get("username"), members.get("password")
    return Secret(user, password) if isinstance(user, str) and isinstance(password, str) else None


def _of_lines(text: str) -> Secret | None:
    lines = text.split("\n")
    return Secret(lines[0].removesuffix("\r"), lines[1]) if len(lines) == 2 else None


class EnvironmentVariables:
    """Names mean variables: the operator's prefix, the tenant, two underscores, the name; in capitals, `_` for the rest.

    `Acme` and `Mail box` with the prefix `VAULT_` are `VAULT_ACME__MAIL_BOX`. No other variable is ever read.
    """

    name = "Environment"
    entries: Sequence[Entry] = ()

    def __init__(self, prefix: str, environment: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._environment = environment

    def check(self, values: Mapping[str, str]) -> None:
        """There is nothing to configure."""

    async def read(self, place: Place, name: str, *, has_user: bool) -> Secret:
        text = self._environment.get(self.variable(place.tenant, name))
        if text is None:
            raise NotThere(f"There is no {name}.")
        return secret_of(text, has_user=has_user)

    def variable(self, tenant: str, name: str) -> str:
        """The variable of a name. Raises NotThere for one of which nothing would remain."""
        parts = [NOT_IN_VARIABLE.sub("_", part).strip("_").upper() for part in (tenant, name)]
        if not all(parts):
            raise NotThere(f"There is no {name}.")
        return f"{self._prefix}{parts[0]}__{parts[1]}"


class SecretFiles:
    """Names mean files in the tenant's folder below the operator's. What leads out of that folder is not read."""

    name = "Files"
    entries: Sequence[Entry] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, values: Mapping[str, str]) -> None:
        """There is nothing to configure."""

    async def read(self, place: Place, name: str, *, has_user: bool) -> Secret:
        text = await asyncio.to_thread(self._text, place.tenant, name)
        return secret_of(text, has_user=has_user)

    def _text(self, tenant: str, name: str) -> str:
        missing = NotThere(f"There is no {name}.")
        if not FILE_NAME.fullmatch(tenant) or not FILE_NAME.fullmatch(name):
            raise missing
        folder = self._folder / tenant
        try:
            # mounted secrets are links within their folder, so that links are followed, but not out of it
            path = (folder / name).resolve(strict=True)
            if not path.is_relative_to(folder.resolve(strict=True)) or not path.is_file():
                raise missing
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise Denied(f"It has more than {MAX_BYTES} bytes.")
            return content.decode("utf-8")
        except FileNotFoundError:
            raise missing from None
        except (OSError, RuntimeError):  # a circle of links is a RuntimeError
            raise Denied("The file cannot be read.") from None
        except UnicodeDecodeError:
            raise Denied("The file is not UTF-8.") from None
