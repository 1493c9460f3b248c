"""Who pays for the answers: the plan of the sign-in, or an API key that the environment exports."""

from collections.abc import Mapping
from dataclasses import replace

from server.config import Payer
from server.status import AccountStatus

# Claude Code takes either of them before the sign-in, without a word.
KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
# A plan's sign-in by variable.
_PLAN_VARIABLES = ("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR")
# Each has somebody else answer, and bill, whoever is signed in and whatever key is there.
_CLOUDS = ("BEDROCK", "VERTEX", "FOUNDRY", "MANTLE", "GATEWAY", "ANTHROPIC_AWS", "ANTHROPIC_GOOGLE_CLOUD")
_CLOUD_VARIABLES = tuple(f"CLAUDE_CODE_USE_{name}" for name in _CLOUDS)
_DROPPED: Mapping[Payer, tuple[str, ...]] = {
    "automatic": (),
    "plan": (*KEY_VARIABLES, *_CLOUD_VARIABLES),
    "api key": (*_PLAN_VARIABLES, *_CLOUD_VARIABLES),
}
NO_KEY_HINT = "Export ANTHROPIC_API_KEY and start Drawbridge again, or set payer to plan or automatic."


def has_exported_key(environ: Mapping[str, str]) -> bool:
    """Whether the environment would have answers paid by the token."""
    return any(environ.get(name) for name in KEY_VARIABLES)


def environment_for(payer: Payer, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` for a Claude Code that shall be paid so: without what would have somebody else pay."""
    return {name: value for name, value in environ.items() if name.upper() not in _DROPPED[payer]}


def insisted(payer: Payer, account: AccountStatus) -> AccountStatus:
    """`account` as it counts with that setting: where it insists on an API key and there is none, nobody pays.

    A sign-in to a Console account brings a key of its own.
    """
    if payer != "api key" or not account.signed_in or account.payer == "api key":
        return account
    return replace(account, payer="nobody", detail="the settings have an API key pay, and there is none")
