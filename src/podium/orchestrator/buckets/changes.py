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

DEFAULTS: Mapping[str, Any] = {"provider": None, "container": None, "parameters": None, "sealed": None}
MAX_TEXT = 1000
MAX_SECRET = 1000


class Asked(NamedTuple):
    """A bucket as a body asks for it; `place` and `password` are of a storage elsewhere.

    `key` None: one is to be made; `password` None: the present one stays.
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
    options: Options
    tags: str


def asked(body: wire.BucketDto, base: Mapping[str, Any]) -> Asked:
    """What the body asks for; where the files are stays as in `base` when the body is silent on it.

    Raises BadRequest that names the member.
    """
    if given(body.external_name, ""):
        raise BadRequest("ExternalName: the secret key of a bucket is kept here; give it in Password.")
    provider = rules.provider(given(body.storage_provider, "") or base["provider"])
    if base["provider"] not in (None, provider):
        raise BadRequest(f"StorageProvider: cannot be changed; it is {base['provider']}.", Code.PARAMETER_INVALID)
    container = given(body.storage_container, "") or base["container"]
    parameters = given(body.storage_parameters, "") or base["parameters"]
    password = given(body.password, "") or None
    for member, text, most in (
        ("StorageContainer", container, MAX_TEXT),
        ("StorageParameters", parameters, MAX_TEXT),
        ("Password", password, MAX_SECRET),
    ):
        if text and provider == rules.OWN:
            raise BadRequest(f"{member}: files of the provider {rules.OWN} are kept here.", Code.PARAMETER_INVALID)
        if text and len(text) > most:
            raise BadRequest(f"{member}: has more than {most} characters.", Code.PARAMETER_INVALID)
    place = None if provider == rules.OWN else rules.s3_place(container, parameters)
    if place is not None and password is None and base["sealed"] is None:
        raise BadRequest("Password is required.", Code.PARAMETER_MISSING)
    return Asked(
        key=given(body.identifier, None),
        name=rules.clean_name(given(body.name, "")),
        description=given(body.description, None),
        provider=provider,
        container=container if place is None else place.container,
        parameters=None if place is None else parameters or "",
        place=place,
        password=password,
        credential_store_id=given(body.credential_store_id, None),
        options=rules.options(given(body.options, None)),
        tags=tags.stored(body.tags),
    )
