"""Operations of the tag Status."""

from __future__ import annotations

from podium import wire
from podium.kernel.call import Call
from podium.kernel.errors import BadRequest, Code
from podium.kernel.operation import operation
from podium.kernel.version import own_version
from podium.orchestrator.status import reachability, rules

DEPLOYMENT = "ServiceFabric"  # clients take any other word for the vendor's cloud and ask for scopes of its services


@operation("GET", "/api/Status/Get", connected=False)
async def get_status(call: Call) -> None:
    """200 without a body: this server answers."""


@operation("GET", "/api/Status/Version", connected=False)
async def get_version(call: Call) -> wire.StatusVersionDto:
    """The version of this server."""
    own = own_version()
    return wire.StatusVersionDto(version=own, deployment=DEPLOYMENT, timestamp=call.now, configs_version=own)


@operation("GET", "/api/Status/VerifyHostAvailibility", connected=False)
async def verify_host_availability(_: Call, url: str | None = None) -> wire.HostAvailabilityDto:
    """Whether the server can reach a web address; addresses that are not public are refused."""
    if not url or not url.strip():
        raise BadRequest("url is required.", Code.PARAMETER_MISSING)
    found = await reachability.check(rules.parse(url.strip()), allows_private=False)
    return wire.HostAvailabilityDto(
        can_connect=found.can_connect, has_bad_ssl=found.has_bad_ssl, connection_error=found.error
    )
