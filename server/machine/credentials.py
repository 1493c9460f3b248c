"""Names the credentials that Claude Code sends, for when Claude's API refuses them: a sign-in replaces few of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.machine.billing import KEY_VARIABLES
from server.status import AccountStatus

_SIGN_IN_TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105 # a variable's name
_CLOUDS = {
    "bedrock": ("Amazon Bedrock", "Renew the AWS credentials, as with 'aws sso login'."),
    "vertex": ("Google Vertex AI", "Renew the Google credentials, as with 'gcloud auth application-default login'."),
    "foundry": ("Microsoft Foundry", "Renew the Azure credentials, as with 'az login', or correct the key."),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refused credentials that signing in does not replace: what happened, in one line, and what to do."""

    title: str
    cure: str


def refusal_of(account: AccountStatus, environ: Mapping[str, str]) -> Refusal | None:
    """Names the credentials that an answering process with `environ` sends; None if they are those of a sign-in.

    The order is Claude Code's own.
    """
    cloud = account.payer if account.payer in _CLOUDS else _cloud_in(environ)
    if cloud is not None:
        name, cure = _CLOUDS[cloud]
        return Refusal(f"{name} refused your credentials", cure)
    if account.method == "claude.ai":
        return None
    token, key = "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"
    for kind, variable in (("token", token), ("key", key)):
        if environ.get(variable):
            plan = "Let the Claude plan pay ('Use the Claude plan' in the menu, or the setting payer = \"plan\")"
            cure = f"{plan}, or correct the variable and start Drawbridge again."
            return Refusal(f"Anthropic refused the {kind} in {variable}", cure)
    if "apiKeyHelper" in account.detail:
        cure = "Correct 'apiKeyHelper' in Claude Code's settings.json, or remove it there."
        return Refusal("Anthropic refused the key from apiKeyHelper", cure)
    if environ.get(_SIGN_IN_TOKEN):
        cure = "Create a new one with 'claude setup-token', or remove the variable, and start Drawbridge again."
        return Refusal(f"Anthropic refused the token in {_SIGN_IN_TOKEN}", cure)
    return None


def can_plan_pay(title: str) -> bool:
    """Whether letting the plan pay mends the refusal with this title."""
    return any(name in title for name in KEY_VARIABLES)


def _cloud_in(environ: Mapping[str, str]) -> str | None:
    return next((name for name in _CLOUDS if environ.get(f"CLAUDE_CODE_USE_{name.upper()}")), None)
