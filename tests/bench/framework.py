"""The whole server with every handler replaced by one that does nothing: what is left is the framework's own path."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from podium.kernel import log
from podium.kernel.call import Call
from podium.kernel.config import Config, read
from podium.kernel.contract import Contract, Folder, Row
from podium.kernel.operation import Operation
from podium.server.addresses import ORCHESTRATOR
from podium.server.app import make_app
from podium.server.compose import Composition, compose
from podium.server.process import _uvicorn
from podium.server.turn import Turn
from tests.bench.load import HOST
from tests.bench.plain import ANSWER

COLLECTION = re.compile(r"/odata/\w+")


async def nothing(_: Call) -> dict[str, bool]:
    """A handler that touches nothing."""
    return ANSWER


def collections(contract: Contract) -> list[Row]:
    """Rows `GET /odata/X` of the Web API that need no folder header, in the order of the contract."""
    rows = [row for row in contract.of_context(ORCHESTRATOR) if row.folder is not Folder.REQUIRED]
    return [row for row in rows if row.method == "GET" and COLLECTION.fullmatch(row.path)]


@asynccontextmanager
async def hollow(config: Config) -> AsyncIterator[Composition]:
    """The product's composition, all operations of the Web API bound to `nothing`; tokens are still issued."""
    async with compose(config) as made:
        operations = [
            Operation(
                row,
                nothing,
                atomic=False,
                audited=False,
                connected=False,
                idempotent=False,
                body=None,
                body_optional=True,
                arguments=(),
            )
            for row in made.contract.of_context(ORCHESTRATOR)
        ]
        operations += [operation for operation in made.operations if operation.row.context != ORCHESTRATOR]
        real = made.turn
        made.turn = Turn(
            made.services, made.contract, operations, real._authenticator, real._admitter, real._identity_admitter
        )
        yield made


def main() -> None:
    """Serve; settings come from the environment, as for the product."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("data_dir", type=Path)
    options = parser.parse_args()
    config = read(os.environ, data_dir=options.data_dir, host=HOST, port=options.port)
    log.configure(level=config.log_level)
    _uvicorn(config, make_app(lambda: hollow(config))).run()


if __name__ == "__main__":
    main()
