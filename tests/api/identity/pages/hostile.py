"""Two hundred addresses that look as if they were ours."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

HOST = "evil.test"
OURS = "identity_/connect/authorize/callback"
_BEFORE = (
    *(
        "//",
        "///",
        "////",
        "/\\",
        "\\\\",
        "\\/",
        "/\\/",
        "/\t/",
        "/\n/",
        "/\r\n/",
        "\t//",
        " //",
        "/ /",
        "/%2f",
        "/%2F/",
    ),
    *("/%5c", "%2f%2f", "%5c%5c", "http://", "https://", "HTTPS://", "https:", "https:/", "https:///", "http:\\\\"),
    *(
        "//podium.test@",
        "https://podium.test@",
        "https://podium.test:80@",
        "https://podium.test.",
        "https://podium.test%2f@",
    ),
    *(
        "//[::1]/",
        "//127.0.0.1/",
        "//0x7f000001/",
        "//2130706433/",
        "ftp://",
        "javascript:",
        "data:text/html,",
        "blob:",
    ),
    *(
        "vbscript:",
        "/;@",
        "/.",
        "/..",
        "/../",
        "/./",
        "/%2e%2e/",
        "/%2e/",
        "/\u2215\u2215",
        "/\u3002",
        "\u2044\u2044",
        "\ufeff//",
    ),
    *("?", "#", "/?", "/#", "@", ":", ";", "&", "%00//", "\0//", "/\x7f/", "//%65vil.test@"),
)
_AFTER = (f"{HOST}/{OURS}", f"{HOST}", f"{HOST}/{OURS}?x=1")
_PATHS = (
    *(
        "/identity_/connect/token",
        "/identity_/web/login",
        "/identity_/web/error",
        "/identity_/web",
        "/identity_/",
        "/",
        "",
    ),
    *("/identity_/connect/authorizex", "/identity_/connect/authorize/../../../x", "/identity_/web/account/../../x"),
    *(
        "/identity_/web/account/%2e%2e/x",
        "/identity_/web/account#x",
        "/identity_/web/account?x#y",
        "identity_/web/account",
    ),
    *(
        "/identity_/web/account?<script>",
        '/identity_/web/account?"',
        "/identity_/web/account?\\",
        "/identity_/web/account?a b",
    ),
    *("/identity_/web/account?\r\nset-cookie: a=b", "/identity_/web/account\r\nx: y", "/identity_/web/account\t"),
    *("/identity_/web/account;x", "/identity_//web/account", "//identity_/web/account", "/a/b/c/identity_/web/account"),
    *(
        "/./identity_/web/account",
        "/../identity_/web/account",
        "/default//identity_/web/account",
        "/-/identity_/web/account",
    ),
    *("/identity_/web/account?é", "/identity_\\web\\account", "/identity_/web/ACC%4fUNT", "/console/", "/odata/Jobs"),
)


def _all() -> Iterator[str]:
    for before in _BEFORE:
        for after in _AFTER:
            yield before + after
    yield from _PATHS
    for before in ("//", "https://", "/\\"):
        yield quote(before + _AFTER[0], safe="")


ADDRESSES = tuple(dict.fromkeys(_all()))
