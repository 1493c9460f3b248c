"""The page for browsers: status and base URL without JavaScript, and the script that makes it the dashboard."""

from datetime import datetime
from html import escape
from string import Template

from fastapi import Response

from server.machine.files.assets import asset
from server.machine.version import own_version
from server.status import Status
from server.status_phrases import account_line, pool_line, problem_line, usage_line
from server.web.access.policy import Access
from server.web.routes.status_json import base_url_of, state_of

# No other hosts and no inline code. Swagger UI's icons, and pictures shown before they are sent, are data: URLs.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# No text becomes HTML or code: what strangers send, such as names and errors, is shown as text only.
STRICT_POLICY = f"{CONTENT_SECURITY_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"
PAGE_HEADERS = {
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def html_reply(text: str, *, policy: str = STRICT_POLICY) -> Response:
    """Returns a page with the security headers."""
    return Response(text, media_type="text/html", headers={**PAGE_HEADERS, "content-security-policy": policy})


def render_page(status: Status, access: Access, *, host: str, token: str | None, now: float) -> Response:
    """Renders the page; without the key, if one is required, it has only the base URL. `now` is a Unix time.

    The script exchanges the key for a token of the page; `token` spares it that where no key is required.
    """
    texts = {
        "version": own_version(),
        "base_url": base_url_of(status, host),
        "state": state_of(status).value,
        "state_words": state_of(status).value.capitalize(),
        "notices": _notices(status, access),
        "rows": f"<dl>\n{_rows(status, now)}\n</dl>" if access.is_trusted else "",
    }
    marked = {"notices", "rows"}
    given = {name: text if name in marked else escape(text) for name, text in texts.items()}
    given["token"] = f'<meta name="drawbridge-token" content="{escape(token)}">' if token else ""
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


def _notices(status: Status, access: Access) -> str:
    notices = []
    if status.demo:
        notices.append(("demo", "This is a demo: no account is used, and the answers are made up."))
    if not access.is_trusted:
        notices.append(("key", "This server requires an access key."))
    elif problem := problem_line(status):
        notices.append(("trouble", problem))
    return "\n".join(f'<p class="notice {kind}">{escape(text)}</p>' for kind, text in notices)


def _duration(seconds: float) -> str:
    minutes = int(max(0.0, seconds) // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
