"""Binds what the reader reads to a model, and goes on after an error where Newtonsoft's serializer does.

An error inside an object or an array is noted there; then what is left of the faulty value is passed over. When that
fails, too, the error goes to the next object or array outwards, and at last ends the reading. This is why one bad word
gives two messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from podium.kernel.newtonsoft.problems import Enough, Errors, Problem, Unfit, Unreadable, below, printed
from podium.kernel.newtonsoft.reader import Reader
from podium.kernel.newtonsoft.shapes import (
    ARRAY_EXAMPLE,
    OBJECT_EXAMPLE,
    Kind,
    Shape,
    members,
    members_by_folded_name,
)
from podium.kernel.newtonsoft.tokens import Token

SINGLE = (Token.INTEGER, Token.FLOAT, Token.FLAG, Token.DATE, Token.TEXT, Token.NULL, Token.UNDEFINED)
UNEXPECTED_END = "Unexpected end when deserializing object."

OBJECT_REMEDY = (
    "so that it is a normal .NET type (e.g. not a primitive type like integer, not a collection type like an array or "
    "List<T>) that can be deserialized from a JSON object. JsonObjectAttribute can also be added to the type to force "
    "it to deserialize from a JSON object."
)
ARRAY_REMEDY = (
    "to an array or a type that implements a collection interface (e.g. ICollection, IList) like List<T> that can be "
    "deserialized from a JSON array. JsonArrayAttribute can also be added to the type to force it to deserialize from "
    "a JSON array."
)


def bind(text: str, shape: Shape) -> tuple[Any, Errors]:
    """The value, None for a text without one, and what was wrong; with errors the value is of no use."""
    binding = _Binding(Reader(text))
    value = None
    try:
        value = binding.whole(shape)
    except Enough:
        pass
    except Problem as problem:
        binding.finish(problem)
    return value, binding.errors


class _Binding:
    """One body on its way into a model."""

    def __init__(self, reader: Reader) -> None:
        self.errors = Errors()
        self._reader = reader

    def finish(self, problem: Problem) -> None:
        """Note an error that nothing inside could go on after."""
        try:
            self._note(problem)
        except Enough:
            return

    def whole(self, shape: Shape) -> Any:
        """The value of the text and nothing behind it. Raises Problem and Enough."""
        if not self._advance(shape):
            return None
        value = self._value(shape)
        while not self.errors and self._reader.read():
            if self._reader.token is not Token.COMMENT:
                raise self._reader.unfit("Additional text found in JSON string after finishing deserializing object.")
        return value

    def _advance(self, shape: Shape) -> bool:
        wanted = shape.wanted
        return self._reader.read_content() if wanted is None else self._reader.read_as(wanted)

    def _value(self, shape: Shape) -> Any:
        reader = self._reader
        while True:
            token = reader.token
            if token is Token.START_OBJECT:
                return self._object(shape)
            if token is Token.START_ARRAY:
                return self._array(shape)
            if token in SINGLE:
                return self._single(shape)
            if token is not Token.COMMENT:
                raise reader.unfit(f"Unexpected token while deserializing object: {token}")
            if not reader.read():
                raise reader.unfit(UNEXPECTED_END)

    def _single(self, shape: Shape) -> Any:
        reader = self._reader
        try:
            return shape.take(reader.token, reader.value)
        except ValueError:
            shown = printed(reader.value)
        raise reader.unfit(f"Error converting value {shown} to type '{shape.clr}'.")

    # Objects

    def _object(self, shape: Shape) -> Any:
        if shape.kind is Kind.ANYTHING:
            return self._anything()
        if not self._reader.read():
            raise self._reader.unfit(UNEXPECTED_END)
        if shape.model is not None:
            found: dict[str, Any] = {}
            self._populate(lambda name: self._member(shape, name, found))
            return shape.model(**found) if not self.errors else None
        if shape.kind is Kind.MAP and shape.item is not None:
            item, entries = shape.item, dict[str, Any]()
            self._populate(lambda name: self._entry(item, name, entries))
            return entries
        raise self._reader.unfit(_wrong_container(OBJECT_EXAMPLE, shape, OBJECT_REMEDY))

    def _populate(self, take: Callable[[str], None]) -> None:
        """Read the members, each by `take`; the token is the first one inside the object."""
        reader = self._reader
        depth = reader.depth
        while reader.token is not Token.END_OBJECT:
            if reader.token is Token.NAME:
                name = str(reader.value)
                try:
                    take(name)
                except Unreadable as problem:
                    caught: Unreadable | None = problem
                else:
                    caught = None
                if caught is not None:
                    self._note(caught, name)
                    self._recover(depth)
            elif reader.token is not Token.COMMENT:
                raise reader.unfit(f"Unexpected token when deserializing object: {reader.token}")
            if not reader.read():
                self._note(reader.unfit(UNEXPECTED_END))
                return

    def _member(self, shape: Shape, name: str, found: dict[str, Any]) -> None:
        assert shape.model is not None
        member = members(shape.model).get(name) or members_by_folded_name(shape.model).get(name.lower())
        if member is None:
            if self._reader.read():
                self._reader.skip()
            return
        if not self._advance(member.shape):
            raise self._reader.unfit(f"Unexpected end when setting {name}'s value.")
        found[member.attribute] = self._value(member.shape)

    def _entry(self, item: Shape, name: str, entries: dict[str, Any]) -> None:
        if not self._advance(item):
            raise self._reader.unfit(UNEXPECTED_END)
        entries[name] = self._value(item)

    # Arrays

    def _array(self, shape: Shape) -> Any:
        if shape.kind is Kind.ANYTHING:
            return self._anything()
        if shape.item is None or shape.kind is not Kind.ARRAY:
            raise self._reader.unfit(_wrong_container(ARRAY_EXAMPLE, shape, ARRAY_REMEDY))
        return self._items(shape.item)

    def _items(self, item: Shape) -> list[Any]:
        reader = self._reader
        depth = reader.depth
        found: list[Any] = []
        failed_at: int | None = None
        while True:
            caught: Unreadable | None = None
            try:
                if not self._advance(item):
                    break
                if reader.token is Token.END_ARRAY:
                    return found
                if reader.token is not Token.COMMENT:
                    found.append(self._value(item))
            except Unreadable as problem:
                caught = problem
            if caught is not None:
                index = reader.index_at(depth)
                self._note(caught)
                self._recover(depth)
                if failed_at == index:
                    raise reader.unfit("Infinite loop detected from error handling.")
                failed_at = index
        self._note(reader.unfit("Unexpected end when deserializing array."))
        return found

    # Values of any kind

    def _anything(self) -> Any:
        """The object or array that begins here, as it is."""
        reader = self._reader
        if reader.token is Token.START_ARRAY:
            items = []
            while self._next() is not Token.END_ARRAY:
                items.append(self._part())
            return items
        entries = {}
        while self._next() is not Token.END_OBJECT:
            name = str(reader.value)
            self._next()
            entries[name] = self._part()
        return entries

    def _part(self) -> Any:
        if self._reader.token in (Token.START_OBJECT, Token.START_ARRAY):
            return self._anything()
        return self._single(ANYTHING)

    def _next(self) -> Token:
        if not self._reader.read_content():
            raise self._reader.unfit(UNEXPECTED_END)
        return self._reader.token

    # Errors

    def _note(self, problem: Problem, member: str = "") -> None:
        """Note an error under its path. Raises Enough."""
        key = problem.path
        if isinstance(problem, Unfit) and member and member not in problem.names:
            key = below(key, member)
        self.errors.add(key, str(problem))

    def _recover(self, depth: int) -> None:
        """Pass over the rest of a faulty value, as far as the reader knows where it ends."""
        self._reader.skip()
        while self._reader.depth > depth + 1:
            if not self._reader.read():
                break


ANYTHING = Shape(Kind.ANYTHING, "System.Object", is_nullable=True)


def _wrong_container(example: str, shape: Shape, remedy: str) -> str:
    return (
        f"Cannot deserialize the current {example} into type '{shape.clr}' because the type requires a "
        f"{shape.description} to deserialize correctly.\nTo fix this error either change the JSON to a "
        f"{shape.description} or change the deserialized type {remedy}\n"
    )
