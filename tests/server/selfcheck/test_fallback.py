"""What follows from the verdicts, as a table."""

from pathlib import Path

import pytest

from server.selfcheck.capabilities import FOR_EVERY_ANSWER, Capability, Finding, Key, Verdict
from server.selfcheck.fallback import Footing, footing_for

CARRIED = Path("/carried/claude")


def verdict(*missing: Capability, path: str = "/usr/bin/claude") -> Verdict:
    key = Key(path, 1, 2, "2.1.329", "0.2.186")
    return Verdict(key, tuple(Finding(one, one not in missing, "seen otherwise") for one in Capability))


def carried(*missing: Capability) -> Verdict:
    return verdict(*missing, path=str(CARRIED))


UNFIT = verdict(Capability.HISTORY)
WARM_ONLY = [capability for capability in Capability if capability not in FOR_EVERY_ANSWER]


def test_before_the_check_each_conversation_has_a_process() -> None:
    assert footing_for(None, other=CARRIED, on_other=carried()) == Footing(isolation="process", cli=None)
    assert not footing_for(None, other=None, on_other=None).is_checked


def test_who_does_everything_is_warm() -> None:
    footing = footing_for(verdict(), other=CARRIED, on_other=None)
    assert footing == Footing(is_checked=True, isolation="warm")


@pytest.mark.parametrize("missing", Capability)
def test_whatever_it_lacks_the_one_that_we_carry_answers_if_that_does_everything(missing: Capability) -> None:
    footing = footing_for(verdict(missing), other=CARRIED, on_other=carried())
    assert (footing.is_checked, footing.isolation, footing.cli, footing.trouble) == (True, "warm", CARRIED, None)
    assert missing.value in footing.words
    assert str(CARRIED) in footing.words


@pytest.mark.parametrize("missing", WARM_ONLY)
@pytest.mark.parametrize(
    ("other", "on_other"),
    [(None, None), (CARRIED, carried(Capability.BOUNDARY)), (CARRIED, carried(Capability.TOOLS))],
    ids=["none", "not warm either", "unfit"],
)
def test_where_nobody_is_warm_the_one_at_hand_has_a_process_for_each_conversation(
    missing: Capability, other: Path | None, on_other: Verdict | None
) -> None:
    footing = footing_for(verdict(missing), other=other, on_other=on_other)
    assert (footing.is_checked, footing.isolation, footing.cli, footing.trouble) == (True, "process", None, None)
    assert missing.value in footing.words


@pytest.mark.parametrize("missing", WARM_ONLY)
def test_who_can_be_right_serves_until_the_one_that_we_carry_is_checked_too(missing: Capability) -> None:
    footing = footing_for(verdict(missing), other=CARRIED, on_other=None)
    assert (footing.is_checked, footing.isolation, footing.cli, footing.trouble) == (False, "process", None, None)
    assert missing.value in footing.words
    assert footing.is_private == (missing is not Capability.SIGN_IN)


def test_where_the_one_at_hand_cannot_be_right_the_one_that_we_carry_serves_until_it_is_checked_too() -> None:
    footing = footing_for(UNFIT, other=CARRIED, on_other=None)
    assert (footing.is_checked, footing.isolation, footing.cli, footing.trouble) == (False, "process", CARRIED, None)


def test_the_one_that_we_carry_stands_on_its_own_rung() -> None:
    footing = footing_for(UNFIT, other=CARRIED, on_other=carried(Capability.BOUNDARY))
    assert (footing.isolation, footing.cli, footing.trouble) == ("process", CARRIED, None)
    assert footing.is_private
    assert Capability.BOUNDARY.value in footing.words
    footing = footing_for(UNFIT, other=CARRIED, on_other=carried(Capability.SIGN_IN))
    assert (footing.isolation, footing.cli, footing.is_private) == ("process", CARRIED, False)


@pytest.mark.parametrize(
    ("other", "on_other"), [(None, None), (CARRIED, carried(Capability.NO_TOOLS))], ids=["none", "unfit"]
)
def test_where_nothing_is_left_the_error_says_what_is_wrong_and_what_to_do(
    other: Path | None, on_other: Verdict | None
) -> None:
    footing = footing_for(UNFIT, other=other, on_other=on_other)
    assert footing.trouble is not None
    assert "/usr/bin/claude" in footing.trouble.message
    assert Capability.HISTORY.value in footing.trouble.message
    assert "--cli-path" in footing.trouble.hint
    assert footing.cli is None
