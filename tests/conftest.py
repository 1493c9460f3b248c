"""For all tests: a clean environment, the tiers, and a temporary folder for each worker of pytest-xdist."""

import os
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Read before the `clean_environment` fixture removes it.
_NO_SKIPS = bool(os.environ.get("DRAWBRIDGE_TESTS_NO_SKIPS"))
_OTHER_SYSTEMS = ("Windows", "macOS")
_TESTS = Path(__file__).parent
# Tests that install or build something first, by their folder or by a fixture that they use.
_OUTSIDE_FOLDERS = (_TESTS / "frozen", _TESTS / "packaging")
_OUTSIDE_FIXTURES = {"node_clients", "agents", "axe", "python_clients", "aider", "litellm", "llamaindex"}
# The files with the longest tests run first, so that both workers end at about the same time.
_FIRST_FOLDERS = (_TESTS / "whole", _TESTS / "tray")

pytest_plugins = ["tests.installed"]

# Under `nohup`, or in the background of a script, these signals are ignored, and every child process inherits that.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every computer, however slow or busy it is.
settings.register_profile(
    "drawbridge", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("drawbridge")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for the whole suite. Selected paths run in one process, where prints and debuggers work."""
    return 2 if [Path(argument).resolve() for argument in config.args] == [_TESTS] else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """In a worker, makes a temporary folder of its own: tests look for leftovers there."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    # A short name: the path of a Unix socket has at most about 100 characters.
    with (
        tempfile.TemporaryDirectory(prefix="w-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in ("TMPDIR", "TEMP", "TMP"):
            patch.setenv(name, folder)
        patch.setattr(tempfile, "tempdir", folder)
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the outside tests before `-m` selects, and moves the longest files to the front."""
    for item in items:
        is_outside = any(folder in item.path.parents for folder in _OUTSIDE_FOLDERS)
        if is_outside or _OUTSIDE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("outside")
    items.sort(key=lambda item: not any(folder in item.path.parents for folder in _FIRST_FOLDERS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With DRAWBRIDGE_TESTS_NO_SKIPS, a test may be skipped only for another operating system."""
    report = yield
    # A worker process sends its report as UTF-8, which has no unpaired surrogates; the log of a test may have them.
    report.sections = [(name, _encodable(text)) for name, text in report.sections]
    if report.longrepr is not None and str(report.longrepr) != _encodable(str(report.longrepr)):
        report.longrepr = _encodable(str(report.longrepr))
    if _NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(system in reason for system in _OTHER_SYSTEMS):
            report.outcome = "failed"
            report.longrepr = f"skipped, and nothing may be skipped here: {reason}"
    return report


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sets an empty HOME and removes variables that choose an account, a provider, a proxy or a setting of ours."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "CLAUDE", "AWS_", "DRAWBRIDGE_", "OPENAI_", "XDG_")) or name.upper() in {
            *("PORT", "POOL_SIZE", "LOG_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
