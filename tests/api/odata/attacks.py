"""Hostile query options, written down as a grammar: what to say, and where to say it.

`listed` draws from it with a seed, so that the list is the same in every run.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

GUID = "1b2c3d4e-1111-4222-8333-0123456789ab"
SEED = 20_251_122
TEXT, TIME, WORD = "PropertyT", "PropertyM", "PropertyW"

# What breaks a statement that is put together from text.
INJECTIONS = (
    "' OR '1'='1", "'' OR 1=1", "'; DROP TABLE orchestrator.jobs; --", "') OR ('a'='a", "' UNION SELECT * FROM pg_user--",
    "x'||(SELECT version())||'", "1; SELECT pg_sleep(5)", "$1", "$1::text", "%s", "%(x)s", "{0}", "{t}", "{n}.id", "\\'",
    "\\", "/*", "*/", "--", "# comment", "U&'\\0027'", "E'\\x27'", "$$a$$", "$tag$ a $tag$", '"', '""', "`", "]]", "[1]",
    "0x27", "CHR(39)", "current_user", "pg_read_file('/etc/passwd')", "lo_import('/etc/passwd')", "COPY t TO PROGRAM 'id'",
    "CAST(1 AS text)", "t.tenant_id", "tenant_id", "t.*", "ctid", "xmin", "podium_row", "podium_place_0", "__class__",
    "constructor", "../../etc/passwd", "<script>", "${jndi:ldap://x}", "\r\nSet-Cookie: a=b", "%27%20OR%201=1", "%2527",
)  # fmt: skip
# Texts that decode, fold or compare in surprising ways.
TEXTS = (
    "\x00", "a\x00b", "\u202egnirts", "a\u200bb", "e\u0301", "\u00e9", "\u0130stanbul", "\u0131", "\u212a", "\ufb01", "\U0001f916",
    "\U00010ffff", "\ufffe", "\ufeff", "\u2028", "\x1b[31m", "\x7f", "\u0660\u0661", "\uff11", "ss\u00df", "a" * 4000, "%", "_", "%_\\",
    "%" * 500, "_" * 500, "(" * 500, "'" * 501,
)  # fmt: skip
LITERALS = (
    "0", "-0", "1", "-1", "1.5", "1e308", "1e309", "-1e309", "1e-400", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "2147483648", "9" * 400, "1L", "1d", "1f", "1m", "1e5L", "0x10", "1_000",
    "NaN", "INF", "-INF", "Infinity", "true", "false", "TRUE", "null", "NULL", "'text'", "''", "'0'", "'null'", GUID,
    f"'{GUID}'", f"guid'{GUID}'", "guid'x'", f"{{{GUID}}}", "2024-02-29", "2023-02-29", "0000-00-00", "9999-12-31",
    "2024-01-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00+99:99", "2024-01-01T00:00:00.123456789012Z",
    "datetime'2024-01-01T00:00:00'", "datetime'x'", "duration'P1D'", "binary'AA=='", "geography'POINT(1 1)'", "X'00'",
    "UiPath.Server.Configuration.OData.JobState'Pending'", "Some.Kind'Nonsense'", "Some.Kind'0'", "now()", "Id", "Name", "[1,2]",
    '{"a":1}', "@p1", "$it", "$root/Jobs(1)", "Edm.String",
)  # fmt: skip
OPERATORS = (
    "eq",
    "ne",
    "gt",
    "ge",
    "lt",
    "le",
    "has",
    "in",
    "add",
    "div",
    "mod",
    "=",
    "==",
    "<>",
    "like",
    "is",
    "EQ",
    "||",
)
FUNCTIONS = (
    "contains", "startswith", "endswith", "substringof", "indexof", "tolower", "toupper", "trim", "length", "year", "month",
    "day", "hour", "minute", "second", "date", "now", "concat", "substring", "round", "floor", "ceiling", "cast", "isof", "time",
    "totaloffsetminutes", "mindatetime", "maxdatetime", "geo.distance", "matchesPattern", "pg_sleep", "version", "lower",
    "length; --", "system", "eval", "any", "all", "not", "and",
)  # fmt: skip
NAMES = (
    "Id", "Key", "Name", "State", "CreationTime", "ReleaseName", "DisplayName", "Description", "FullyQualifiedName", "Level",
    "TimeStamp", "Message", "IsActive", "UserName", "ProcessKey", "Robot", "Robot/Id", "Robot/Name", "Release/Name",
    "Machine/Name", "RobotVersions", "Tags", "UserRoles", "tenant_id", "TenantId", "PasswordHash", "LicenseKey", "ClientSecret",
    "Robot/Machine/Robots/Jobs/Robot/Machine/Robots/Jobs", "a/b/c/d/e/f/g/h/i", "/", "Id/", "/Id", "Robot//Id", "$count", "*",
    "Id/$count", "Id.Name", "Id Name", "id", "ID", "_", "__proto__", "\u0406d", "I\u0000d", "x" * 300,
)  # fmt: skip
COUNTS = (
    "-1", "-0", "1e9", "1e12", "1000000000", "1000000000000", "1001", "2147483648", "9223372036854775808", "9" * 5000, "", " ", "+5",
    " 5", "5.0", "0x5", "\u0665", "NaN", "null", "true", "1,2", "1;DROP TABLE x", "'5'", "5L", "1 OR 1=1",
)  # fmt: skip
UNKNOWN = (
    "$apply",
    "$search",
    "$compute",
    "$deltatoken",
    "$levels",
    "$index",
    "$id",
    "$it",
    "$schemaversion",
    "$",
    "$$filter",
    "$filter ",
)
OPTIONS = ("$filter", "$orderby", "$select", "$expand", "$top", "$skip", "$count", "$skiptoken", "$format")


@dataclass(frozen=True)
class Attack:
    """`kind` says what it tries; `query` is the query string as it is sent, with TEXT, TIME and WORD in it for names.

    These stand for a property of the list that is a text, a moment or an enumeration.
    """

    kind: str
    query: str

    def of(self, text: str, time: str, word: str) -> str:
        """The query string for a list with properties of these names."""
        return self.query.replace(TEXT, text).replace(TIME, time).replace(WORD, word)


def encoded(**options: str) -> str:
    """A query string; the names' first letter stands for `$`."""
    return "&".join(f"${name}={_quoted(text)}" for name, text in options.items())


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


