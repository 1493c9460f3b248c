"""The serving mode for combinations of check results, as a table."""

from pathlib import Path

import pytest

from server.selfcheck.capabilities import FOR_EVERY_ANSWER, Capability, CheckResult, CliFingerprint, ProbeResult
from server.selfcheck.fallback import ServingMode, serving_mode_for

BUNDLED = Path("/bundled/claude")


def result_lacking(*missing: Capability, path: str = "/usr/bin/claude") -> CheckResult:
    key = CliFingerprint(path, 1, 2, "2.1.329", "0.2.186")
    return CheckResult(key, tuple(ProbeResult(one, one not in missing, "seen otherwise") for one in Capability))


def on_bundled_lacking(*missing: Capability) -> CheckResult:
    return result_lacking(*missing, path=str(BUNDLED))


UNFIT = result_lacking(Capability.HISTORY)
WARM_ONLY = [
    capability
    for capability in Capability
    if capability not in {*FOR_EVERY_ANSWER, Capability.LIVE, Capability.WARM_UP}
]


def test_before_the_check_each_conversation_gets_a_process() -> None:
    assert serving_mode_for(None, bundled=BUNDLED, on_bundled=on_bundled_lacking()) == ServingMode(
        isolation="process", cli=None
    )
    assert not serving_mode_for(None, bundled=None, on_bundled=None).is_checked


def test_a_claude_code_that_does_everything_is_warm() -> None:
    mode = serving_mode_for(result_lacking(), bundled=BUNDLED, on_bundled=None)
    assert mode == ServingMode(is_checked=True, isolation="warm", is_live=True, may_warm_up=True)


def test_one_that_lacks_live_profiles_alone_is_warm_without_them() -> None:
    mode = serving_mode_for(result_lacking(Capability.LIVE), bundled=BUNDLED, on_bundled=None)
    assert (mode.is_checked, mode.isolation, mode.is_live, mode.cli) == (True, "warm", False, None)
    assert Capability.LIVE.value in mode.summary


@pytest.mark.parametrize("missing", [*sorted(FOR_EVERY_ANSWER, key=str), *WARM_ONLY])
def test_a_complete_bundled_cli_replaces_one_that_lacks_anything(missing: Capability) -> None:
    mode = serving_mode_for(result_lacking(missing), bundled=BUNDLED, on_bundled=on_bundled_lacking())
    assert (mode.is_checked, mode.isolation, mode.cli, mode.error) == (True, "warm", BUNDLED, None)
    assert missing.value in mode.summary
    assert str(BUNDLED) in mode.summary


@pytest.mark.parametrize("missing", WARM_ONLY)
@pytest.mark.parametrize(
    ("bundled", "on_bundled"),
    [(None, None), (BUNDLED, on_bundled_lacking(Capability.RESET)), (BUNDLED, on_bundled_lacking(Capability.TOOLS))],
    ids=["none", "not warm either", "unfit"],
)
def test_without_a_warm_one_the_installed_one_serves_by_process(
    missing: Capability, bundled: Path | None, on_bundled: CheckResult | None
) -> None:
    mode = serving_mode_for(result_lacking(missing), bundled=bundled, on_bundled=on_bundled)
    assert (mode.is_checked, mode.isolation, mode.cli, mode.error) == (True, "process", None, None)
    assert missing.value in mode.summary


@pytest.mark.parametrize("missing", WARM_ONLY)
def test_a_fit_one_serves_until_the_bundled_one_is_checked(missing: Capability) -> None:
    mode = serving_mode_for(result_lacking(missing), bundled=BUNDLED, on_bundled=None)
    assert (mode.is_checked, mode.isolation, mode.cli, mode.error) == (False, "process", None, None)
    assert missing.value in mode.summary
    assert mode.is_private == (missing is not Capability.SIGN_IN)


def test_the_bundled_one_serves_while_it_is_checked_if_the_installed_one_is_unfit() -> None:
    mode = serving_mode_for(UNFIT, bundled=BUNDLED, on_bundled=None)
    assert (mode.is_checked, mode.isolation, mode.cli, mode.error) == (False, "process", BUNDLED, None)


def test_the_bundled_clis_own_result_decides_how_it_serves() -> None:
    mode = serving_mode_for(UNFIT, bundled=BUNDLED, on_bundled=on_bundled_lacking(Capability.RESET))
    assert (mode.isolation, mode.cli, mode.error) == ("process", BUNDLED, None)
    assert mode.is_private
    assert Capability.RESET.value in mode.summary
    mode = serving_mode_for(UNFIT, bundled=BUNDLED, on_bundled=on_bundled_lacking(Capability.SIGN_IN))
    assert (mode.isolation, mode.cli, mode.is_private) == ("process", BUNDLED, False)


@pytest.mark.parametrize(
    ("bundled", "on_bundled"), [(None, None), (BUNDLED, on_bundled_lacking(Capability.NO_TOOLS))], ids=["none", "unfit"]
)
def test_if_none_is_fit_the_error_names_the_problem_and_the_remedy(
    bundled: Path | None, on_bundled: CheckResult | None
) -> None:
    mode = serving_mode_for(UNFIT, bundled=bundled, on_bundled=on_bundled)
    assert mode.error is not None
    assert "/usr/bin/claude" in mode.error.message
    assert Capability.HISTORY.value in mode.error.message
    assert "--cli-path" in mode.error.hint
    assert mode.cli is None
