"""What clients ask about external providers and directories. None can be connected, so that every list is empty."""

from __future__ import annotations

from podium.identity.names import fold
from podium.identity.partitions.actions import active_organizations
from podium.identity.requests import guid, partition
from podium.kernel.call import Call
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation


@operation("GET", "/api/AuthenticationSetting/getAll/{partitionGlobalId}")
async def get_all(call: Call, partition_global_id: str) -> dict[str, object]:
    """Providers by name."""
    partition(call, partition_global_id)
    return {}


@operation("GET", "/api/DirectoryConnection/AvailableDirectoryTypes")
async def available_directory_types(_call: Call) -> list[str]:
    """Kinds of directories that could be connected."""
    return []


@operation("GET", "/api/DirectoryConnection/connections/{partitionGlobalId}")
async def connections(call: Call, partition_global_id: str) -> list[object]:
    """Connected directories."""
    partition(call, partition_global_id)
    return []


@operation("GET", "/api/ExternalIdentityProvider")
async def providers(call: Call) -> list[object]:
    """Connected providers."""
    named = next((text for name, text in call.query.items() if name.lower() == "partitionglobalid"), "").strip()
    partition(call, guid("partitionGlobalId", named) if named else None)
    return []


@operation("GET", "/api/AuthenticationInformation/{organizationName}")
async def providers_of(call: Call, organization_name: str) -> list[object]:
    """Providers that a sign-in page of this organization, by name or id, would offer."""
    wanted = fold(organization_name.strip())
    if not any(wanted in (name_key, str(id_)) for name_key, id_ in await active_organizations(call.db)):
        raise NotFound("The organization does not exist.")
    return []
