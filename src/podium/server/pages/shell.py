"""What every page shares: its address, its frame, its headers, and the check of what it posts.

A handler is marked with `page_operation`, reads a post with `read_form` and answers `page(...)` or `redirect(...)`.
Templates lie in `templates/`, their sentences in `catalogue/`. A template's own names are what `page` is given; beside
them it finds `t(key, **values)`, `url(path, **query)`, `asset(name)`, `csrf` (the value of the hidden field), `lang`.
Every form is opened by the macro `form.open(action)` of `_form.html`, which writes the hidden field.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2

from podium.identity import cookies
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.form import FORM, MAX_BYTES, parse_form
from podium.identity.second_factors.passkeys import Site
from podium.identity.sessions.rules import read_cookie
from podium.kernel.call import Call, Reply
from podium.kernel.errors import ApiError
from podium.kernel.operation import operation
from podium.server.pages import catalogue, csrf, headers
from podium.server.pages.assets import version_of
from podium.server.pages.returns import own_path, parameters

PRODUCT = "Podium"
HTML = "text/html; charset=utf-8"
_FOLDER = Path(__file__).parent

Handler = Callable[..., Awaitable[Reply]]

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


class Pages:
    """Where the pages are and the keys of their forms and cookies. One per process; a port.

    Links are paths below the configured public address, so the Host header has no say in them, and a page works under
    whichever name of the server it was opened.
    """

    def __init__(self, public_url: str, key: bytes) -> None:
        self.public_url = public_url
        self.base = f"{urlsplit(public_url).path.rstrip('/')}/identity_"
        self.form_key = hashlib.sha256(b"forms" + key).digest()
        self.seal_key = hashlib.sha256(b"cookies" + key).digest()


class FormRefused(Exception):
    """A post that was not taken: `reason` is the end of a catalogue key, `form` what could be read of it."""

    def __init__(self, reason: str, status: int, form: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.form = form or {}


def page_operation(method: str, path: str) -> Callable[[Handler], Handler]:
    """Mark a function as the handler of a page's row; whatever it refuses becomes a page as well.

    It runs without a connection or transaction of the call: it takes `call.services.db` when it needs one, and writes
    its audit row itself.
    """

    def mark(handler: Handler) -> Handler:
        @functools.wraps(handler)
        async def answer(call: Call, **arguments: Any) -> Reply:
            try:
                return await handler(call, **arguments)
            except FormRefused as refusal:
                return _not_taken(call, refusal)
            except OAuthError as refusal:
                return notice(call, "refused", status=refusal.status)
            except ApiError as refusal:
                return notice(call, _WORDS.get(refusal.status, "refused"), status=refusal.status)

        return operation(method, path, connected=False)(answer)

    return mark


_WORDS = {403: "forbidden", 404: "missing", 503: "busy"}


def page(
    call: Call,
    template: str,
    status: int = 200,
    *,
    cookies: Iterable[str] = (),
    form_targets: Iterable[str] = (),
    **values: object,
) -> Reply:
    """A page. `form_targets`: where a redirect after its form may lead, beside this site (registered addresses only)."""
    pages = call.port(Pages)
    lang = language(call)
    cookie, made = _csrf_cookie(call)
    body = _templates.get_template(template).render(
        {
            "t": functools.partial(catalogue.text, lang),
            "url": functools.partial(link, call),
            "asset": functools.partial(_asset, pages),
            "csrf": csrf.field(pages.form_key, cookie, session_cookie(call)),
            "lang": lang,
            **values,
        }
    )
    return Reply(
        status,
        body.encode(),
        HTML,
        headers=headers.security(call.public_url, form_targets),
        cookies=(*made, *cookies),
    )


def notice(call: Call, name: str, status: int = 200, *, back: str | None = None, **values: object) -> Reply:
    """A page that says one thing: `notice.<name>.title` and `.text` of the catalogue, and a link `.back` to go on."""
    shown = catalogue.text(language(call), f"notice.{name}.text", **values)
    reference = trace(call) if status >= 400 else ""
    return page(call, "notice.html", status, name=name, text=shown, back=back, trace=reference)


def redirect(location: str, *, cookies: Iterable[str] = ()) -> Reply:
    """303: the browser goes on with GET."""
    return Reply(303, b"", HTML, headers={"location": location, "cache-control": "no-store"}, cookies=tuple(cookies))


async def read_form(call: Call) -> dict[str, str]:
    """The fields of a post that comes from a page of ours. Raises FormRefused."""
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise FormRefused("malformed", 400)
    if not csrf.is_from_here(call.headers, call.public_url):
        raise FormRefused("foreign", 403)
    pieces = bytearray()
    async for piece in call.stream():
        pieces += piece
        if len(pieces) > MAX_BYTES:
            raise FormRefused("malformed", 400)
    try:
        form = parse_form(bytes(pieces))
    except OAuthError:
        raise FormRefused("malformed", 400) from None
    sent = cookies.read(call.headers, cookies.cookie_name(call.public_url, csrf.COOKIE))
    if not csrf.is_genuine(call.port(Pages).form_key, sent, session_cookie(call), form.get(csrf.FIELD, "")):
        raise FormRefused("outdated" if sent else "no_cookie", 400, form)
    return form


def link(call: Call, path: str, **query: str | None) -> str:
    """The address of one of our paths (`/web/login`); parameters without a value are left out."""
    given = {name: value for name, value in query.items() if value}
    return call.port(Pages).base + path + (f"?{urlencode(given)}" if given else "")


def site(call: Call) -> Site:
    """What passkeys are bound to."""
    return Site(urlsplit(call.public_url).hostname or "", csrf.origin(call.public_url), PRODUCT)


def language(call: Call) -> str:
    """The language that this call is answered in."""
    wanted = call.query.get("ui_locales") or parameters(call.query.get("returnUrl", "")).get("ui_locales", "")
    return catalogue.choose(wanted, call.headers.get("accept-language", ""))


def trace(call: Call) -> str:
    """What the log knows this call by, without the parts that only programs need."""
    return call.trace_id.split("-")[1]


def session_cookie(call: Call) -> str:
    """The value of the session's cookie, blank without one."""
    return read_cookie(call.public_url, call.headers) or ""


def _csrf_cookie(call: Call) -> tuple[str, tuple[str, ...]]:
    """The browser's cookie, and the header that sets it when it had none."""
    sent = cookies.read(call.headers, cookies.cookie_name(call.public_url, csrf.COOKIE))
    if sent is not None and csrf.is_cookie(sent):
        return sent, ()
    made = csrf.new_cookie()
    return made, (cookies.write(call.public_url, csrf.COOKIE, made),)


def _asset(pages: Pages, name: str) -> str:
    return f"{pages.base}/web/assets/{name}?v={version_of(name)}"


def _not_taken(call: Call, refusal: FormRefused) -> Reply:
    """What was posted is not shown again: only the address to go back to, if it is one of ours."""
    wanted = own_path(refusal.form.get("returnUrl", ""), call.port(Pages).base)
    back = link(call, call.row.path, returnUrl=wanted)
    return notice(call, refusal.reason, refusal.status, back=back, address=call.public_url)
