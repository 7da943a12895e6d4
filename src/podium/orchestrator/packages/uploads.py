"""The parts of an uploaded form: files go to the blob store as they arrive, a form is never whole in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from podium.kernel.blobs import Blobs, Stored
from podium.kernel.errors import BadRequest, Code, TooLarge
from podium.kernel.multipart import Part, parts
from podium.orchestrator.packages.rules import EXTENSION

MAX_FILES = 10
MAX_FIELDS = 20
MAX_FIELD_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file; `filename` is what the client called it, None when it said nothing."""

    filename: str | None
    stored: Stored


@dataclass(slots=True)
class Form:
    """What a form held. The names of files' fields mean nothing; those of the texts are in lower case."""

    files: list[Upload] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


async def read_form(stream: AsyncIterator[bytes], content_type: str | None, blobs: Blobs, *, limit_bytes: int) -> Form:
    """The form, its files stored; `limit_bytes` holds for each file.

    Raises BadRequest for what is no form, for no file or more than MAX_FILES (#1666) and for a file of another ending
    (#1665), TooLarge for a file over the limit. Then, and whenever reading fails, no blob is left.
    """
    form = Form()
    try:
        await _fill(form, parts(content_type, stream), blobs, limit_bytes)
    except BaseException:
        await discard(blobs, form)
        raise
    return form


async def _fill(form: Form, given: AsyncIterator[Part], blobs: Blobs, limit_bytes: int) -> None:
    async for part in given:
        if part.is_file:
            if len(form.files) == MAX_FILES:
                raise BadRequest(f"At most {MAX_FILES} packages can be uploaded at once.", Code.INVALID_PACKAGE_COUNT)
            _check_ending(part.filename)
            form.files.append(Upload(part.filename, await blobs.write(part.stream(), limit_bytes=limit_bytes)))
        elif len(form.texts) < MAX_FIELDS:
            form.texts[part.name.lower()] = await _text(part)
        else:
            raise BadRequest(f"The form has more than {MAX_FIELDS} fields.")
    if not form.files:
        raise BadRequest("The form holds no file.", Code.INVALID_PACKAGE_COUNT)


async def discard(blobs: Blobs, form: Form) -> None:
    """Remove the form's files from the store."""
    for upload in form.files:
        await blobs.delete(upload.stored.name)


def _check_ending(filename: str | None) -> None:
    last = re.split(r"[/\\]", filename or "")[-1].strip()
    if "." in last and not last.lower().endswith(EXTENSION):
        raise BadRequest(f"The name of a package's file ends with {EXTENSION}.", Code.INVALID_EXTENSION)


async def _text(part: Part) -> str:
    try:
        return (await part.read(MAX_FIELD_BYTES)).decode().strip()
    except TooLarge as error:
        raise BadRequest(error.message) from None
    except UnicodeDecodeError:
        raise BadRequest(f"{part.name[:60]}: the field is not UTF-8.") from None
