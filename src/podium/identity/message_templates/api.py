"""Mail texts over the wire."""

from __future__ import annotations

from uuid import UUID

from asyncpg import Record
from msgspec import UNSET

from podium.identity.message_templates import store
from podium.identity.message_templates.rules import BUILT_IN, why_not, why_not_a_name
from podium.identity.names import fold
from podium.identity.row_ids import row_id
from podium.kernel.call import Call, given
from podium.kernel.errors import Conflict, NotFound, ValidationProblem
from podium.kernel.operation import operation
from podium.wire import identity as wire

COMPONENT = "MessageTemplate"


@operation("GET", "/api/MessageTemplate")
async def get_template_by_name(call: Call, name: str = "") -> wire.MessageTemplateDto:
    """The text of that name, in any case. The built-in ones are there from the first question on."""
    if not name.strip():
        raise ValidationProblem({"name": ["The name field is required."]})
    organization_id = await _organization(call)
    return _dto(_found(await store.by_name(call.db, organization_id, fold(name.strip()))))


@operation("GET", "/api/MessageTemplate/{templateId}")
async def get_template(call: Call, template_id: str) -> wire.MessageTemplateDto:
    """One text."""
    return _dto(await _one(call, row_id("templateId", template_id)))


@operation("POST", "/api/MessageTemplate")
async def create_template(call: Call, body: wire.CreateMessageTemplateCommand) -> int:
    """Add a text of the organization's own; its id."""
    name, value = given(body.name, "").strip(), given(body.value, "")
    _refuse({"name": why_not_a_name(name), "value": why_not(name, value)})
    organization_id = await _organization(call)
    id_ = await store.add(call.db, organization_id, name, fold(name), value, call.now)
    if id_ is None:
        raise Conflict(f"The name {name} is already used.")
    call.describe("Create", component=COMPONENT, entity_id=id_, name=name)
    return id_


@operation("PUT", "/api/MessageTemplate/{templateId}")
async def update_template(
    call: Call, template_id: str, body: wire.UpdateMessageTemplateCommand
) -> wire.MessageTemplateDto:
    """Write a text anew. A built-in one without a value is again as the server brings it."""
    id_ = row_id("templateId", template_id)
    if body.id is not UNSET and body.id != id_:
        raise ValidationProblem({"id": ["The id of the body is not that of the address."]})
    row, value = await _one(call, id_), given(body.value, "")
    is_default = row["is_built_in"] and not value.strip()
    if not is_default:
        _refuse({"value": why_not(row["name"], value)})
    assert call.organization_id is not None
    await store.change(call.db, call.organization_id, id_, "" if is_default else value, call.now)
    call.describe("Update", component=COMPONENT, entity_id=id_, name=row["name"])
    return _dto(await _one(call, id_))


@operation("DELETE", "/api/MessageTemplate/{templateId}")
async def delete_template(call: Call, template_id: str) -> None:
    """Remove a text of the organization's own; a built-in one is again as the server brings it."""
    id_ = row_id("templateId", template_id)
    row = await _one(call, id_)
    assert call.organization_id is not None
    if row["is_built_in"]:
        await store.change(call.db, call.organization_id, id_, "", call.now)
    else:
        await store.delete(call.db, call.organization_id, id_)
    call.describe("Delete", component=COMPONENT, entity_id=id_, name=row["name"])


async def _organization(call: Call) -> UUID:
    """The caller's organization, with a row for every built-in text."""
    assert call.organization_id is not None
    names = [one.name for one in BUILT_IN.values()]
    await store.ensure(call.db, call.organization_id, names, [fold(name) for name in names], call.now)
    return call.organization_id


async def _one(call: Call, id_: int) -> Record:
    assert call.organization_id is not None
    return _found(await store.by_id(call.db, call.organization_id, id_))


def _found(row: Record | None) -> Record:
    if row is None:
        raise NotFound("The message template does not exist.")
    return row


def _dto(row: Record) -> wire.MessageTemplateDto:
    built_in = BUILT_IN.get(row["name"].lower())
    default = built_in.value if built_in is not None and row["is_built_in"] else ""
    return wire.MessageTemplateDto(id=row["id"], name=row["name"], value=row["value"] or default)


def _refuse(reasons: dict[str, str | None]) -> None:
    wrong = {member: [reason] for member, reason in reasons.items() if reason is not None}
    if wrong:
        raise ValidationProblem(wrong)
