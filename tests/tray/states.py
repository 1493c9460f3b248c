"""The snapshots of the golden menus. `python -m tests.tray.states` rewrites the golden files."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from server.errors import CliMissing, KeyringLocked, PortTaken, SettingsCorrupt
from server.status import (
    AccountStatus,
    ApprovalsStatus,
    CliStatus,
    ComputerAction,
    ComputerQuestion,
    ComputerStatus,
    ContentsStatus,
    ExtraUsageStatus,
    ModelName,
    OllamaStatus,
    PoolStatus,
    State,
    Status,
    TunnelStatus,
    UsageWindow,
)
from tests.tray.menutext import menu_text
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.menu.problems import crash_problem, problem_for, problem_in
from tray.model import KeyPlace, KeyState, ReachState, Snapshot

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=timezone(timedelta(hours=1)))

_MODELS = (
    ModelName("default", "Default (recommended)"),
    ModelName("opus", "Opus 5"),
    ModelName("sonnet", "Sonnet 5"),
    ModelName("haiku", "Haiku 4.5"),
)
_PLAN = AccountStatus(
    True, "plan", "ada@example.org, on the Claude Max plan", email="ada@example.org", subscription="max"
)
_RUNNING = Status(
    state=State.RUNNING,
    addresses=("127.0.0.1:8082", "[::1]:8082"),
    base_url="http://127.0.0.1:8082/v1",
    model="sonnet",
    cli=CliStatus("/usr/bin/claude", "2.1.329"),
    account=_PLAN,
    pool=PoolStatus(size=3, ready=2, raw=1, parked=1),
    models=_MODELS,
)
_DOWN = Status(cli=_RUNNING.cli, account=_PLAN, models=_MODELS)
_TOMORROW = (NOW + timedelta(hours=18, minutes=30)).timestamp()
_USAGE = (
    UsageWindow("5 hours", 0.42, (NOW + timedelta(hours=3, minutes=30)).timestamp()),
    UsageWindow("7 days", 0.1349, (NOW + timedelta(days=4)).timestamp()),
)
RUNNING = Snapshot(status=_RUNNING, version="0.1.0", now=NOW)


def _with(status: Status | None = None, base: Snapshot = RUNNING, **changes: object) -> Snapshot:
    """A changed snapshot, with its status's problem unless one is given."""
    snapshot = replace(base, **({"status": status} if status is not None else {}), **changes)  # type: ignore[arg-type] # tests
    return snapshot if "problem" in changes else replace(snapshot, problem=problem_in(snapshot.status, now=NOW))


