"""Operations on the secrets of machines."""

from __future__ import annotations

from typing import Any

SECRETS = "/api/clientsecrets"


async def token_status(api: Any, key: str, secret: str) -> int:
    form = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
    return int((await api.request("POST", "/identity_/connect/token", data=form)).status)


class TestClientSecrets:
    async def test_a_further_secret_opens_and_a_deleted_one_closes(self, api: Any, given: Any, clock: Any) -> None:
        machine = await given.machine()
        key = machine["LicenseKey"]
        (first,) = await api.get(f"{SECRETS}/{key}", expect=200)
        assert first["secret"] is None
        made = await api.post(f"{SECRETS}/{key}", expect=200)
        assert made["secret"]
        assert [each["id"] for each in await api.get(f"{SECRETS}/{key}")] == [first["id"], made["id"]]
        clock.forward(seconds=6)
        assert await token_status(api, key, made["secret"]) == 200
        await api.delete(f"{SECRETS}/{first['id']}", expect=204)
        clock.forward(seconds=6)
        assert await token_status(api, key, machine["ClientSecret"]) != 200
        assert await token_status(api, key, made["secret"]) == 200
        await api.delete(f"{SECRETS}/{first['id']}", expect=404)

    async def test_404_machine_of_another_tenant(self, api: Any, given: Any) -> None:
        machine = await given.machine()
        other = api.tenant("other")
        await other.get(f"{SECRETS}/{machine['LicenseKey']}", expect=404)
        await other.post(f"{SECRETS}/{machine['LicenseKey']}", expect=404)
        (secret,) = await api.get(f"{SECRETS}/{machine['LicenseKey']}")
        await other.delete(f"{SECRETS}/{secret['id']}", expect=404)
        await api.delete(f"{SECRETS}/nonsense", expect=404)

    async def test_409_beyond_ten(self, api: Any, given: Any) -> None:
        key = (await given.machine())["LicenseKey"]
        for _ in range(9):
            await api.post(f"{SECRETS}/{key}", expect=200)
        await api.post(f"{SECRETS}/{key}", expect=409)

    async def test_403_without_the_right(self, api: Any, given: Any) -> None:
        key = (await given.machine())["LicenseKey"]
        user = api.as_role("Allow to be Automation User")
        await user.get(f"{SECRETS}/{key}", expect=200)
        await user.post(f"{SECRETS}/{key}", expect=403)
