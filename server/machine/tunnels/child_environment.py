"""The environment of a tunnel's program: what it needs of the system, and nothing of ours or of Claude's."""

from collections.abc import Mapping

# Names that a program needs to find its home, its network and its language. All others are left out, because a
# variable of this process may hold a key.
_KEPT = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "HOMEDRIVE"),
        *("HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432"),
    }
)


def child_environment(environ: Mapping[str, str], secrets: Mapping[str, str] | None = None) -> dict[str, str]:
    """The part of `environ` that a tunnel's program needs, and the program's own `secrets`."""
    kept = {name: value for name, value in environ.items() if name.upper() in _KEPT or name.upper().startswith("LC_")}
    return {**kept, **(secrets or {})}