class Grammar:
    """Draws attacks of every kind in turn."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a list that is the same in every run
        self._kinds: tuple[Callable[[], str], ...] = (
            self.injection, self.name, self.confusion, self.function, self.text, self.count, self.expansion, self.unknown,
            self.token, self.repetition, self.scraps, self.encoding, self.well_formed, self.well_formed, self.well_formed,
            self.well_formed,
        )  # fmt: skip

    def attacks(self) -> Iterator[Attack]:
        while True:
            for kind in self._kinds:
                yield Attack(kind.__name__, kind())

    def _one(self, choices: tuple[str, ...]) -> str:
        return self._random.choice(choices)

    def _condition(self) -> str:
        return f"{self._one(NAMES)} {self._one(OPERATORS)} {self._one(LITERALS)}"

    def injection(self) -> str:
        bad = self._one(INJECTIONS)
        name = self._one(NAMES[:12])
        forms = (
            bad,
            f"{name} eq {bad}",
            f"{name} eq '{bad}'",
            f"{name} eq '{bad.replace(chr(39), chr(39) * 2)}'",
            f"contains({name},'{bad.replace(chr(39), chr(39) * 2)}')",
            f"{name} in ('{bad}','x')",
            f"{bad} eq 1",
            f"Id eq 1 {bad}",
            f"Id eq 1) {bad} (Id eq 1",
            f"{name}/any(x: x eq '{bad}')",
        )
        option = self._one(("filter",) * 6 + ("orderby", "select", "expand", "search", "apply"))
        return encoded(**{option: self._one(forms)})

    def well_formed(self) -> str:
        """Hostile values where values belong: they pass the parser and reach the statement as parameters."""
        value = self._one((*INJECTIONS, *TEXTS[2:])).replace("'", "''")
        other = self._one(INJECTIONS).replace("'", "''")
        condition = self._one(
            (
                f"{TEXT} eq '{value}'",
                f"{TEXT} ne '{value}' or not ({TEXT} gt '{other}')",
                f"contains({TEXT},'{value}')",
                f"contains(tolower({TEXT}),tolower('{value}')) and startswith({TEXT},'{other}')",
                f"endswith({TEXT},'{value}') eq false",
                f"indexof({TEXT},'{value}') ge 0 or length(trim({TEXT})) gt {self._random.randrange(2**31)}",
                f"{TEXT} in ('{value}','{other}',null)",
                f"'{value}' eq {TEXT} or {TEXT} eq null",
                f"{TIME} lt now() and year({TIME}) le {self._one(LITERALS[:4])}",
                f"{TIME} ge 0001-01-01T00:00:00Z and date({TIME}) lt 9999-12-31",
                f"Id gt {self._one(LITERALS[:5])} and Id lt 9223372036854775807L and Id in (1,2,-9223372036854775808)",
                f"Id gt 1e308 or Id lt -1.5d or Id eq {self._one(LITERALS[:5])}",
                f"{WORD} ne null or contains({WORD},'{value}')",
            )
        )
        order = self._one(
            (TEXT, f"{TIME} desc,{TEXT}", f"tolower({TEXT}) desc", f"length({TEXT}),Id", f"{WORD},{WORD} desc")
        )
        return encoded(filter=condition, orderby=order, select=self._one(("Id", TEXT, "*", f"Id,{TEXT},id")))

    def name(self) -> str:
        names = ",".join(self._one(NAMES) for _ in range(self._random.randrange(1, 8)))
        order = f"{self._one(NAMES)} {self._one(('asc', 'desc', 'DESC NULLS LAST', 'using <', ''))}"
        return self._one((encoded(select=names), encoded(orderby=order), encoded(orderby=names), encoded(expand=names)))

    def confusion(self) -> str:
        terms = [self._condition() for _ in range(self._random.randrange(1, 3))]
        return encoded(filter=self._one((" and ", " or ", " and not ", " xor ")).join(terms))

    def function(self) -> str:
        given = ",".join(self._one((*NAMES[:12], *LITERALS)) for _ in range(self._random.randrange(4)))
        call = f"{self._one(FUNCTIONS)}({given})"
        return self._one(
            (
                encoded(filter=call),
                encoded(filter=f"{call} {self._one(OPERATORS)} {self._one(LITERALS)}"),
                encoded(orderby=call),
                encoded(filter=f"{self._one(NAMES)}/{self._one(('any', 'all', 'sum', 'Any'))}(x: {call})"),
            )
        )

    def text(self) -> str:
        bad = self._one(TEXTS)
        return self._one(
            (
                encoded(filter=f"Name eq '{bad}'"),
                encoded(filter=f"contains(Name,'{bad}')"),
                encoded(filter=f"startswith(tolower(Name),tolower('{bad}'))"),
                encoded(filter=bad),
                encoded(orderby=bad),
                encoded(select=bad),
                encoded(expand=bad),
            )
        )

    def count(self) -> str:
        return encoded(**{self._one(("top", "skip", "count")): self._one(COUNTS)})

    def expansion(self) -> str:
        name = self._one(NAMES[:20])
        depth = self._random.choice((2, 3, 20, 200))
        inside = f"$filter={self._condition()};$select={self._one(NAMES)};$top={self._one(COUNTS)}"
        return encoded(
            expand=self._one(
                (
                    f"{name}({inside})",
                    f"{name}($expand=" * depth + name + ")" * depth,
                    "/".join(["Robot"] * depth),
                    ",".join([name] * depth),
                    f"{name}($levels=max)",
                    f"{name}($ref)",
                    f"{name}/$count",
                    f"{name}({inside}",
                    f"{name}()",
                    "*",
                )
            )
        )

    def unknown(self) -> str:
        return f"{self._one(UNKNOWN)}={_quoted(self._one((*INJECTIONS, *LITERALS)))}"

    def token(self) -> str:
        place = [self._random.choice([1, -1, "x", None, True, 1e308, 2**70, [1], {"a": 1}, "\x00"]) for _ in range(3)]
        digest = self._one(("", "a" * 18, "0" * 40))
        forged = json.dumps([1, digest, self._random.choice([1, 0, -1, None]), None, place]).encode()
        text = self._one((base64.urlsafe_b64encode(forged).decode().rstrip("="), *INJECTIONS, *LITERALS))
        return encoded(skiptoken=text, **({"orderby": "Name"} if self._random.random() < 0.5 else {}))

    def repetition(self) -> str:
        times = self._random.choice((50, 500, 5000))
        deep = self._random.choice((33, 500, 5000))
        unit = self._one(
            ("(", "not ", "tolower(", "Id eq 1 or ", "a/", "1,", "''", "x/any(y:", "-", "Id in (", "$", "eq ")
        )
        return self._one(
            (
                encoded(filter=" or ".join(["Id eq 1"] * times)),
                encoded(filter="(" * deep + "Id eq 1" + ")" * deep),
                encoded(filter="not " * deep + "(Id eq 1)"),
                encoded(filter=f"Id in ({','.join(['1'] * times)})"),
                encoded(filter=unit * times),
                encoded(orderby=",".join(["Id"] * times)),
                encoded(select=",".join(["Id"] * times)),
                encoded(filter="Name eq '" + "a" * self._random.choice((8_000, 20_000, 200_000)) + "'"),
                "&".join(["$filter=Id%20eq%201"] * times),
                "&".join(f"a{number}=1" for number in range(times)),
            )
        )

    def scraps(self) -> str:
        scraps = (
            *NAMES[:8],
            *LITERALS[:30],
            *OPERATORS,
            "(",
            ")",
            ",",
            ":",
            "'",
            "/",
            ";",
            "=",
            "any(x:",
            "and",
            "or",
            "not",
        )
        text = self._one(("", " ")).join(self._one(scraps) for _ in range(self._random.randrange(2, 30)))
        return encoded(**{self._one(("filter", "orderby", "expand", "select")): text})

    def encoding(self) -> str:
        option = self._one(OPTIONS)
        return self._one(
            (
                f"{option}=%00",
                f"{option}=%C0%AF",
                f"{option}=%ED%A0%80",
                f"{option}=%FF",
                f"{option}=%",
                f"{option}=%zz",
                f"{option.upper()}=1&{option}=2",
                f"%24{option[1:]}=x&{option}=y",
                f"{option}",
                f"{option}[]=1",
                f"{option}=1;{option}=2",
                f"={option}",
                f"{option}=a+b%2Bc%20d",
                "&&&=&",
            )
        )


def listed(count: int, seed: int = SEED) -> list[Attack]:
    """That many different attacks; the same ones for the same seed."""
    found: dict[str, Attack] = {}
    for attack in Grammar(seed).attacks():
        found.setdefault(attack.query, attack)
        if len(found) == count:
            return list(found.values())
    raise AssertionError("the grammar has no end")
