"""The words by which answers name things."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/api/Translations/GetTranslations"


class TestGetTranslations:
    @pytest.mark.parametrize("lang", [None, "en", "xx-not-there", ""])
    async def test_200_for_everybody_in_any_language(self, api: Any, lang: str | None) -> None:
        params = None if lang is None else {"lang": lang}
        found = await api.with_headers({}).get(PATH, params=params, expect=200)
        assert found["Settings.Robots.Execution.TracingLevel"] == "Logging Level"
        assert all(isinstance(word, str) and word for word in found.values())
