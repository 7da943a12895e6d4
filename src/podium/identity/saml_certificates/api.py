"""SAML certificates over the wire. No SAML provider can be connected yet; the certificates are kept for one."""

from __future__ import annotations

from uuid import UUID

from podium.identity.requests import partition
from podium.identity.row_ids import row_id
from podium.identity.saml_certificates import store
from podium.identity.saml_certificates.rules import parsed
from podium.kernel.call import Call, given
from podium.kernel.errors import Conflict, NotFound, ValidationProblem
from podium.kernel.operation import operation
from podium.wire import identity as wire


@operation("GET", "/api/SamlCertificate/{partitionGlobalId}/certificates")
async def get_certificates(call: Call, partition_global_id: str) -> wire.CertificatePair:
    """The primary certificate and the secondary one, if there is one."""
    return await _pair(call, partition(call, partition_global_id))


@operation("PUT", "/api/SamlCertificate/primary")
async def put_primary(call: Call, body: wire.AddCertificateCommand) -> wire.CertificatePair:
    """Set the primary certificate; the one before it goes."""
    return await _put(call, body, is_primary=True)


@operation("PUT", "/api/SamlCertificate/secondary")
async def put_secondary(call: Call, body: wire.AddCertificateCommand) -> wire.CertificatePair:
    """Set the secondary certificate, which takes the place of the primary one by a switch."""
    return await _put(call, body, is_primary=False)


@operation("POST", "/api/SamlCertificate/{partitionGlobalId}/switch")
async def switch_certificates(call: Call, partition_global_id: str) -> wire.CertificatePair:
    """Let the two certificates change places."""
    organization_id = partition(call, partition_global_id)
    await store.lock(call.db, organization_id)
    _, secondary = await store.both(call.db, organization_id)
    if secondary is None:
        raise Conflict("There is no secondary certificate.")
    await store.switch(call.db, organization_id)
    _describe(call, "Update", secondary["id"], secondary["thumbprint"])
    return await _pair(call, organization_id)


@operation("DELETE", "/api/SamlCertificate/{partitionGlobalId}/{certificateId}")
async def delete_certificate(call: Call, partition_global_id: str, certificate_id: str) -> bool:
    """Remove a certificate; the primary one only when it is the last."""
    organization_id, id_ = partition(call, partition_global_id), row_id("certificateId", certificate_id)
    await store.lock(call.db, organization_id)
    primary, secondary = await store.both(call.db, organization_id)
    found = next((row for row in (primary, secondary) if row is not None and row["id"] == id_), None)
    if found is None:
        raise NotFound("The certificate does not exist.")
    if found is primary and secondary is not None:
        raise Conflict("The primary certificate cannot be removed while there is a secondary one; switch them first.")
    await store.delete(call.db, organization_id, id_)
    _describe(call, "Delete", id_, found["thumbprint"])
    return True


async def _put(call: Call, body: wire.AddCertificateCommand, *, is_primary: bool) -> wire.CertificatePair:
    organization_id = partition(call, body.partition_global_id)
    certificate = parsed(given(body.certificate, ""))
    if certificate is None:
        raise ValidationProblem(
            {"certificate": ["The certificate must be an X.509 certificate, as PEM or base64 DER."]}
        )
    await store.lock(call.db, organization_id)
    primary, _ = await store.both(call.db, organization_id)
    if primary is None and not is_primary:
        raise Conflict("There is no primary certificate.")
    await store.replace(call.db, organization_id, *certificate, call.now, is_primary=is_primary)
    pair = await _pair(call, organization_id)
    id_ = given(pair.primary_certificate_id if is_primary else pair.secondary_certificate_id, 0)
    _describe(call, "Update", id_, certificate.thumbprint)
    return pair


async def _pair(call: Call, organization_id: UUID) -> wire.CertificatePair:
    primary, secondary = await store.both(call.db, organization_id)
    if primary is None:
        raise NotFound("There are no certificates.")
    return wire.CertificatePair(
        partition_global_id=organization_id,
        primary_certificate_id=primary["id"],
        primary_certificate=primary["certificate"],
        primary_certificate_thumbprint=primary["thumbprint"],
        secondary_certificate_id=secondary["id"] if secondary else None,
        secondary_certificate=secondary["certificate"] if secondary else None,
        secondary_certificate_thumbprint=secondary["thumbprint"] if secondary else None,
    )


def _describe(call: Call, action: str, id_: int, thumbprint: str) -> None:
    call.describe(action, component="Setting", entity_id=id_, name=f"SAML certificate {thumbprint}")
