"""How names compare: without regard to case and to the way accents are composed."""

from __future__ import annotations

import unicodedata


def fold(name: str) -> str:
    """The form of a name for `*_key` columns. Folding twice changes nothing, so stored keys can be folded again."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", folded).casefold())
