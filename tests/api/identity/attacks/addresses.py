"""Addresses that look like a registered one, made of it."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

EVIL = "evil.test"


def mutations(address: str) -> tuple[str, ...]:
    """Two hundred and more texts, none of which is the address."""
    parts = urlsplit(address)
    host, path, scheme = parts.netloc, parts.path, parts.scheme
    found = [*_ends(address), *_fronts(address), *_paths(f"{scheme}://{host}", path), *_schemes(host, path)]
    found += [f"{scheme}://{one}{where}" for one in _hosts(host) for where in (path, "", f"{path}/../..")]
    found += [quote(address, safe=""), quote(quote(address, safe=""), safe=""), address.upper(), address.swapcase()]
    found += [f"{address}{mark}https://{EVIL}/" for mark in (",", " ", "\n", "\r\n", "|", ";", "\t", "%20", "%2C", "&")]
    return tuple(dict.fromkeys(one for one in found if one != address))


def _ends(address: str) -> list[str]:
    ends = ("/", "//", "?", "?x=1", "#", "#x", "/..", "/../x", "/.", "%00", "\0", "%0d%0aX:y", "\r\nX: y", "%2f", "%5c")
    more = (";x", "&x", "=", "*", " ", "\t", "%20", "%09", f".{EVIL}", f"@{EVIL}", "x", "\u200b", "\u00a0", "%E2%80%8B")
    return [address + end for end in (*ends, *more)] + [address[:-1], address[:-5], ""]


def _fronts(address: str) -> list[str]:
    fronts = (
        " ",
        "\t",
        "\n",
        "%20",
        "\ufeff",
        "//",
        "/",
        "\\",
        "x",
        "url:",
        "javascript:",
        "data:text/html,",
        "view-source:",
    )
    leading = (
        f"https://{EVIL}/?u=",
        f"https://{EVIL}#",
        f"https://{EVIL}/",
        f"https://{EVIL}@",
        f"https://{EVIL}\\",
        "https:",
    )
    return [front + address for front in (*fronts, *leading)]


def _schemes(host: str, path: str) -> list[str]:
    schemes = ("http", "HTTPS", "Https", "ftp", "ws", "wss", "file", "javascript", "data", "blob", "httpss", "x", "")
    return [f"{one}://{host}{path}" for one in schemes] + [
        *(f"https:/{host}{path}", f"https:///{host}{path}", f"https:{host}{path}", f"https:\\\\{host}{path}"),
        *(f"//{host}{path}", f"/\\{host}{path}", f"{host}{path}", path, f"javascript://{host}{path}%0aalert(1)"),
    ]


def _hosts(host: str) -> list[str]:
    return [
        *(EVIL, f"{host}.{EVIL}", f"evil{host}", f"{host}evil", f"sub.{host}", f"{host}.", f".{host}", host.upper()),
        *(f"{host}:443", f"{host}:80", f"{host}:8443", f"{host}:", f"{host}:0443", f"{host}:99999", f"{host}:x"),
        *(f"{host}@{EVIL}", f"{EVIL}@{host}", f"u:p@{host}", f"@{host}", f"{host}:443@{EVIL}", f"{host}%40{EVIL}"),
        *(f"{host}%2e{EVIL}", f"{host}%00.{EVIL}", f"{host}%0d", f"{host}%23.{EVIL}", f"{host}%3f.{EVIL}"),
        *(f"{host}%2f.{EVIL}", f"{host}%5c.{EVIL}", f"{EVIL}%2f{host}", f"{host}\\@{EVIL}", f"{EVIL}\\{host}"),
        *(f"{host}#@{EVIL}", f"{EVIL}#{host}", f"{EVIL}?{host}", f"{EVIL}/{host}", f"{host}?@{EVIL}"),
        *(f"{host};{EVIL}", f"{host},{EVIL}", f"{host} {EVIL}", f"{host}\t.{EVIL}", f"{host}\n{EVIL}"),
        *(host.replace("a", "\u0430", 1), host.replace("p", "\uff50", 1), host.replace(".", "\u3002", 1)),
        *(host.replace(".", "%2e", 1), f"xn--{host}", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1", "0x7f.1"),
        *("2130706433", "017700000001", "localhost", "localhost:1", "0", "*", f"*.{host}", "", "..", "@", "%"),
    ]


def _paths(origin: str, path: str) -> list[str]:
    return [
        origin + one
        for one in (
            *("", "/", path.upper(), path.title(), f"/{path}", f"/.{path}", f"/x/..{path}", f"{path}/..{path}"),
            *(f"/%2e%2e{path}", f"/..{path}", f"/..;{path}", path.replace("a", "%61"), path.replace("/", "%2f")),
            *(path.replace("/", "\\"), path[:-1], f"{path};v=1", f"{path}%2f", f"{path}%3f", f"{path}%23"),
            *(f"{path}?redirect_uri=https://{EVIL}", f"{path}#https://{EVIL}", f"/other{path}", "/other", "?", "#"),
        )
    ]
