"""Which refused credentials a sign-in does not replace, and what to do then."""

import pytest

from server.machine.credentials import can_plan_pay, refusal_of
from server.status import AccountStatus

PLAN = AccountStatus(signed_in=True, payer="plan", method="oauth_token")
SIGNED_IN = AccountStatus(signed_in=True, payer="plan", method="claude.ai")
HELPER = AccountStatus(signed_in=True, payer="api key", detail="billed per token to the API key in apiKeyHelper")
CONSOLE = AccountStatus(signed_in=True, payer="api key", detail="billed per token to the API key in /login managed key")


@pytest.mark.parametrize(
    ("account", "environ", "title", "cure", "plan"),
    [
        (PLAN, {"ANTHROPIC_API_KEY": "k"}, "Anthropic refused the key in ANTHROPIC_API_KEY", "payer", True),
        (PLAN, {"ANTHROPIC_AUTH_TOKEN": "t"}, "Anthropic refused the token in ANTHROPIC_AUTH_TOKEN", "payer", True),
        (
            PLAN,
            {"ANTHROPIC_AUTH_TOKEN": "t", "ANTHROPIC_API_KEY": "k"},
            "Anthropic refused the token in ANTHROPIC_AUTH_TOKEN",
            "payer",
            True,
        ),
        (HELPER, {}, "Anthropic refused the key from apiKeyHelper", "settings.json", False),
        (
            PLAN,
            {"CLAUDE_CODE_OAUTH_TOKEN": "t"},
            "Anthropic refused the token in CLAUDE_CODE_OAUTH_TOKEN",
            "setup-token",
            False,
        ),
        (AccountStatus(True, "bedrock"), {}, "Amazon Bedrock refused your credentials", "aws sso login", False),
        (AccountStatus(True, "vertex"), {}, "Google Vertex AI refused your credentials", "gcloud", False),
        (AccountStatus(True, "foundry"), {}, "Microsoft Foundry refused your credentials", "az login", False),
        (PLAN, {"CLAUDE_CODE_USE_BEDROCK": "1"}, "Amazon Bedrock refused your credentials", "aws", False),
    ],
)
def test_refused_credentials_are_named_with_a_cure_that_fits(
    account: AccountStatus, environ: dict[str, str], title: str, cure: str, plan: bool
) -> None:
    refusal = refusal_of(account, environ)
    assert refusal is not None
    assert (refusal.title, cure in refusal.cure, can_plan_pay(refusal.title)) == (title, True, plan)
    assert "login" not in refusal.cure.replace("aws sso login", "").replace("default login", "").replace("az login", "")


@pytest.mark.parametrize("account", [PLAN, CONSOLE, AccountStatus()])
def test_a_refused_sign_in_is_left_to_a_new_sign_in(account: AccountStatus) -> None:
    assert refusal_of(account, {"PATH": "/bin"}) is None


def test_claude_codes_own_word_about_the_sign_in_wins() -> None:
    assert refusal_of(SIGNED_IN, {"ANTHROPIC_API_KEY": "k"}) is None
