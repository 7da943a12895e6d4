"""A storage that speaks S3 (moto's server, on the loopback), and a node whose operator allows storages there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from tests.conftest import WORKER, MovableClock, Node, database, running, settings


@contextmanager
def served() -> Iterator[str]:
    """The address of a storage that takes every key."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass(frozen=True)
class Storage:
    """A storage that looks at who asks: with another secret key than this it answers 403."""

    url: str
    access_key: str
    secret_key: str

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )


@contextmanager
def guarded() -> Iterator[Storage]:
    """A storage with one user, who may do everything in S3."""
    with served() as url:
        iam = Storage(url, "AK", "-").client("iam")
        iam.create_user(UserName="podium")
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="podium", PolicyName="files", PolicyDocument=document)
        key = iam.create_access_key(UserName="podium")["AccessKey"]
        _look_at_keys_after(url, "0")
        try:
            yield Storage(url, key["AccessKeyId"], key["SecretAccessKey"])
        finally:
            _look_at_keys_after(url, "inf")  # it holds for every server of the process


def _look_at_keys_after(url: str, calls: str) -> None:
    assert httpx.post(f"{url}/moto-api/reset-auth", content=calls).status_code == 200


@asynccontextmanager
async def node_with_storages(
    server_url: str, installed: str, folder: Path, clock: MovableClock, name: str
) -> AsyncIterator[Node]:
    """A node with a database of its own, whose operator allows storages on this machine."""
    name = f"podium_test_{WORKER}_{name}"
    async with database(server_url, name, installed) as url:
        config = replace(settings(url, folder / name), allowed_addresses=("127.0.0.1",))
        async with running(config, clock) as made:
            yield made
