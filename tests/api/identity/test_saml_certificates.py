"""SAML certificates, and the lists that are empty without other providers, over the edge of a running node."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.conftest import Caller, Node

BASE = "/identity_/api/SamlCertificate"
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject, subject, KEY.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(KEY, hashes.SHA256())
    )


def pem(name: str) -> str:
    return certificate(name).public_bytes(Encoding.PEM).decode()


@pytest.fixture(autouse=True)
async def _none(node: Node) -> None:
    async with node.db.transaction() as connection:
        await connection.execute("TRUNCATE identity.saml_certificates")


@pytest.fixture
def organization(node: Node) -> str:
    return str(node.organization_id)


async def put(caller: Caller, kind: str, text: str, expect: int = 200, **more: Any) -> Any:
    body = {"partitionGlobalId": str(caller.node.organization_id), "certificate": text, **more}
    return await caller.put(f"{BASE}/{kind}", body, expect=expect)


async def audited(node: Node) -> int:
    return len(await node.rows("SELECT 1 FROM kernel.audit WHERE entity_name LIKE 'SAML certificate %'"))


class TestPut:
    async def test_200_pem_and_base64_are_the_same_certificate(self, pm: Caller, node: Node, organization: str) -> None:
        before = await audited(node)
        made = certificate("idp")
        der = made.public_bytes(Encoding.DER)
        first = await put(pm, "primary", made.public_bytes(Encoding.PEM).decode())
        assert first["partitionGlobalId"] == organization
        assert first["primaryCertificate"] == base64.b64encode(der).decode()
        assert first["primaryCertificateThumbprint"] == hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
        assert first["secondaryCertificateId"] is None
        wrapped = base64.encodebytes(der).decode()
        second = await put(pm, "primary", wrapped)
        assert second["primaryCertificateThumbprint"] == first["primaryCertificateThumbprint"]
        assert second["primaryCertificateId"] > first["primaryCertificateId"]
        assert await audited(node) == before + 2

    async def test_200_a_private_key_in_the_same_file_is_not_kept(self, pm: Caller, node: Node) -> None:
        key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        await put(pm, "primary", key + pem("idp") + key)
        kept = await node.rows("SELECT certificate FROM identity.saml_certificates")
        assert key.splitlines()[1] not in kept[0]["certificate"]

    async def test_200_at_most_two(self, pm: Caller, node: Node) -> None:
        for kind in ("primary", "secondary", "secondary", "primary"):
            await put(pm, kind, pem(kind))
        assert len(await node.rows("SELECT 1 FROM identity.saml_certificates")) == 2

    @pytest.mark.parametrize(
        "text",
        ["", "hello", "aGVsbG8=", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nx\n", "x" * 70_000, "ä"],
    )
    async def test_400_for_what_is_no_certificate(self, pm: Caller, text: str) -> None:
        problem = await put(pm, "primary", text, expect=400)
        assert list(problem["errors"]) == ["certificate"]

    async def test_403_for_another_organization(self, pm: Caller) -> None:
        await put(pm, "primary", pem("idp"), expect=403, partitionGlobalId=str(uuid4()))

    async def test_403_with_the_scope_to_read(self, pm: Caller) -> None:
        await put(pm.with_scopes("PM.Setting.Read"), "primary", pem("idp"), expect=403)

    async def test_403_for_a_user_who_is_no_administrator(self, api: Caller) -> None:
        await put(api.as_role().with_scopes("PM.Setting"), "secondary", pem("idp"), expect=403)

    async def test_409_a_secondary_one_without_a_primary_one(self, pm: Caller) -> None:
        await put(pm, "secondary", pem("idp"), expect=409)


class TestGet:
    async def test_200_both(self, pm: Caller, organization: str) -> None:
        await put(pm, "primary", pem("one"))
        pair = await put(pm, "secondary", pem("two"))
        assert await pm.get(f"{BASE}/{organization}/certificates") == pair
        assert pair["primaryCertificateThumbprint"] != pair["secondaryCertificateThumbprint"]

    async def test_400_for_text_that_is_no_guid(self, pm: Caller) -> None:
        problem = await pm.get(f"{BASE}/magic-7/certificates", expect=400)
        assert problem["errors"] == {"partitionGlobalId": ["The value 'magic-7' is not valid."]}

    async def test_403_for_another_organization(self, pm: Caller) -> None:
        await pm.get(f"{BASE}/{uuid4()}/certificates", expect=403)

    async def test_404_when_there_are_none(self, pm: Caller, organization: str) -> None:
        await pm.get(f"{BASE}/{organization}/certificates", expect=404)


class TestSwitch:
    async def test_200_they_change_places(self, pm: Caller, node: Node, organization: str) -> None:
        await put(pm, "primary", pem("one"))
        before = await put(pm, "secondary", pem("two"))
        count = await audited(node)
        after = await pm.post(f"{BASE}/{organization}/switch", expect=200)
        for member in ("Id", "", "Thumbprint"):
            assert after[f"primaryCertificate{member}"] == before[f"secondaryCertificate{member}"]
            assert after[f"secondaryCertificate{member}"] == before[f"primaryCertificate{member}"]
        assert await audited(node) == count + 1

    async def test_403_for_another_organization(self, pm: Caller) -> None:
        await pm.post(f"{BASE}/{uuid4()}/switch", expect=403)

    async def test_409_without_a_secondary_one(self, pm: Caller, organization: str) -> None:
        await put(pm, "primary", pem("one"))
        await pm.post(f"{BASE}/{organization}/switch", expect=409)


class TestDelete:
    async def test_200_true_and_it_is_gone(self, pm: Caller, organization: str, node: Node) -> None:
        await put(pm, "primary", pem("one"))
        pair = await put(pm, "secondary", pem("two"))
        count = await audited(node)
        for member in ("secondaryCertificateId", "primaryCertificateId"):
            assert await pm.delete(f"{BASE}/{organization}/{pair[member]}", expect=200) is True
        await pm.get(f"{BASE}/{organization}/certificates", expect=404)
        assert await audited(node) == count + 2

    async def test_400_for_text_that_is_no_number(self, pm: Caller, organization: str) -> None:
        assert "certificateId" in (await pm.delete(f"{BASE}/{organization}/abc", expect=400))["errors"]

    async def test_403_for_another_organization(self, pm: Caller) -> None:
        await pm.delete(f"{BASE}/{uuid4()}/1", expect=403)

    async def test_404_for_one_that_does_not_exist(self, pm: Caller, organization: str) -> None:
        await pm.delete(f"{BASE}/{organization}/999999", expect=404)

    async def test_409_for_the_primary_one_while_there_are_two(self, pm: Caller, organization: str) -> None:
        await put(pm, "primary", pem("one"))
        pair = await put(pm, "secondary", pem("two"))
        await pm.delete(f"{BASE}/{organization}/{pair['primaryCertificateId']}", expect=409)


class TestOtherProviders:
    PATHS = ("AuthenticationSetting/getAll/{}", "DirectoryConnection/connections/{}")

    async def test_200_there_are_none(self, pm: Caller, organization: str) -> None:
        api = "/identity_/api"
        assert await pm.get(f"{api}/AuthenticationSetting/getAll/{organization}") == {}
        assert await pm.get(f"{api}/DirectoryConnection/connections/{organization}") == []
        assert await pm.get(f"{api}/DirectoryConnection/AvailableDirectoryTypes") == []
        assert await pm.get(f"{api}/ExternalIdentityProvider", params={"partitionGlobalId": organization}) == []
        assert await pm.get(f"{api}/ExternalIdentityProvider") == []

    @pytest.mark.parametrize("path", PATHS)
    async def test_400_and_403_for_what_is_not_the_callers_organization(self, pm: Caller, path: str) -> None:
        await pm.get(f"/identity_/api/{path.format('magic-7')}", expect=400)
        await pm.get(f"/identity_/api/{path.format(uuid4())}", expect=403)

    async def test_400_and_403_in_the_query(self, pm: Caller) -> None:
        path = "/identity_/api/ExternalIdentityProvider"
        await pm.get(path, params={"partitionGlobalId": "magic-7"}, expect=400)
        await pm.get(path, params={"partitionGlobalId": str(uuid4())}, expect=403)

    async def test_403_for_a_user_who_is_no_administrator(self, api: Caller, organization: str) -> None:
        user = api.as_role().with_scopes("PM.Setting")
        for path in (*self.PATHS, "DirectoryConnection/AvailableDirectoryTypes", "ExternalIdentityProvider"):
            await user.get(f"/identity_/api/{path.format(organization)}", expect=403)

    async def test_200_of_an_organization_that_anybody_asks_for(self, api: Caller, organization: str) -> None:
        nobody = api.with_headers({})
        for name in ("default", "DEFAULT", organization):
            assert await nobody.get(f"/identity_/api/AuthenticationInformation/{name}") == []

    async def test_404_of_an_organization_that_does_not_exist(self, api: Caller) -> None:
        await api.with_headers({}).get("/identity_/api/AuthenticationInformation/nowhere", expect=404)
