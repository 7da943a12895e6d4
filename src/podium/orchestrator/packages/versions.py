"""Package versions in NuGet's order: SemVer 2 and the older form of four parts, case and build metadata aside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from podium.kernel.errors import BadRequest, Code

MAX_LENGTH = 128  # characters
MAX_NUMBER = 2**31 - 1  # NuGet keeps each part in a signed 32-bit integer

_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SHAPE = re.compile(rf"([0-9]{{1,10}}(?:\.[0-9]{{1,10}}){{0,3}})(?:-({_LABELS}))?(?:\+{_LABELS})?")
_RANK = {character: f"{rank:02d}" for rank, character in enumerate("-0123456789abcdefghijklmnopqrstuvwxyz", start=1)}

NUMBER, WORD = 0, 1  # kinds of prerelease labels


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A parsed version. Texts that mean the same version to NuGet are equal and hash alike (`1.0`, `1.0.0.0+build`)."""

    numbers: tuple[int, int, int, int]
    is_release: bool  # False sorts first: a prerelease is lower than its release
    labels: tuple[tuple[int, int, str], ...]  # (kind, number, word): numbers sort before words

    @property
    def normalised(self) -> str:
        """The one text of all equal versions: three numbers, a fourth unless zero, prerelease in lower case."""
        numbers = self.numbers if self.numbers[3] else self.numbers[:3]
        text = ".".join(str(number) for number in numbers)
        if self.is_release:
            return text
        return text + "-" + ".".join(str(number) if kind == NUMBER else word for kind, number, word in self.labels)

    @property
    def sort_key(self) -> str:
        """Digits only, so that ORDER BY on a text column gives the order of versions under every collation."""
        key = "".join(f"{number:010d}" for number in self.numbers)
        if self.is_release:
            return key + "9"
        parts = [key, "1"]
        for kind, number, word in self.labels:
            if kind == NUMBER:
                digits = str(number)
                parts.append(f"1{len(digits):03d}{digits}")
            else:
                parts.append("2" + "".join(_RANK[character] for character in word) + "00")
        return "".join(parts)


def parse_version(text: str) -> Version:
    """The version that `text` writes; raises BadRequest (#1675) when NuGet would not take it."""
    shape = _SHAPE.fullmatch(text) if len(text) <= MAX_LENGTH else None
    numbers = [int(part) for part in shape[1].split(".")] if shape else []
    if shape is None or max(numbers) > MAX_NUMBER:
        raise BadRequest(
            f"'{text[:MAX_LENGTH]}' is not a package version such as 1.2.3 or 1.2.3-beta.1.",
            Code.INVALID_PACKAGE_VERSION,
        )
    first, second, third, fourth = [*numbers, 0, 0, 0][:4]
    labels = tuple(_label(label) for label in shape[2].lower().split(".")) if shape[2] else ()
    return Version((first, second, third, fourth), is_release=not labels, labels=labels)


def latest(versions: Iterable[str]) -> str | None:
    """The highest of the texts as it was given, a prerelease below its release; None when there are none."""
    return max(versions, key=parse_version, default=None)


def _label(label: str) -> tuple[int, int, str]:
    return (NUMBER, int(label), "") if label.isdigit() else (WORD, 0, label)
