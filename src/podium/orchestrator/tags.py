"""Labels of assets, queues and buckets, as they are stored: the JSON of an array."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code


def stored(tags: Iterable[wire.TagDto] | msgspec.UnsetType | None) -> str:
    """The text to store; what a tag does not say is shown by its name and value. Raises BadRequest for one without a name."""
    return msgspec.json.encode([_tag(each) for each in given(tags, [])]).decode()


def _tag(tag: wire.TagDto) -> dict[str, str | None]:
    name = given(tag.name, "")
    if not name:
        raise BadRequest("Tags: each tag needs a Name.", Code.PARAMETER_MISSING)
    value = given(tag.value, None)
    return {
        "Name": name,
        "DisplayName": given(tag.display_name, name),
        "Value": value,
        "DisplayValue": given(tag.display_value, value),
    }
