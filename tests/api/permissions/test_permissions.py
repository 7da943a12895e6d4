"""The catalogue of permissions."""

from __future__ import annotations

from typing import Any


class TestListPermissions:
    async def test_200_every_permission_with_its_scope(self, api: Any) -> None:
        found = await api.get("/odata/Permissions")
        scopes = {each["Name"]: each["Scope"] for each in found["value"]}
        assert found["@odata.count"] == len(scopes) == 160
        assert (scopes["Users.View"], scopes["Jobs.Create"], scopes["SubFolders.Edit"]) == (
            "Global",
            "Folder",
            "Folder",
        )
        assert not any(each["IsGranted"] for each in found["value"])

    async def test_200_for_everybody_with_a_token_and_filtered(self, api: Any) -> None:
        found = await api.as_role().get("/odata/Permissions?$filter=startswith(Name,'Jobs.')&$select=Name")
        assert [each["Name"] for each in found["value"]] == ["Jobs.Create", "Jobs.Delete", "Jobs.Edit", "Jobs.View"]
