"""The words of the reader: what it reads, what it is asked for, and where it is."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum

Value = str | int | float | bool | datetime | None


class Token(StrEnum):
    """What was read last, by the names that messages use."""

    NONE = "None"
    START_OBJECT = "StartObject"
    START_ARRAY = "StartArray"
    NAME = "PropertyName"
    COMMENT = "Comment"
    INTEGER = "Integer"
    FLOAT = "Float"
    TEXT = "String"
    FLAG = "Boolean"
    NULL = "Null"
    UNDEFINED = "Undefined"
    DATE = "Date"
    END_OBJECT = "EndObject"
    END_ARRAY = "EndArray"
    END_CONSTRUCTOR = "EndConstructor"


class Wanted(StrEnum):
    """The kinds that are read in a way of their own."""

    INT32 = "integer"
    DOUBLE = "double"
    TEXT = "string"
    FLAG = "boolean"
    INSTANT = "DateTime"


class State(StrEnum):
    """Where the reader is between two tokens."""

    START = "Start"
    PROPERTY = "Property"
    OBJECT_START = "ObjectStart"
    OBJECT = "Object"
    ARRAY_START = "ArrayStart"
    ARRAY = "Array"
    POST_VALUE = "PostValue"
    FINISHED = "Finished"


STARTS = (Token.START_OBJECT, Token.START_ARRAY)
CLOSES = {Token.END_OBJECT: "Object", Token.END_ARRAY: "Array", Token.END_CONSTRUCTOR: "Constructor"}
NUMBER_STARTS = frozenset("-.0123456789")
NOT_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Scope:
    """An object or array that is open: the member or the index where the reader is in it."""

    __slots__ = ("index", "kind", "name")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.index = -1
        self.name = ""
