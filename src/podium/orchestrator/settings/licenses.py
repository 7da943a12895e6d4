"""Operations on licences. There are none to have (decision 16): what is used is counted, and nothing is limited."""

from __future__ import annotations

import msgspec

from podium import wire
from podium.kernel.call import Call, Item
from podium.kernel.errors import Code, Conflict
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.orchestrator.settings import store

TYPES = (
    "Unattended",
    "NonProduction",
    "Headless",
    "TestAutomation",
    "Development",
    "Attended",
    "StudioX",
    "AttendedStudioWeb",
    "StudioPro",
    "AutomationCloud",
    "Serverless",
)
ANY_NUMBER = 1_000_000
"""What is told as allowed where there is no limit; clients compute with it, so that it is a number that fits anywhere."""


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetLicense")
async def get_license(call: Call) -> Item:
    """Any number of everything, for ever; used are the slots of the machines that are connected."""
    used = await store.slots_in_use(call.db, call.tenant_id)
    shown = wire.LicenseDto(
        id=1,
        allowed=dict.fromkeys(TYPES, ANY_NUMBER),
        used={type_: used.get(type_, 0) for type_ in TYPES},
        attended_concurrent=False,
        development_concurrent=False,
        studio_x_concurrent=False,
        studio_pro_concurrent=False,
        code=None,
        expire_date=None,
        grace_period=None,
        grace_period_end_date=None,
        host_license_id=None,
        is_community=False,
        is_expired=False,
        is_pro_or_enterprise=True,
        is_registered=True,
        licensed_features=[],
        subscription_code=None,
        subscription_plan=None,
        user_licensing_enabled=False,
        version_control=None,
    )
    built = msgspec.to_builtins(shown)
    page = rows_page([built], tuple(built), parse_options(call.query), now=call.now)
    return Item(msgspec.json.encode(page.rows[0]).decode(), "LicenseDto")


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.ActivateLicenseOffline")
async def activate_license_offline(_: Call) -> None:
    """409: there is nothing to activate."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.ActivateLicenseOnline")
async def activate_license_online(_: Call) -> None:
    """409, as offline."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.GetLicenseOffline")
async def get_license_offline(_: Call) -> None:
    """409: no request for an activation is made."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.UploadLicense")
async def upload_license(_: Call) -> None:
    """409: the file is not read."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.UpdateLicenseOnline")
async def update_license_online(_: Call) -> None:
    """409: there is no licence to bring up to date."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.DeactivateLicenseOnline")
async def deactivate_license_online(_: Call) -> None:
    """409: there is nothing to deactivate."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.GetDeactivateLicenseOffline")
async def get_deactivate_license_offline(_: Call) -> None:
    """409: no request for a deactivation is made."""
    raise _nothing_to_license()


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.DeleteLicense")
async def delete_license(_: Call) -> None:
    """409: there is nothing to delete."""
    raise _nothing_to_license()


def _nothing_to_license() -> Conflict:
    return Conflict("This server needs no licence: none is activated, changed or enforced.", Code.FORBIDDEN_OPERATION)
