"""A compiled statement, and the statement with the values of one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from podium.kernel.odata.arguments import Parameter
from podium.kernel.odata.tree import Options

TOP, SKIP, NOW = -1, -2, -3  # parameters that are no literals
AFTER = -10  # the first of those that a continued page begins after; the second is one less
NONE: Mapping[int, object] = {}


@dataclass(frozen=True)
class Statement:
    """SQL and the values of its parameters."""

    sql: str
    args: tuple[object, ...]


@dataclass(frozen=True)
class Compiled:
    """SQL of one shape; `parameters` are what follows the caller's own arguments, in order."""

    sql: str
    parameters: tuple[Parameter | int, ...]

    def statement(
        self,
        options: Options,
        args: Sequence[object],
        top: int,
        now: datetime | None,
        more: Mapping[int, object] = NONE,
    ) -> Statement:
        """The statement with the values of these options; raises BadRequest for a value that no property can have.

        `more` are the values of further parameters that are no literals.
        """
        special = {TOP: top, SKIP: options.skip, NOW: now, **more}
        values: list[object] = [*args]
        for parameter in self.parameters:
            if isinstance(parameter, int):
                values.append(special[parameter])
            elif parameter.many:
                values.append([parameter.convert(literal) for literal in options.lists[parameter.index]])
            else:
                values.append(parameter.convert(options.literals[parameter.index]))
        return Statement(self.sql, tuple(values))
