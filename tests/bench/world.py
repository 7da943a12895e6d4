"""What the workloads need on a server: a token, folders, a process, machines. All of it over the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from podium.cli.client import ODATA, Orchestrator
from podium.cli.connection import Address, client_token
from podium.cli.failure import Failure
from podium.cli.publish import ALREADY_EXISTS, Archive, Target, load, set_process, upload
from tests.bench.load import request

CLIENT_ID = "bench"
SECRET = "bench-secret-that-is-long-enough-1"
ENVIRONMENT = {
    "PODIUM_ADMIN_PASSWORD": "correct-horse-battery-1",
    "PODIUM_BOOTSTRAP_CLIENT_ID": CLIENT_ID,
    "PODIUM_BOOTSTRAP_CLIENT_SECRET": SECRET,
}
PREFIX = "/default/default/orchestrator_"
CAPABILITIES = "process/python,function/python,agent/python"
SHARED = "Shared"


class World:
    """The API of one running server, signed in as the bootstrap application."""

    def __init__(self, url: str) -> None:
        address = Address(url, "default", "default")
        self.token, _ = client_token(address, CLIENT_ID, SECRET)
        self.api = Orchestrator(address.orchestrator, self.token)

    def __enter__(self) -> Self:
        self.api.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__(None, None, None)

    def shared(self) -> int:
        """Id of the folder that every tenant has."""
        return int(self.api.rows("/odata/Folders", {"$filter": f"DisplayName eq '{SHARED}'"}, limit=1)[0]["Id"])

    def folder(self, name: str) -> int:
        """A new folder below Shared."""
        return int(self.api.post("/odata/Folders", {"DisplayName": name, "ParentId": self.shared()})["Id"])

    def process(self, folder_id: int, project: Path) -> str:
        """Key of a process in the folder that runs the project."""
        archive: Archive = load(project)
        try:
            upload(self.api, archive, None)
        except Failure as failure:
            if failure.error_code != ALREADY_EXISTS:
                raise
        return str(set_process(self.api, archive, Target(None, folder_id, ""), None)["Key"])

    def machine(self, name: str, folder_id: int, slots: int) -> str:
        """Licence key of a new machine template that serves the folder."""
        made = self.api.post("/odata/Machines", {"Name": name, "Type": "Template", "UnattendedSlots": slots})
        body = {"assignments": {"MachineIds": [made["Id"]], "FolderIds": [folder_id]}}
        self.api.post(f"/odata/Folders/{ODATA}AssignMachines", body)
        return str(made["LicenseKey"])

    def start_jobs(self, folder_id: int, process_key: str, *, count: int = 1, **more: Any) -> bytes:
        """The request that starts jobs of the process."""
        info = {"ReleaseKey": process_key, "JobsCount": count, "Strategy": "ModernJobsCount"}
        info |= {"InputArguments": '{"a":1}'} | more
        headers = {"Authorization": f"Bearer {self.token}", "X-UIPATH-OrganizationUnitId": str(folder_id)}
        return request(
            "POST", f"{PREFIX}/odata/Jobs/{ODATA}StartJobs", headers, json.dumps({"startInfo": info}).encode()
        )


def robot_request(license_key: str, host: str, operation: str, body: object) -> bytes:
    """One call of the robot protocol from a host."""
    headers = {
        "X-ROBOT-LICENSE": license_key,
        "X-ROBOT-MACHINE": host,
        "X-ROBOT-VERSION": "26.0",
        "X-ROBOT-AGENT": "OS=Linux",
        "X-ROBOT-CAPABILITIES": CAPABILITIES,
    }
    return request("POST", f"{PREFIX}/api/robotsservice/{operation}", headers, json.dumps(body).encode())
