"""The environment of a Claude Code process that may reach only the stand-in."""

from collections.abc import Mapping

# What every program needs; nothing that could select an account, a provider or a proxy.
_KEPT = frozenset(
    """
    PATH LANG LANGUAGE TZ TERM USER LOGNAME SHELL TMPDIR TEMP TMP
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT PROGRAMFILES PROGRAMFILES(X86) PROGRAMDATA PROGRAMW6432
    NUMBER_OF_PROCESSORS PROCESSOR_ARCHITECTURE OS USERNAME CLAUDE_CODE_GIT_BASH_PATH
    """.split()  # noqa: SIM905 # a list of names reads better as names
)


def standin_environment(inherited: Mapping[str, str], *, home: str, url: str, key: str) -> dict[str, str]:
    """The complete environment: what every program needs of `inherited`, an empty `home`, the stand-in at `url`."""
    kept = {name: value for name, value in inherited.items() if _is_kept(name)}
    loopback = "127.0.0.1,localhost,::1"
    return {
        **kept,
        **dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), home),
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


def _is_kept(name: str) -> bool:
    return name.upper() in _KEPT or name.upper().startswith("LC_")
