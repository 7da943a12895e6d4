"""The operation that tells the words."""

from __future__ import annotations

from podium.kernel.call import Call
from podium.kernel.operation import operation
from podium.orchestrator.settings import actions as settings


@operation("GET", "/api/Translations/GetTranslations", connected=False)
async def get_translations(call: Call, lang: str | None = None) -> dict[str, str]:  # noqa: ARG001 - as below
    """Key -> word. There are English ones only, which are told for every language: clients fall back to their own."""
    return settings.titles()
