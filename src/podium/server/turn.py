"""One request from its first byte to its answer: authenticate, admit, decode, handle, encode; one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import asyncpg
import structlog

from podium.identity.oidc.errors import OAuthError
from podium.identity.results import Refused
from podium.kernel import audit, idempotency, newtonsoft, outbox
from podium.kernel.call import Actor, Call, Services
from podium.kernel.contract import Contract, Param, Row
from podium.kernel.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    NotBuilt,
    NotFound,
    Unauthenticated,
    Unavailable,
    ValidationProblem,
)
from podium.kernel.log import call_log
from podium.kernel.newtonsoft.problems import shown
from podium.kernel.operation import Operation
from podium.kernel.validation import convert, decode
from podium.server import addresses, metrics, paging, render
from podium.server.addresses import Address
from podium.server.admit import Admission, Admitter
from podium.server.admit_identity import IdentityAdmitter
from podium.server.authenticate import NOT_AUTHENTICATED, Authenticator
from podium.server.dispatch import Dispatcher, Found, MethodNotAllowed
from podium.server.render import Answer
from podium.server.request import Disconnected, Request
from podium.server.subjects import state_before

log = structlog.get_logger("podium.calls")

Route = tuple[Row, Operation | None]


class Turn:
    """Answers requests of both contexts. One per process; holds no state of a request."""

    def __init__(
        self,
        services: Services,
        contract: Contract,
        operations: Iterable[Operation],
        authenticator: Authenticator,
        admitter: Admitter,
        identity_admitter: IdentityAdmitter,
    ) -> None:
        self._services = services
        self._authenticator = authenticator
        self._admitter = admitter
        self._identity_admitter = identity_admitter
        self._calls = call_log()
        bound = {operation.row.id: operation for operation in operations}
        self._routes = {
            context: Dispatcher(
                (row.method, row.path, (row, bound.get(row.id))) for row in contract.of_context(context)
            )
            for context in (addresses.ORCHESTRATOR, addresses.IDENTITY)
        }

    async def answer(self, request: Request) -> Answer:
        """The complete answer; errors are rendered, nothing but Disconnected and cancellation leaves."""
        started = time.perf_counter()
        address = addresses.resolve(request.path)
        seen: dict[str, Any] = {"operation": "-"}
        try:
            answer = await self._answer(request, address, seen)
        except Disconnected:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: whatever happens below becomes an answer and a log line
            answer = self._refusal(error, request, address)
        if address.context == addresses.ORCHESTRATOR and address.path[:6].lower() == "/odata":
            status, kind, body, headers, file = answer
            answer = Answer(status, kind, body, (*headers, render.ODATA_VERSION), file)
        self._record(request, answer, seen, time.perf_counter() - started)
        return answer

    async def _answer(self, request: Request, address: Address, seen: dict[str, Any]) -> Answer:
        routes = self._routes.get(address.context)
        found: Found[Route] | None = None
        try:
            found = routes.find(request.method, address.path) if routes else None
        except MethodNotAllowed as error:
            return _method_not_allowed(request, error)
        if found is None:
            raise NotFound(f"No operation {request.method} {address.path}.", 0)
        row, operation = found.target
        seen["operation"] = row.id
        now = self._services.clock()
        actor, bound_tenant = await self._actor(request, row, now)
        seen["actor"] = actor.name
        if operation is None:
            if actor.kind == "anonymous" and not self._admitter.gate(row).anonymous:
                raise Unauthenticated(NOT_AUTHENTICATED)
            raise NotBuilt(
                f"{row.id} is part of the published contract; this version of Podium does not answer it yet."
            )
        call = self._call(request, row, actor, now)
        if address.context == addresses.ORCHESTRATOR:
            await self._admit(call, row, address, bound_tenant)
            seen["tenant"] = call.tenant_id
        else:
            call.organization_id, call.reach = await self._identity_admitter.admit(
                row, self._admitter.gate(row), address, actor, found.parameters
            )
            call.organization_name = address.organization or ""
            call.tenant_name = address.tenant or ""
        call.path = address.path
        raw = b"" if operation.body is None else await request.body(self._services.config.body_limit_bytes)
        arguments = self._arguments(operation, found, call, raw)
        call.body = arguments.get("body")
        base = f"{call.public_url}{address.prefix}"
        key = idempotency.key_of(call) if operation.idempotent and actor.kind != "anonymous" else None
        if key is not None:
            return await self._run_once(operation, call, arguments, key, idempotency.digest_of(call, raw), base)
        value = await self._run(operation, call, arguments)
        return _rendered(paging.linked(value, call, base), row, base)

    async def _actor(self, request: Request, row: Row, now: Any) -> tuple[Actor, int | None]:
        if self._admitter.gate(row).anonymous:
            return Actor("anonymous"), None  # a stale token must not keep anybody from signing in
        return await self._authenticator.actor(request, now)

    def _call(self, request: Request, row: Row, actor: Actor, now: Any) -> Call:
        return Call(
            row=row,
            services=self._services,
            db=_NO_CONNECTION,
            now=now,
            actor=actor,
            headers=request.headers,
            query=paging.query_of(request.method, request.query(), request.headers),
            stream=request.stream,
            gone=request.gone,
            public_url=self._services.config.public_url,
            trace_id=request.trace_id,
            query_string=request.query_string,
            client_address=request.client_address,
            organization_id=actor.organization_id,
        )

    async def _admit(self, call: Call, row: Row, address: Address, bound_tenant: int | None) -> None:
        gate = self._admitter.gate(row)
        try:
            tenant = await self._admitter.tenant(address, call.headers, call.actor, bound_tenant)
        except Forbidden:
            if gate.anonymous:
                return
            if call.actor.kind == "anonymous":
                raise Unauthenticated(NOT_AUTHENTICATED) from None
            raise
        admission: Admission = await self._admitter.admit(row, tenant, call.headers, call.actor)
        call.tenant_id, call.tenant_key, call.tenant_name = tenant.id, tenant.key, tenant.name
        call.organization_id = tenant.organization_id
        call.organization_name = address.organization or self._services.config.organization
        call.reach, call.folder = admission.reach, admission.folder
        if admission.user_id != call.actor.user_id:
            call.actor = call.actor._replace(user_id=admission.user_id)

    def _arguments(self, operation: Operation, found: Found[Route], call: Call, raw: bytes) -> dict[str, object]:
        values: dict[str, object] = {}
        lowered = {name.lower(): value for name, value in call.query.items()} if operation.arguments else {}
        is_identity = operation.row.context == addresses.IDENTITY
        for argument in operation.arguments:
            if argument.param.place == "path":
                text: str | None = found.parameters[argument.param.name]
            else:
                text = lowered.get(argument.param.name.lower()) or None
            if text is None:
                values[argument.name] = argument.default
            else:
                values[argument.name] = (_converted if is_identity else convert)(text, argument.param)
        if operation.body is not None:
            if operation.body_optional and not raw.strip():
                values["body"] = None
            elif is_identity:
                if raw:
                    newtonsoft.check_media_type(call.headers)
                values["body"] = newtonsoft.decode(raw, operation.body)
            else:
                values["body"] = decode(raw, operation.body, parameter=_parameter_name(operation))
        return values

    async def _run(self, operation: Operation, call: Call, arguments: dict[str, object]) -> object:
        database = self._services.db
        if not operation.connected:
            value = await operation.handler(call, **arguments)
        elif not operation.atomic:
            async with database.acquire() as connection:
                call.db = connection
                value = await operation.handler(call, **arguments)
        else:
            async with database.transaction() as connection:
                call.db = connection
                value = await self._changed(operation, call, arguments)
        _after_commit(call)
        return value

    async def _changed(self, operation: Operation, call: Call, arguments: dict[str, object]) -> object:
        """The handler's result, with its events and its audit row in the call's transaction."""
        call.in_transaction = True
        before = await state_before(call, arguments) if operation.audited else None
        value = await operation.handler(call, **arguments)
        if before is not None:
            call.audit.setdefault("before", before)
        if call.events:
            await outbox.add(call.db, call.tenant_id, call.actor.user_id, call.now, call.events)
        if operation.audited:
            await audit.add(call)
        return value

    async def _run_once(
        self, operation: Operation, call: Call, arguments: dict[str, object], key: str, request: bytes, base: str
    ) -> Answer:
        """The answer of the first call with that key, this one or an earlier."""

        async def carried_out() -> idempotency.Answered:
            answer = _rendered(await self._changed(operation, call, arguments), call.row, base)
            return idempotency.Answered(answer.status, answer.content_type, answer.headers, answer.body.decode())

        async with self._services.db.transaction() as connection:
            call.db = connection
            found = await idempotency.once(call, key, request, carried_out)
        _after_commit(call)
        return Answer(found.status, found.content_type, found.body.encode(), tuple(found.headers))

    def _refusal(self, error: Exception, request: Request, address: Address) -> Answer:
        if isinstance(error, OAuthError):
            return Answer(
                error.status, render.JSON, error.body(), (("cache-control", "no-store"), ("pragma", "no-cache"))
            )
        if isinstance(error, Refused):
            return Answer(400, render.JSON, error.body())
        if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError):
            log.warning("deadlock", path=request.path, detail=error.detail, trace=request.trace_id)
            error = Unavailable("The change met another one of this moment, and nothing of it was done: send it again.")
        if isinstance(error, asyncpg.UniqueViolationError | asyncpg.ForeignKeyViolationError):
            # Two calls met in the database; its constraint decided, and the loser is told so.
            log.warning("conflict", path=request.path, constraint=error.constraint_name, trace=request.trace_id)
            error = Conflict("The change collides with another one of this moment.")
        if not isinstance(error, ApiError):
            log.error("call failed", path=request.path, trace=request.trace_id, exc_info=error)
            error = _Unexpected("An error has occurred.")
        if address.context == addresses.IDENTITY:
            return render.identity_error(error, request.trace_id)
        return render.orchestrator_error(error, request.trace_id)

    def _record(self, request: Request, answer: Answer, seen: dict[str, Any], seconds: float) -> None:
        operation = seen["operation"]
        metrics.observe(operation, answer.status, seconds)
        fields = {"method": request.method, "status": answer.status, "ms": round(seconds * 1000, 2)}
        self._calls.write(self._services.clock(), {**fields, "trace": request.trace_id, **seen})


class _Unexpected(ApiError):
    """500: a defect of ours; the log has the trace."""

    status = 500


class _NoConnection:
    """Stands in a call until its handler runs: nothing before that may touch the database."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("the connection of a call is there while its handler runs")


_NO_CONNECTION: Any = _NoConnection()


def _after_commit(call: Call) -> None:
    for action in call.after_commit:
        action()


def _rendered(value: object, row: Row, base: str) -> Answer:
    return render.result(value, row.success, base, is_odata=row.path.startswith("/odata"))


def _converted(text: str, param: Param) -> object:
    """A parameter of the identity server; its refusal has the same shape for the path and the query."""
    try:
        return convert(text, param)
    except (BadRequest, NotFound):
        raise ValidationProblem({param.name: [f"The value '{shown(text)}' is not valid."]}) from None


def _parameter_name(operation: Operation) -> str:
    """The vendor's message names the action's parameter: `startInfo must not be null`."""
    return operation.row.body_model[:1].lower() + operation.row.body_model[1:] or "body"


def _method_not_allowed(request: Request, error: MethodNotAllowed) -> Answer:
    refusal = _MethodNotAllowed(f"{request.method} is not allowed here; {', '.join(error.allowed)} is.")
    answer = render.orchestrator_error(refusal, request.trace_id)
    return answer._replace(headers=(("allow", ", ".join(error.allowed)),))


class _MethodNotAllowed(ApiError):
    """405."""

    status = 405
