"""Who is signed in to Claude Code and who pays, from `claude auth status`."""

import json
from collections.abc import Mapping
from pathlib import Path

from server.claude.cli.program import output_of
from server.errors import CliFailed
from server.status import AccountStatus

_PROVIDERS = {"bedrock": "Amazon Bedrock", "vertex": "Google Vertex AI", "foundry": "Microsoft Foundry"}
_NOT_REPORTED = "Claude Code did not report who is signed in."


async def account_status(path: Path, environment: Mapping[str, str]) -> AccountStatus:
    """Runs `claude auth status`. Raises `CliFailed` if it does not print a JSON object."""
    output = await output_of(path, ["auth", "status"], environment)
    try:
        answer = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise CliFailed(_NOT_REPORTED) from error
    if not isinstance(answer, dict):
        raise CliFailed(_NOT_REPORTED)
    return account_from_answer(answer)


def account_from_answer(answer: Mapping[str, object]) -> AccountStatus:
    """Reads the JSON of `claude auth status`. An API key in the environment takes precedence over the plan."""

    def text(name: str) -> str | None:
        value = answer.get(name)
        return value if isinstance(value, str) and value else None

    signed_in = answer.get("loggedIn") is True
    provider, method, key_source = text("apiProvider"), text("authMethod"), text("apiKeySource")
    plan, email = text("subscriptionType"), text("email")
    if not signed_in:
        payer, detail = "nobody", "not signed in"
    elif provider in _PROVIDERS:
        payer, detail = provider, f"billed per token to {_PROVIDERS[provider]}"
    elif key_source is not None or method == "api_key":
        payer, detail = "api key", f"billed per token to the API key in {key_source or 'the settings'}"
    else:
        payer, detail = "plan", f"on the Claude {plan.capitalize()} plan" if plan else "on a Claude plan"
    return AccountStatus(
        signed_in=signed_in,
        payer=payer,
        detail=f"{email}, {detail}" if email else detail,
        method=method,
        provider=provider,
        email=email,
        organization=text("orgName"),
        subscription=plan,
    )
