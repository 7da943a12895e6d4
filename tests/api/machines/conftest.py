"""Hosts that connect with the key of a machine."""

from __future__ import annotations

from tests.api.machines.hosts import host

__all__ = ["host"]
