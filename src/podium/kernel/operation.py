"""Binds a function to one row of the contract.

A handler states method and path; scopes, permission, folder rule, parameters and success status are looked up in the
contract when the registry is built. What the function's signature names is what it is given:

- `call` first;
- path and query parameters of the row by their names in snake_case;
- `body`, decoded to the annotated struct of `podium.wire`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import ModuleType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from podium.kernel.contract import Contract, ContractError, Param, Row

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)

_MARK = "__podium_operation__"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a handler says of itself, before the contract is known."""

    method: str
    path: str
    handler: Handler
    atomic: bool
    audited: bool
    connected: bool
    idempotent: bool


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of the address that the handler asks for."""

    name: str
    param: Param
    default: object


@dataclass(frozen=True, slots=True)
class Operation:
    """A contract row with its handler.

    `atomic`: run in one transaction that commits when the handler returns. `audited`: the turn writes the audit row
    in that transaction. `connected`: the call has a connection while the handler runs. `idempotent`: with an
    Idempotency-Key the handler runs once, in a transaction whatever it says of itself.
    """

    row: Row
    handler: Handler
    atomic: bool
    audited: bool
    connected: bool
    idempotent: bool
    body: type | None
    body_optional: bool
    arguments: tuple[Argument, ...]


def operation(
    method: str,
    path: str,
    *,
    atomic: bool | None = None,
    audited: bool | None = None,
    connected: bool = True,
    idempotent: bool | None = None,
) -> Callable[[H], H]:
    """Mark a function as the handler of that row.

    `atomic` and `audited` default to true for everything but GET. A hot write whose change, audit and outbox are one
    statement says `atomic=False` and runs in autocommit; a POST that changes nothing, or that is a robot's traffic,
    says `audited=False`. `connected=False` is for calls that mostly need no database, or that wait: they take a
    connection from `call.services.db` when they do. `idempotent` defaults to true for every POST that has a connection;
    who says so without one looks at `call.in_transaction` and then uses `call.db`.
    """
    writes = method != "GET"

    def mark(handler: H) -> H:
        in_transaction = (writes and connected) if atomic is None else atomic
        is_audited = in_transaction if audited is None else audited
        is_idempotent = (method == "POST" and connected) if idempotent is None else idempotent
        binding = Binding(method, path, handler, in_transaction, is_audited, connected, is_idempotent)
        setattr(handler, _MARK, binding)
        return handler

    return mark


def bindings(module: ModuleType) -> list[Binding]:
    """The operations that a module defines, in the order of their definition."""
    found = (getattr(value, _MARK, None) for value in vars(module).values())
    return [binding for binding in found if binding is not None and binding.handler.__module__ == module.__name__]


def build(contract: Contract, modules: Iterable[ModuleType]) -> list[Operation]:
    """Join the modules' handlers to the contract. Raises ContractError for an unknown or doubly bound path."""
    bound: dict[str, Operation] = {}
    for module in modules:
        for binding in bindings(module):
            row = contract.row(binding.method, binding.path)
            if row.id in bound:
                raise ContractError(f"{binding.method} {binding.path} is bound twice, last by {module.__name__}")
            bound[row.id] = _join(row, binding)
    return list(bound.values())


def _join(row: Row, binding: Binding) -> Operation:
    signature = inspect.signature(binding.handler)
    hints = get_type_hints(binding.handler)
    known = {param.argument: param for param in (*row.query_params, *row.path_params)}
    arguments: list[Argument] = []
    body: type | None = None
    body_optional = False
    for position, (name, parameter) in enumerate(signature.parameters.items()):
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        if position == 0:
            continue
        if name == "body":
            body, body_optional = _without_none(hints["body"]), parameter.default is None
        elif name in known:
            arguments.append(Argument(name, known[name], default))
        else:
            raise ContractError(f"{row.method} {row.path}: its handler asks for `{name}`, which the row does not have")
    return Operation(
        row,
        binding.handler,
        binding.atomic,
        binding.audited,
        binding.connected,
        binding.idempotent,
        body,
        body_optional,
        tuple(arguments),
    )


def _without_none(hint: Any) -> Any:
    """`X | None` -> `X`."""
    members = [member for member in get_args(hint) if member is not type(None)]
    return members[0] if isinstance(hint, UnionType) and len(members) == 1 else hint
