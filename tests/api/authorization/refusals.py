"""What an operation answers a caller whom it lets in and cannot serve: never for want of a right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tools.authorization_exceptions import ALL_BUT_THE_HOST, APPLICATIONS, NOT_IN_THE_FOLDER, ORDINARY, STRANGER

EVERYBODY = ()


class Refusal(NamedTuple):
    """What these callers, of those that are let in, get of these operations, and why."""

    operations: tuple[str, ...]
    callers: tuple[str, ...]
    status: int
    why: str


REFUSALS = (
    Refusal(
        (
            "Settings_ActivateLicenseOffline",
            "Settings_ActivateLicenseOnline",
            "Settings_DeactivateLicenseOnline",
            "Settings_DeleteLicense",
            "Settings_GetDeactivateLicenseOffline",
            "Settings_GetLicenseOffline",
            "Settings_UpdateLicenseOnline",
            "Settings_UploadLicense",
        ),
        EVERYBODY,
        409,
        "this server has no licences",
    ),
    Refusal(
        ("CredentialStores_GetResourcesForCredentialsProxyResourceTypes",),
        EVERYBODY,
        404,
        "there are no credentials proxies",
    ),
    Refusal(
        ("Settings_VerifySmtpSetting", "Setting_PostVerifySmtpSettings"), EVERYBODY, 400, "no mail server is there"
    ),
    Refusal(
        ("Robots_GetConnectionData", "Robots_GetSharedConnectionData"),
        NOT_IN_THE_FOLDER,
        409,
        "no machine is assigned to a folder of theirs",
    ),
    Refusal(
        ("PersonalWorkspaces_GetPersonalWorkspace",),
        ALL_BUT_THE_HOST,
        404,
        "they have none",
    ),
    Refusal(
        ("PersonalWorkspaces_StopExploringById",), ("administrator of the tenant",), 409, "somebody else explores it"
    ),
    Refusal(
        ("QueueItems_SetTransactionProgressById", "Queues_SetTransactionResultById"),
        ("robot", "user of the folder", "administrator of the folder", "administrator of the tenant", APPLICATIONS[-1]),
        409,
        "somebody else took the transaction",
    ),
    Refusal(("SamlCertificate_DeleteByPartitionGlobalIdByCertificateId",), EVERYBODY, 409, "the primary one is in use"),
    Refusal(
        ("UserInvite_DeleteByPartitionGlobalId",),
        (*ORDINARY, "administrator of the organization", "administrator of the host"),
        400,
        "they accepted theirs",
    ),
    Refusal(("UserPartition_Delete",), EVERYBODY, 400, "nobody leaves an organization"),
    Refusal(("ReferenceToken_PostExchange",), (STRANGER,), 400, "the token is another organization's"),
)


def cells() -> Mapping[tuple[str, str], int]:
    """The statuses by operation and caller; the caller is blank for everybody."""
    return {
        (operation, caller): refusal.status
        for refusal in REFUSALS
        for operation in refusal.operations
        for caller in refusal.callers or ("",)
    }
