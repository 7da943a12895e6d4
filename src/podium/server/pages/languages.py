"""The languages that the pages speak, for programs that show the same words."""

from __future__ import annotations

from podium.kernel.call import Call
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation
from podium.server.pages import catalogue
from podium.wire import identity as wire


@operation("GET", "/api/Language", connected=False)
async def list_languages(call: Call) -> list[wire.LanguageDto]:  # noqa: ARG001 - what is installed, to everybody
    """Every language with its own name."""
    return [wire.LanguageDto(code=code, name=texts[catalogue.NAME]) for code, texts in catalogue.languages().items()]


@operation("GET", "/api/Language/{languageCode}/translations", connected=False)
async def get_translations(call: Call, language_code: str) -> dict[str, str]:  # noqa: ARG001 - as above
    """Every text of a language by its key. Raises NotFound for one that is not installed."""
    code = language_code.lower()
    if code not in catalogue.languages():
        raise NotFound("The language is not installed.")
    return dict(catalogue.texts(code))
