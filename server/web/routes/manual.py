"""/manual: the manual's Markdown pages as HTML, rendered when they are first requested."""

import re
from functools import cache
from html import escape
from pathlib import PurePosixPath
from string import Template
from typing import TYPE_CHECKING, Any  # markdown-it's hooks are untyped

from fastapi import APIRouter, Response

from server.connect.clients import TITLES
from server.errors import NotFound
from server.machine.files.assets import asset
from server.web.routes.status_page import html_reply

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# In reading order: the file's name without `.md`, and its title in the list of pages.
PAGES = {
    "index": "Contents",
    "install": "Install and update",
    "menu": "The icon and its menu",
    "dashboard": "The dashboard",
    "clients": "Connect an app",
    "moving": "Moving from another bridge",
    "api": "The API",
    "tunnel": "The tunnel to the internet",
    "agents": "Agents",
    "computer": "Computer use",
    "embeddings": "Embeddings",
    "commands": "Commands and settings",
    "account": "Account, cost and terms",
    "privacy": "Privacy and security",
    "workers": "How requests find a process",
    "benchmark": "Measurements",
    "development": "Development",
}
# The pages of clients, which the page about clients lists.
CLIENT_PAGES = {f"clients/{client}": title for client, title in TITLES.items()}
_NAME = re.compile(r"(?:clients/)?[a-z0-9-]+")
# Of the menu and of the dashboard's sections; in the repository they lie in another folder than the manual.
_PICTURES = frozenset(
    {"menu.png", "page.png", "states.png"}
    | {
        f"dashboard-{name}.png"
        for name in ("requests", "inspector", "usage", "connect", "keys", "playground", "projects", "settings", "logs")
    }
)
_NOT_IN_SLUG = re.compile(r"[^\w\- ]")


def manual_router() -> APIRouter:
    """The manual's pages and pictures, readable without the access key. They hold nothing about this computer."""
    router = APIRouter(include_in_schema=False)

    @router.get("/manual")
    async def index() -> Response:
        return html_reply(_page("index"))

    @router.get("/manual/pictures/{name}")
    async def picture(name: str) -> Response:
        if name not in _PICTURES:
            raise NotFound(f"The manual has no picture {name!r}.")
        folder = "icons" if name == "states.png" else "pictures"
        return Response(asset(f"{folder}/{name}").read_bytes(), media_type="image/png")

    @router.get("/manual/{name:path}")
    async def page(name: str) -> Response:
        if name not in PAGES | CLIENT_PAGES:
            raise NotFound(f"The manual has no page {name!r}.", hint="/manual lists its pages.")
        return html_reply(_page(name))

    return router


@cache
def _page(name: str) -> str:
    """The whole HTML page. The manual ships with Drawbridge, so a page never changes while the server runs."""
    body = _parser().render(asset(f"manual/{name}.md").read_text("utf-8"))
    links = "\n".join(
        f'<li><a href="{_address(page)}"{_mark(page, name)}>{escape(title)}</a></li>' for page, title in PAGES.items()
    )
    template = Template(asset("web/manual.html").read_text("utf-8"))
    return template.substitute(title=escape((PAGES | CLIENT_PAGES)[name]), links=links, body=body)


def _mark(page: str, shown: str) -> str:
    """The attribute that marks the link to the shown page, or to the list that it belongs to."""
    if page == shown:
        return " aria-current=page"
    return " aria-current=true" if page == shown.partition("/")[0] else ""


def _address(page: str) -> str:
    return "/manual" if page == "index" else f"/manual/{page}"


@cache
def _parser() -> "MarkdownIt":
    """A CommonMark parser with tables, without raw HTML. Imported late: most runs never show the manual."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.core.ruler.push("drawbridge", _adapt)
    return parser


def _adapt(state: Any) -> None:
    """Gives headings an id, lets the keyboard scroll code, and rewrites links so that they work as on a code host."""
    for token, following in zip(state.tokens, [*state.tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            token.attrSet("id", slug(following.content))
        elif token.type in {"fence", "code_block"}:
            # A long line scrolls, also by keyboard.
            token.attrSet("tabindex", "0")
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", link(child.attrGet("href")))
            elif child.type == "image":
                child.attrSet("src", f"/manual/pictures/{PurePosixPath(child.attrGet('src')).name}")


def slug(heading: str) -> str:
    """The id of a heading, as code hosts make it: lower case, without punctuation, spaces as hyphens."""
    return _NOT_IN_SLUG.sub("", heading.replace("`", "").lower()).replace(" ", "-")


def link(target: str) -> str:
    """`api.md#errors` as `/manual/api#errors`; other targets as they are."""
    path, mark, fragment = target.partition("#")
    name = path.removesuffix(".md")
    if path == name or not _NAME.fullmatch(name):
        return target
    return f"{_address(name)}{mark}{fragment}"
