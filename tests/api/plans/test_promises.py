"""What the entity sets promise of their columns, compared with the tables that the migrations have made."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import podium.orchestrator
from podium.kernel.odata import Entity
from tests.conftest import Node

COLUMN = re.compile(r"\{t\}\.(\w+)")
NOT_NULL = """
SELECT a.attname AS name FROM pg_attribute a
 WHERE a.attrelid = to_regclass($1) AND a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped
"""


def entities() -> Iterator[Entity]:
    """Every entity set that a module of the orchestrator declares."""
    for module in pkgutil.walk_packages(podium.orchestrator.__path__, "podium.orchestrator."):
        if module.name.rpartition(".")[2] == "entity":
            found = vars(importlib.import_module(module.name)).values()
            yield from (value for value in found if isinstance(value, Entity))


class TestNullable:
    async def test_a_member_that_is_never_null_is_a_column_that_cannot_be(self, node: Node) -> None:
        """A page in the order of such a member goes on by a comparison that a null would fall out of."""
        wrong: list[str] = []
        seen = 0
        for entity in entities():
            columns = (
                {row["name"] for row in await node.rows(NOT_NULL, entity.table)} if " " not in entity.table else None
            )
            for name, declared in entity.properties.items():
                column = COLUMN.fullmatch(declared.sql)
                if declared.nullable or column is None or columns is None:
                    continue
                seen += 1
                if column[1] not in columns:
                    wrong.append(f"{entity.name}.{name}")
        assert wrong == []
        assert seen > 10
