"""Every shape of an address that clients build leads to the same route."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.server.addresses import IDENTITY, ORCHESTRATOR, is_reserved, resolve

NAME = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1).filter(
    lambda name: name not in (".", "..") and not is_reserved(name)
)


@pytest.mark.parametrize(
    ("path", "organization", "tenant", "left"),
    [
        ("/odata/Jobs", None, None, "/odata/Jobs"),
        ("/api/Status/Get", None, None, "/api/Status/Get"),
        ("/orchestrator_/odata/Jobs", None, None, "/odata/Jobs"),
        ("/acme/main/orchestrator_/odata/Jobs(5)", "acme", "main", "/odata/Jobs(5)"),
        ("/acme/main/odata/Jobs", "acme", "main", "/odata/Jobs"),
        ("/acme/orchestrator_/api/Folders/DeleteByKey", "acme", None, "/api/Folders/DeleteByKey"),
        ("/ACME/Main/Orchestrator_/OData/Jobs", "ACME", "Main", "/OData/Jobs"),
        ("/acme/main/orchestrator_/odata/Jobs/", "acme", "main", "/odata/Jobs"),
        ("/acme/main/agenthub_/../orchestrator_/odata/Jobs", "acme", "main", "/odata/Jobs"),
        ("/acme/main/tasks/AppTasks/GetAppTaskById", "acme", "main", "/tasks/AppTasks/GetAppTaskById"),
        ("/", None, None, "/"),
    ],
)
def test_addresses_of_the_orchestrator(path: str, organization: str | None, tenant: str | None, left: str) -> None:
    found = resolve(path)
    assert (found.context, found.organization, found.tenant, found.path) == (ORCHESTRATOR, organization, tenant, left)


@pytest.mark.parametrize(
    ("path", "organization", "left"),
    [
        ("/identity/connect/token", None, "/connect/token"),
        ("/identity_/connect/token", None, "/connect/token"),
        ("/acme/identity_/connect/token", "acme", "/connect/token"),
        ("/acme/main/identity_/api/Account/Login", "acme", "/api/Account/Login"),
        ("/Identity/.well-known/openid-configuration", None, "/.well-known/openid-configuration"),
    ],
)
def test_addresses_of_the_identity_server(path: str, organization: str | None, left: str) -> None:
    found = resolve(path)
    assert (found.context, found.organization, found.path) == (IDENTITY, organization, left)


@pytest.mark.parametrize("path", ["/portal_/api/x", "/acme/portal_/api/x", "/acme/portal_/portal_/api/x"])
def test_a_client_doubles_the_portals_segment(path: str) -> None:
    found = resolve(path)
    assert (found.context, found.path) == (IDENTITY, "/portal_/api/x")


@given(organization=NAME, tenant=NAME)
def test_whatever_the_names_the_route_and_the_prefix_are_found(organization: str, tenant: str) -> None:
    for prefix in (f"/{organization}/{tenant}/orchestrator_", f"/{organization}/{tenant}"):
        found = resolve(f"{prefix}/odata/Jobs")
        assert (found.organization, found.tenant, found.path) == (organization, tenant, "/odata/Jobs")
        assert found.prefix == prefix


@given(st.text(st.sampled_from("/.aAtodx_(')"), max_size=30))
def test_any_path_is_resolved_and_starts_with_a_slash(text: str) -> None:
    found = resolve("/" + text)
    assert found.path.startswith("/")
    assert ".." not in found.path.split("/")


@pytest.mark.parametrize("name", ["odata", "API", "identity_", "orchestrator_", "healthz", "blobs"])
def test_names_that_routes_have_are_reserved(name: str) -> None:
    assert is_reserved(name)
    assert not is_reserved(f"{name}-1")
