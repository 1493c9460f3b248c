"""Chooses who pays for answers: the plan of the sign-in, or an API key exported by the environment."""

from collections.abc import Mapping
from dataclasses import replace

from server.config import Payer
from server.status import AccountStatus

# Claude Code prefers either of them to the sign-in, without saying so.
KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
# Variables that sign in to a plan.
_PLAN_VARIABLES = ("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR")
# Each selects another provider, regardless of sign-in or API key.
_CLOUDS = ("BEDROCK", "VERTEX", "FOUNDRY", "MANTLE", "GATEWAY", "ANTHROPIC_AWS", "ANTHROPIC_GOOGLE_CLOUD")
_CLOUD_VARIABLES = tuple(f"CLAUDE_CODE_USE_{name}" for name in _CLOUDS)
_DROPPED: Mapping[Payer, tuple[str, ...]] = {
    "automatic": (),
    "plan": (*KEY_VARIABLES, *_CLOUD_VARIABLES),
    "api key": (*_PLAN_VARIABLES, *_CLOUD_VARIABLES),
}
NO_KEY_HINT = "Export ANTHROPIC_API_KEY and start Drawbridge again, or set payer to plan or automatic."


def has_exported_key(environ: Mapping[str, str]) -> bool:
    """Whether an exported key would pay for answers, per token."""
    return any(environ.get(name) for name in KEY_VARIABLES)


def environment_for(payer: Payer, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns `environ` without the variables that would make another payer pay."""
    return {name: value for name, value in environ.items() if name.upper() not in _DROPPED[payer]}


def with_required_payer(payer: Payer, account: AccountStatus) -> AccountStatus:
    """Returns `account` without a payer ("nobody" in the status JSON) if the settings require a missing API key."""
    if payer != "api key" or not account.signed_in or account.payer == "api key":
        return account
    return replace(account, payer="nobody", detail="the settings say to bill an API key, but none is set")
