"""Writes docs/reference/openid-conformance.md from the tests of this folder:

python tests/api/identity/conformance/page.py

A test is a module's when its name is the module's; the first paragraph of its docstring says how the module fares and
begins with `Not supported:` where the plan lets a provider say so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[3] / "docs" / "reference" / "openid-conformance.md"
NOT_SUPPORTED = "Not supported: "

PLANS: Mapping[str, tuple[str, ...]] = {
    "Basic OP": (
        "oidcc-server",
        "oidcc-response-type-missing",
        "oidcc-idtoken-signature",
        "oidcc-idtoken-unsigned",
        "oidcc-userinfo-get",
        "oidcc-userinfo-post-header",
        "oidcc-userinfo-post-body",
        "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
        "oidcc-scope-profile",
        "oidcc-scope-email",
        "oidcc-scope-address",
        "oidcc-scope-phone",
        "oidcc-scope-all",
        "oidcc-alternate-happy-flow",
        "oidcc-display-page",
        "oidcc-display-popup",
        "oidcc-prompt-login",
        "oidcc-prompt-none-not-logged-in",
        "oidcc-prompt-none-logged-in",
        "oidcc-max-age-1",
        "oidcc-max-age-10000",
        "oidcc-ensure-request-with-unknown-parameter-succeeds",
        "oidcc-id-token-hint",
        "oidcc-login-hint",
        "oidcc-ui-locales",
        "oidcc-claims-locales",
        "oidcc-ensure-request-with-acr-values-succeeds",
        "oidcc-codereuse",
        "oidcc-codereuse-30seconds",
        "oidcc-ensure-registered-redirect-uri",
        "oidcc-ensure-post-request-succeeds",
        "oidcc-server-client-secret-post",
        "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
        "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
        "oidcc-claims-essential",
        "oidcc-ensure-request-object-with-redirect-uri",
        "oidcc-refresh-token",
        "oidcc-ensure-request-with-valid-pkce-succeeds",
    ),
    "Config OP": ("oidcc-discovery-endpoint-verification",),
    "RP-initiated logout": (
        "oidcc-rp-initiated-logout-discovery-endpoint-verification",
        "oidcc-rp-initiated-logout",
        "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-modified-id-token-hint",
        "oidcc-rp-initiated-logout-no-id-token-hint",
        "oidcc-rp-initiated-logout-no-params",
        "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-no-state",
        "oidcc-rp-initiated-logout-only-state",
        "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
        "oidcc-rp-initiated-logout-bad-id-token-hint",
    ),
}

HEAD = """\
# OpenID conformance

Written by `python tests/api/identity/conformance/page.py` from the tests beside it, one of which compares the two: do
not edit.

The modules of the plans *Basic OP*, *Config OP* and *RP-initiated logout* of the OpenID conformance suite, each as a
test of our own that was written from the specifications; a test is found by the module's name, with `_` for `-`. This
is no run of the suite and no certification. The tests send a confidential client and a browser against a whole server
with its pages, behind an https address. *pass*: the test holds. *not supported*: the plan lets a provider do without,
and the test holds that it says so in the way the specification has for it.

Numbers are sections of OpenID Connect Core 1.0, in the last two tables of OpenID Connect Discovery 1.0 and of
RP-Initiated Logout 1.0.
"""


class Fate(NamedTuple):
    """How a module fares, and by what."""

    is_supported: bool
    how: str

    @property
    def result(self) -> str:
        return "pass" if self.is_supported else "not supported"


def name_of_test(module: str) -> str:
    """The name of a module's test."""
    return f"test_{module.replace('-', '_')}"


def fates(folder: Path = HERE) -> Iterator[tuple[str, Fate]]:
    """Name and fate of every test of a module, as the files have them: a name may come twice."""
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_oidcc_"):
                yield node.name, _fate(ast.get_docstring(node) or "")


def _fate(docstring: str) -> Fate:
    text = " ".join(docstring.partition("\n\n")[0].split())
    how = text.removeprefix(NOT_SUPPORTED)
    return Fate(how == text, how[:1].upper() + how[1:])


def page() -> str:
    """The page. Raises KeyError for a module without a test."""
    found = dict(fates())
    lines = [HEAD]
    for plan, modules in PLANS.items():
        of_plan = [found[name_of_test(module)] for module in modules]
        passed = sum(fate.is_supported for fate in of_plan)
        lines += [f"## {plan}: {passed} pass, {len(of_plan) - passed} not supported", "", "| module | result | how |"]
        lines.append("|---|---|---|")
        lines += [f"| {module} | {fate.result} | {fate.how} |" for module, fate in zip(modules, of_plan, strict=True)]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
