"""The page that a browser gets: what the server does, what to paste into an app, and a button that stops it."""

import hashlib
import hmac
from datetime import datetime
from html import escape
from string import Template

from fastapi import Response

from server.machine.assets import asset
from server.machine.version import own_version
from server.status import Status
from server.status_phrases import account_line, pool_line, problem_line, usage_line
from server.web.access.policy import Access
from server.web.interfaces import ControlPort
from server.web.routes.status_json import base_url_of, state_of

# Nothing from other hosts, nothing inline; Swagger UI draws its icons from data: addresses.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def page_token(control: ControlPort | None, visit: Access) -> str | None:
    """What the page's stop button shows at /control/stop; None for a visit that may not stop the server.

    It is not the instance's own token: that one stays in a file which only this user can read. No other page can
    read it, since one that is not ours gets none, even where its origin may use the API.
    """
    if control is None or visit.policy.name != "local" or not visit.is_trusted or not visit.is_own:
        return None
    return hmac.digest(control.token.encode(), b"page", hashlib.sha256).hex()


def html_reply(text: str) -> Response:
    """A page with its security headers."""
    return Response(text, media_type="text/html", headers=PAGE_HEADERS)


def render_page(status: Status, visit: Access, *, host: str, token: str | None, now: float) -> Response:
    """The page: all of it for who is trusted, else only that a key is asked for. `now`: seconds since 1970."""
    words = {
        "version": own_version(),
        "base_url": base_url_of(status, host),
        "state": state_of(status).value,
        "state_words": state_of(status).value.capitalize(),
        "notices": _notices(status, visit),
        "rows": _rows(status, now) if visit.is_trusted else "",
    }
    marked = {"notices", "rows"}
    given = {name: word if name in marked else escape(word) for name, word in words.items()}
    given["token"] = f'<meta name="drawbridge-token" content="{escape(token)}">' if token else ""
    given["stop"] = '<button type="button" id="stop" class="stop">Stop Drawbridge</button>' if token else ""
    return html_reply(Template(asset("web/page.html").read_text("utf-8")).substitute(given))


def _rows(status: Status, now: float) -> str:
    account = account_line(status.account, demo=status.demo, longest=200)
    if status.account.signed_in is False:
        account += ". Run 'drawbridge login'."
    local_now = datetime.fromtimestamp(now).astimezone()
    usage = "; ".join(usage_line(window, local_now) for window in status.usage)
    rows = [
        ("account", "Account", account),
        ("usage", "Plan usage", usage or "Shown after the first answer (plans only)"),
        ("model", "Default model", status.model or "Claude Code's own"),
        ("pool", "Claude processes", pool_line(status.pool)),
        ("cli", "Claude Code", status.cli.version or "Not found yet"),
        ("since", "Running for", _duration(now - status.started_at) if status.started_at else "a moment"),
    ]
    return "\n".join(
        f'<dt>{escape(title)}</dt><dd id="{name}">{escape(text)}</dd>'
        for name, title, text in rows
        if not (status.demo and name == "usage")
    )


def _notices(status: Status, visit: Access) -> str:
    notices = []
    if status.demo:
        notices.append(("demo", "This is a demo: no account is used, and the answers are made up."))
    if not visit.is_trusted:
        notices.append(("key", "This server asks for an access key, so this page shows no more than its address."))
    elif problem := problem_line(status):
        notices.append(("trouble", problem))
    return "\n".join(f'<p class="notice {kind}">{escape(words)}</p>' for kind, words in notices)


def _duration(seconds: float) -> str:
    minutes = int(max(0.0, seconds) // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
