"""From the members of a bucket's body to what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code
from podium.orchestrator import tags
from podium.orchestrator.buckets import rules
from podium.orchestrator.buckets.rules import Options, S3Place
from podium.orchestrator.credential_stores.rules import MAX_EXTERNAL_NAME

DEFAULTS: Mapping[str, Any] = {"provider": None, "container": None, "parameters": None}
MAX_TEXT = 1000
MAX_SECRET = 1000


class Asked(NamedTuple):
    """A bucket as a body asks for it; `place`, `password` and `external_name` are of a storage elsewhere.

    `key` None: one is to be made; `password`, `external_name` None: nothing is said of it.
    """

    key: UUID | None
    name: str
    description: str | None
    provider: str
    container: str | None
    parameters: str | None
    place: S3Place | None
    password: str | None
    credential_store_id: int | None
    external_name: str | None
    options: Options
    tags: str


def asked(body: wire.BucketDto, base: Mapping[str, Any]) -> Asked:
    """What the body asks for; where the files are stays as in `base` when the body is silent on it.

    Raises BadRequest that names the member.
    """
    provider = rules.provider(given(body.storage_provider, "") or base["provider"])
    if base["provider"] not in (None, provider):
        raise BadRequest(f"StorageProvider: cannot be changed; it is {base['provider']}.", Code.PARAMETER_INVALID)
    container = given(body.storage_container, "") or base["container"]
    parameters = given(body.storage_parameters, "") or base["parameters"]
    password = given(body.password, "") or None
    external_name = given(body.external_name, "").strip() or None
    for member, text, most in (
        ("StorageContainer", container, MAX_TEXT),
        ("StorageParameters", parameters, MAX_TEXT),
        ("Password", password, MAX_SECRET),
        ("ExternalName", external_name, MAX_EXTERNAL_NAME),
    ):
        if text and provider == rules.OWN:
            raise BadRequest(f"{member}: files of the provider {rules.OWN} are kept here.", Code.PARAMETER_INVALID)
        if text and len(text) > most:
            raise BadRequest(f"{member}: has more than {most} characters.", Code.PARAMETER_INVALID)
    place = None if provider == rules.OWN else rules.s3_place(container, parameters)
    return Asked(
        key=given(body.identifier, None),
        name=rules.clean_name(given(body.name, "")),
        description=given(body.description, None),
        provider=provider,
        container=container if place is None else place.container,
        parameters=None if place is None else parameters or "",
        place=place,
        password=password,
        credential_store_id=given(body.credential_store_id, 0) or None,
        external_name=external_name,
        options=rules.options(given(body.options, None)),
        tags=tags.stored(body.tags),
    )
