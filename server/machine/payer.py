"""Who pays for the answers: the plan of the sign-in, or an API key that the environment exports."""

from collections.abc import Mapping

from server.config import Payer

# Claude Code takes either of them before the sign-in, without a word.
KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


def has_exported_key(environ: Mapping[str, str]) -> bool:
    """Whether the environment would have answers paid by the token."""
    return any(environ.get(name) for name in KEY_VARIABLES)


def environment_for(payer: Payer, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for a Claude Code that shall be paid so: for the plan, without the exported key."""
    dropped = KEY_VARIABLES if payer == "plan" else ()
    return {name: value for name, value in environ.items() if name.upper() not in dropped}
