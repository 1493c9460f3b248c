"""Which account the real CLI reports."""

import json
import sys
import time
from pathlib import Path

import pytest

from server.claude.cli.account import account_status
from server.claude.cli.locate import bundled_cli
from server.errors import CliFailed
from tests.server.claude.cli.programs import environment

PAYERS = [
    ({}, False, "nobody"),
    ({"ANTHROPIC_API_KEY": "k"}, True, "api key"),
    ({"CLAUDE_CODE_OAUTH_TOKEN": "t"}, True, "plan"),
    ({"CLAUDE_CODE_USE_BEDROCK": "1"}, True, "bedrock"),
    ({"CLAUDE_CODE_USE_VERTEX": "1"}, True, "vertex"),
]


@pytest.mark.parametrize(("variables", "signed_in", "payer"), PAYERS)
async def test_the_real_cli_reports_the_payer(
    tmp_path: Path, variables: dict[str, str], signed_in: bool, payer: str
) -> None:
    cli = bundled_cli()
    assert cli is not None
    account = await account_status(cli, environment(tmp_path, **variables))
    assert (account.signed_in, account.payer) == (signed_in, payer)


async def test_a_stored_sign_in_is_the_plan_and_an_api_key_takes_precedence(tmp_path: Path) -> None:
    cli = bundled_cli()
    assert cli is not None
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    expires_ms = int(time.time() * 1000) + 86_400_000
    sign_in = {"accessToken": "dummy", "refreshToken": "dummy", "expiresAt": expires_ms, "subscriptionType": "max"}
    sign_in |= {"scopes": ["user:inference"]}
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": sign_in}))
    account = await account_status(cli, environment(home))
    assert (account.payer, account.subscription) == ("plan", "max")
    account = await account_status(cli, environment(home, ANTHROPIC_API_KEY="k"))
    assert account.payer == "api key"
    assert "ANTHROPIC_API_KEY" in account.detail


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
@pytest.mark.parametrize("program", ["echo no", "echo '[]'", "head -c 100000 /dev/zero | tr '\\0' '['"])
async def test_output_that_is_no_object_is_a_failure_of_the_cli(tmp_path: Path, program: str) -> None:
    cli = tmp_path / "claude"
    cli.write_text(f"#!/bin/sh\n{program}\n")
    cli.chmod(0o755)
    with pytest.raises(CliFailed, match="did not report"):
        await account_status(cli, environment(tmp_path))