def states() -> Iterator[tuple[str, Snapshot]]:
    """Every state with its name."""
    yield "first_start", Snapshot(version="0.1.0", now=NOW)
    yield "stopped", _with(_DOWN)
    yield "starting", _with(replace(_DOWN, state=State.STARTING, base_url=_RUNNING.base_url))
    yield "running", RUNNING
    yield "answering", _with(replace(_RUNNING, pool=PoolStatus(size=3, answering=1)))
    yield "answering_and_waiting", _with(replace(_RUNNING, pool=PoolStatus(size=3, answering=3, waiting=5)))
    yield "stopping", _with(replace(_RUNNING, state=State.STOPPING, pool=PoolStatus(size=3, answering=2)))
    yield (
        "quitting",
        _with(replace(_RUNNING, state=State.STOPPING, pool=PoolStatus(answering=1)), is_quitting=True),
    )
    yield (
        "crashed_too_often",
        _with(
            replace(_DOWN, state=State.FAILED),
            problem=crash_problem(4, RuntimeError("the loop is closed")),
        ),
    )
    yield (
        "port_taken",
        _with(
            replace(_DOWN, state=State.FAILED),
            problem=problem_for(PortTaken("Port 8082 on 127.0.0.1 is taken by node (pid 412).")),
        ),
    )
    yield "next_free_port", _with(replace(_RUNNING, base_url="http://127.0.0.1:8083/v1"), is_moved=True)
    yield (
        "cli_missing",
        _with(
            replace(
                _RUNNING,
                cli=CliStatus(),
                account=AccountStatus(),
                pool=PoolStatus(size=3, trouble=str(CliMissing()), lacks="claude code"),
            )
        ),
    )
    signed_out = replace(_RUNNING, account=AccountStatus(signed_in=False, payer="nobody", detail="not signed in"))
    yield "signed_out", _with(signed_out)
    yield "signing_in", _with(signed_out, signing_in="claudeai")
    yield "plan_usage", _with(replace(_RUNNING, usage=_USAGE))
    kept = ContentsStatus(is_on=True, until=(NOW + timedelta(minutes=15)).timestamp(), has_kept=True)
    yield "contents_kept", _with(replace(_RUNNING, contents=kept))
    on_disk = ContentsStatus(is_on=True, has_kept=True, days=7)
    public = TunnelStatus("open", "cloudflared", "Cloudflare quick tunnel", "https://brave-hills.trycloudflare.com")
    yield "tunnel_open", _with(replace(_RUNNING, tunnel=replace(public, reader="Cloudflare", port=40_123)))
    missing = TunnelStatus("failed", "tailscale", "Tailscale Funnel", kind="missing", problem="It is not installed.")
    yield "tunnel_failed", _with(replace(_RUNNING, tunnel=replace(missing, hint="Install Tailscale.")))
    asks = ApprovalsStatus(1, "q1", "Bash", "site")
    yield "agent_asks", _with(replace(_RUNNING, pool=PoolStatus(size=3, answering=1), approvals=asks))
    yield "agents_ask", _with(replace(signed_out, approvals=replace(asks, waiting=3)))
    yield "computer_use_allowed", _with(computer_use=True)
    used = ComputerStatus(
        is_on=True,
        ends_at=(NOW + timedelta(minutes=9)).timestamp(),
        actions=(
            ComputerAction("screenshot", "done"),
            ComputerAction("click 200,200 in gedit", "done"),
            ComputerAction("type 12 characters in gedit", "done"),
            ComputerAction("click 20,30 in xterm", "refused"),
        ),
    )
    asked = "May Claude use the window “notes.txt - Text Editor” (gedit)? It wants to click 200,200 in gedit."
    asking = replace(used, question=ComputerQuestion("q1", asked))
    working = replace(_RUNNING, pool=PoolStatus(size=3, answering=1), computer=used)
    yield "computer_used", _with(working, computer_use=True, computer_minutes_left=9)
    asks = ApprovalsStatus(1, "q1", "computer", "Computer use")
    waiting = replace(working, computer=asking, approvals=asks)
    yield "computer_asks_for_a_window", _with(waiting, computer_use=True, computer_minutes_left=9)
    gone = replace(used, is_on=False, ends_at=None, ended="Computer use has ended: its time is over.")
    yield "computer_no_longer_used", _with(replace(_RUNNING, computer=gone), computer_use=True, computer_minutes=5.0)
    yield "contents_kept_on_disk", _with(replace(_RUNNING, contents=on_disk), contents_days=7)
    used_up = (replace(_USAGE[0], used=1.0, resets_at=_TOMORROW, is_reached=True), _USAGE[1])
    paid = ExtraUsageStatus("in use", _TOMORROW)
    yield "extra_usage", _with(replace(_RUNNING, usage=used_up, extra_usage=paid))
    stopped = replace(_RUNNING, usage=used_up, extra_usage=replace(paid, is_stopped=True))
    yield "extra_usage_stopped", _with(stopped, on_extra_usage="stop")
    yield (
        "usage_limit",
        _with(replace(_RUNNING, usage=(replace(_USAGE[0], used=1.0, resets_at=_TOMORROW, is_reached=True), _USAGE[1]))),
    )
    yield (
        "settings_corrupt",
        _with(
            replace(_DOWN, state=State.FAILED),
            problem=problem_for(SettingsCorrupt("Line 3 of the settings file 'settings.toml' cannot be read.")),
        ),
    )
    billed = replace(_PLAN, payer="api key", detail="", method="api_key")
    yield "api_key_pays", _with(replace(_RUNNING, account=billed), has_exported_key=True)
    refused = replace(billed, refused="Anthropic refused the key in ANTHROPIC_API_KEY", cure="Correct the variable.")
    yield "api_key_refused", _with(replace(_RUNNING, account=refused), has_exported_key=True)
    yield "plan_pays_in_spite_of_a_key", _with(has_exported_key=True, payer="plan")
    yield "bedrock_pays", _with(replace(_RUNNING, account=AccountStatus(True, "bedrock", provider="bedrock")))
    yield "page_refused", _with(replace(_RUNNING, refused_origin="https://chat.example.org"))
    yield "demo", _with(replace(_RUNNING, demo=True, account=AccountStatus(True, "demo", "a demo: no cost")))
    yield (
        "everything_pinned",
        _with(
            key=KeyState(is_required=True, place=KeyPlace.SETTINGS),
            pinned=(
                ("port", "PORT"),
                ("pool_size", "POOL_SIZE"),
                ("model", "DRAWBRIDGE_MODEL"),
                ("api_key", "DRAWBRIDGE_API_KEY"),
                ("host", "DRAWBRIDGE_HOST"),
                ("ollama_port", "DRAWBRIDGE_OLLAMA_PORT"),
                ("computer_use", "DRAWBRIDGE_COMPUTER_USE"),
            ),
        ),
    )
    yield "answers_as_ollama", _with(ollama_port=11434)
    taken = "Port 11434 on 127.0.0.1 is taken by ollama (pid 812)."
    yield "ollama_has_its_port", _with(replace(_RUNNING, ollama=OllamaStatus(refused=taken)), ollama_port=11434)
    yield "key_in_keyring", _with(key=KeyState(is_required=True, place=KeyPlace.KEYRING))
    yield "key_in_file", _with(key=KeyState(is_required=False, place=KeyPlace.FILE))
    yield "key_in_settings", _with(key=KeyState(is_required=True, place=KeyPlace.SETTINGS))
    yield "no_keyring", _with(key=KeyState(asks_for_file=True))
    yield "keyring_locked", _with(replace(_DOWN, state=State.FAILED), problem=problem_for(KeyringLocked()))
    yield (
        "reachable_by_others",
        _with(
            key=KeyState(is_required=True, place=KeyPlace.KEYRING),
            reach=ReachState(is_open=True, addresses=("192.168.1.20:8082", "172.17.0.1:8082", "[fd00::20]:8082")),
        ),
    )
    yield (
        "other_port_size_and_model",
        _with(replace(_RUNNING, base_url="http://127.0.0.1:9000/v1"), port=9000, pool_size=5, model="claude-opus-4-1"),
    )
    yield "claudes_own_model", _with(model="default", starts_at_login=True)
    yield "new_version", _with(checks_updates=True, new_version="1.2")
    yield (
        "check_for_updates_pinned",
        _with(checks_updates=True, pinned=(("check_updates", "DRAWBRIDGE_CHECK_UPDATES"),)),
    )
    yield "managed_by_the_system", _with(checks_updates=None)
    yield "keys_of_apps", _with(app_keys=("Talon", "Open WebUI"))
    yield "login_not_possible", _with(starts_at_login=None)


def state_text(snapshot: Snapshot) -> str:
    """Everything the user sees of a snapshot."""
    picture, tooltip = picture_for(snapshot).value, tooltip_for(snapshot)
    return f"icon: {picture}\ntooltip: {tooltip}\n\n{menu_text(menu_for(snapshot))}"


def golden_files() -> Iterator[tuple[Path, str]]:
    """Each golden file and its content."""
    for name, snapshot in states():
        yield GOLDEN / "menu" / f"{name}.txt", state_text(snapshot)


if __name__ == "__main__":
    for path, text in golden_files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
