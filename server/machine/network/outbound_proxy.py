"""The proxy of the settings: in the environments of child processes, and for requests of our own."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY")
_OTHERS = ("ALL_PROXY",)
_EXCEPT = "NO_PROXY"
# Claude Code's own connections on this computer, such as those to MCP servers, and ours.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def with_proxy(environ: Mapping[str, str], proxy: str | None) -> dict[str, str]:
    """`environ` with `proxy` instead of inherited ones, and without a proxy for loopback. None: `environ` as it is."""
    if proxy is None:
        return dict(environ)
    dropped = {*_VARIABLES, *_OTHERS, _EXCEPT}
    child = {name: value for name, value in environ.items() if name.upper() not in dropped}
    exceptions = ",".join(dict.fromkeys((*_exceptions(environ), *_LOOPBACK)))
    values = {**dict.fromkeys(_VARIABLES, proxy), _EXCEPT: exceptions}
    # Programs differ in the case that they read, and in which one wins. On Windows both are one variable.
    return child | values | {name.lower(): value for name, value in values.items()}


def bypasses_proxy(host: str, environ: Mapping[str, str]) -> bool:
    """Whether requests to `host` use no proxy."""
    # Lazy: needed only with a proxy.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # public, but without a type

    exceptions = ",".join((*_exceptions(environ), *_LOOPBACK))
    return bool(proxy_bypass_environment(host, {"no": exceptions}))


def proxy_credentials(proxy: str) -> str | None:
    """The user and password of `proxy`, as in `user:password`; None without them."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return None
    return f"{unquote(parts.username)}:{unquote(parts.password or '')}"


def _exceptions(environ: Mapping[str, str]) -> tuple[str, ...]:
    given = [value for name, value in environ.items() if name.upper() == _EXCEPT]
    return tuple(part.strip() for value in given for part in value.split(",") if part.strip())
