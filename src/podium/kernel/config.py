"""Settings: one frozen object read from `PODIUM_*` once, at the edge, and passed on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class ConfigError(Exception):
    """A setting that cannot be used; the message names it and is meant for the operator."""


def resource(name: str) -> Path:
    """The folder `contract` or `migrations`: inside an installed wheel, else at the root of the checkout."""
    packed = Path(__file__).resolve().parents[1] / "resources" / name
    return packed if packed.is_dir() else _CHECKOUT / name


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What an operator may set. Secrets are left out of `repr`."""

    data_dir: Path
    database_url: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    organization: str = "default"
    tenant: str = "default"
    admin_password: str | None = field(default=None, repr=False)
    bootstrap_client_id: str | None = None
    bootstrap_client_secret: str | None = field(default=None, repr=False)
    master_key: str | None = field(default=None, repr=False)
    body_limit_bytes: int = 30 * 1024 * 1024
    package_limit_bytes: int = 500 * 1024 * 1024
    bucket_file_limit_bytes: int = 5 * 1024**3
    pool_size: int = 12
    log_level: str = "INFO"
    token_lifetime_s: int = 3600
    allowed_addresses: tuple[str, ...] = ()
    credential_files: Path | None = None
    credential_environment: str | None = None
    disabled_permissions: tuple[str, ...] = ()


def read(environment: Mapping[str, str], *, data_dir: Path | None, host: str, port: int) -> Config:
    """Make the settings from the environment and what the command line said; the command line wins.

    `PODIUM_X_FILE` names a file that holds the value of `PODIUM_X`. Raises ConfigError.
    """

    def text(name: str) -> str | None:
        path = environment.get(f"PODIUM_{name}_FILE")
        if path:
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(f"PODIUM_{name}_FILE cannot be read: {error}") from error
        return environment.get(f"PODIUM_{name}") or None

    def number(name: str, default: int) -> int:
        found = text(name)
        try:
            return int(found) if found else default
        except ValueError:
            raise ConfigError(f"PODIUM_{name} must be a whole number, not {found!r}") from None

    home = data_dir or Path(text("DATA_DIR") or _default_data_dir(environment))
    public = text("PUBLIC_URL") or f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104
    if not public.startswith(("http://", "https://")):
        raise ConfigError(f"PODIUM_PUBLIC_URL must start with http:// or https://, not {public!r}")
    return Config(
        data_dir=home.expanduser().resolve(),
        database_url=text("DATABASE_URL"),
        host=host,
        port=port,
        public_url=public.rstrip("/"),
        organization=text("ORG") or "default",
        tenant=text("TENANT") or "default",
        admin_password=text("ADMIN_PASSWORD"),
        bootstrap_client_id=text("BOOTSTRAP_CLIENT_ID"),
        bootstrap_client_secret=text("BOOTSTRAP_CLIENT_SECRET"),
        master_key=text("MASTER_KEY"),
        body_limit_bytes=number("BODY_LIMIT_BYTES", 30 * 1024 * 1024),
        package_limit_bytes=number("PACKAGE_LIMIT_BYTES", 500 * 1024 * 1024),
        bucket_file_limit_bytes=number("BUCKET_FILE_LIMIT_BYTES", 5 * 1024**3),
        pool_size=number("POOL_SIZE", 12),
        log_level=text("LOG_LEVEL") or "INFO",
        token_lifetime_s=number("TOKEN_LIFETIME_S", 3600),
        allowed_addresses=tuple((text("ALLOWED_ADDRESSES") or "").replace(",", " ").split()),
        credential_files=_folder("PODIUM_CREDENTIAL_FILES", text("CREDENTIAL_FILES")),
        credential_environment=_prefix("PODIUM_CREDENTIAL_ENVIRONMENT", text("CREDENTIAL_ENVIRONMENT")),
        disabled_permissions=tuple(re.findall(r"[^\s,;]+", text("DISABLED_PERMISSIONS") or "")),
    )


def _folder(name: str, found: str | None) -> Path | None:
    if found is None:
        return None
    folder = Path(found).expanduser()
    if not folder.is_absolute() or folder == Path(folder.anchor):
        raise ConfigError(f"{name} must be the full path of a folder, not {found!r}")
    return folder


def _prefix(name: str, found: str | None) -> str | None:
    # "PODIUM_" as the prefix would lay secrets of tenants among the settings of the server
    if found is not None and (not _VARIABLE.fullmatch(found) or found.upper() == "PODIUM_"):
        raise ConfigError(f"{name} must be the beginning of names of variables such as VAULT_, not {found!r}")
    return found


def _default_data_dir(environment: Mapping[str, str]) -> str:
    # root's home is closed, and PostgreSQL, which does not run as root, could not reach a folder in it
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    home = "/var/lib" if is_root else str(Path.home() / ".local" / "share")
    state = environment.get("XDG_DATA_HOME") or home
    return str(Path(state) / "podium")
