"""/docs and the assets of all pages; browsers load nothing from other hosts."""

import importlib.util
import logging
from pathlib import Path

from fastapi import APIRouter, Response

from server.errors import NotFound
from server.machine.files.assets import asset
from server.web.routes.status_page import CONTENT_SECURITY_POLICY, html_reply

logger = logging.getLogger(__name__)

_SCRIPT, _STYLE, _PICTURE = "text/javascript", "text/css", "image/svg+xml"
_OWN = {
    "page.css": _STYLE,
    "docs.css": _STYLE,
    "manual.css": _STYLE,
    "docs.js": _SCRIPT,
    "icon.svg": _PICTURE,
}
# Of the dashboard, whose modules import each other by these addresses.
_FOLDERS = ("dashboard", "vendor")
_KINDS = {".js": _SCRIPT, ".css": _STYLE}
_SWAGGER = {"swagger-ui.css": _STYLE, "swagger-ui-bundle.js": _SCRIPT}


def docs_router() -> APIRouter:
    """The documentation page and the assets of all pages, which are read once."""
    router = APIRouter(include_in_schema=False)
    files = _files()

    @router.get("/docs")
    async def docs() -> Response:
        # Swagger UI writes HTML as text, which Trusted Types forbid.
        return html_reply(asset("web/docs.html").read_text("utf-8"), policy=CONTENT_SECURITY_POLICY)

    @router.get("/assets/{name:path}")
    async def file(name: str) -> Response:
        if name not in files:
            raise NotFound(f"There is no file {name!r} here.")
        return files[name]

    @router.get("/favicon.ico")
    async def favicon() -> Response:
        return await file("icon.svg")

    return router


def _files() -> dict[str, Response]:
    """Returns the assets by name. A missing one is logged and does not prevent the start."""
    found: dict[str, Response] = {}
    places = {name: (_own_path, kind) for name, kind in (_OWN | _dashboard()).items()}
    places |= {name: (_swagger_path, kind) for name, kind in _SWAGGER.items()}
    for name, (find, kind) in places.items():
        try:
            content = find(name).read_bytes()
        except FileNotFoundError as error:
            logger.warning("an asset of the web pages is missing: %s", error)
            continue
        found[name] = Response(content, media_type=kind, headers={"cache-control": "no-cache"})
    return found


def _dashboard() -> dict[str, str]:
    """Returns the content types of the dashboard's files by name."""
    try:
        root = asset("web/page.html").parent
    except FileNotFoundError:
        return {}
    files = (file for folder in _FOLDERS for file in sorted((root / folder).rglob("*")) if file.suffix in _KINDS)
    return {file.relative_to(root).as_posix(): _KINDS[file.suffix] for file in files}


def _own_path(name: str) -> Path:
    return asset(f"web/{name}")


def _swagger_path(name: str) -> Path:
    """Locates the package's files without importing it, which would only cost time."""
    spec = importlib.util.find_spec("fastapi_offline")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        return Path(folder) / "static" / name
    raise FileNotFoundError(f"the package that carries {name!r} is not installed")
