"""For all tests: no variable of this computer counts, and in CI a skip is a failure."""

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# Read before the variables below are taken away.
_NO_SKIPS = bool(os.environ.get("DRAWBRIDGE_TESTS_NO_SKIPS"))
_OTHER_SYSTEMS = ("Windows", "macOS")


pytest_plugins = ["tests.installed"]

# Under `nohup`, or in the background of a script, every child would ignore these too, as it should, and tests of them
# could not be.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every computer, however slow or busy it is.
settings.register_profile(
    "drawbridge", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("drawbridge")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With DRAWBRIDGE_TESTS_NO_SKIPS, a test may be skipped only for another operating system."""
    report = yield
    if _NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(system in reason for system in _OTHER_SYSTEMS):
            report.outcome = "failed"
            report.longrepr = f"skipped, and nothing may be skipped here: {reason}"
    return report


@pytest.fixture(autouse=True)
def nobodys_computer(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty HOME, and no variable that chooses an account, a provider, a proxy or a setting of ours."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "CLAUDE", "AWS_", "DRAWBRIDGE_", "OPENAI_", "XDG_")) or name.upper() in {
            *("PORT", "POOL_SIZE", "LOG_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
