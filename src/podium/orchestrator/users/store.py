"""SQL of users."""

from __future__ import annotations

from podium.orchestrator import scope

ITSELF = f"{scope.IN_TENANT} AND t.id = $2::bigint"
