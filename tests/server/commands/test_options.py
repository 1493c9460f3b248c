"""Every setting is a flag, a variable and a line of the settings file; which of them wins; and what is refused."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server.commands.options import as_arguments, as_variables, settle
from server.commands.root import drawbridge
from server.commands.serve import serve
from server.config import OPTIONS, SECRETS, Config
from server.errors import SettingsInvalid
from server.model_aliases import ModelAlias
from server.setting_help import HELP

# Field: what is written on the command line, and what it means. No value is the default.
CASES: Mapping[str, tuple[str, object]] = {
    "host": ("::1", "::1"),
    "port": ("9001", 9001),
    "pool_size": ("5", 5),
    "model": ("opus", "opus"),
    "timeout_s": ("33", 33.0),
    "queue_timeout_s": ("44.5", 44.5),
    "max_waiting": ("7", 7),
    "api_key": ("sesame", "sesame"),
    "require_key": ("true", True),
    "reach": ("lan", "lan"),
    "ollama_port": ("11434", 11434),
    "payer": ("api-key", "api key"),
    "on_extra_usage": ("stop", "stop"),
    "usage_notice": ("90", 90),
    "proxy": ("http://me:secret@proxy:3128/", "http://me:secret@proxy:3128"),
    "cli_path": ("/opt/claude", Path("/opt/claude")),
    "prefer_cli": ("newest", "newest"),
    "log_dir": ("/tmp/logs", Path("/tmp/logs")),
    "data_dir": ("/tmp/data", Path("/tmp/data")),
    "demo": ("true", True),
    "reload": ("true", True),
    "head_timeout_s": ("3", 3.0),
    "heartbeat_s": ("4", 4.0),
    "body_limit_mb": ("1.5", 1.5),
    "allowed_hosts": ("a.example, b.example", ("a.example", "b.example")),
    "allowed_origins": ("https://a.example", ("https://a.example",)),
    "strict_models": ("true", True),
    "aliases": ("fast=haiku,deep=opus-high", (ModelAlias("fast", "haiku"), ModelAlias("deep", "opus-high"))),
    "fallback_model": ("haiku", "haiku"),
    "retries": ("4", 4),
    "without_breaker": ("true", True),
    "housekeeping_model": ("haiku", "haiku"),
    "forward_sampling": ("true", True),
    "reasoning": ("tags", "tags"),
    "idle_shrink_s": ("60", 60.0),
    "embeddings_url": ("https://a.example/v1", "https://a.example/v1"),
    "embeddings_model": ("bge-m3", "bge-m3"),
    "embeddings_key": ("sk-other", "sk-other"),
    "isolation": ("process", "process"),
    "memory": ("small", "small"),
    "warm_spares": ("true", True),
    "tunnel": ("cloudflared-named", "cloudflared named"),
    "tunnel_host": ("https://Claude.example.org/", "claude.example.org"),
    "tunnel_port": ("8490", 8490),
    "tunnel_idle_hours": ("1.5", 1.5),
    "projects_root": ("/srv/projects", Path("/srv/projects")),
    "projects_by_api": ("true", True),
    "journal_days": ("7", 7),
    "metrics": ("true", True),
    "contents_days": ("7", 7),
    "sessions": ("Memory", "memory"),
    "session_hours": ("0.5", 0.5),
    "agent_mode": ("true", True),
    "agents": ("3", 3),
    "agent_progress": ("Content", "content"),
    "agent_turns": ("20", 20),
    "agent_minutes": ("5", 5.0),
    "agent_cost_usd": ("0.5", 0.5),
    "computer_use": ("true", True),
    "computer_minutes": ("5", 5.0),
    "check_updates": ("true", True),
    "icon": ("Dark", "dark"),
    "log_level": ("debug", "debug"),
}
SWITCHES = {
    *("require_key", "demo", "reload", "strict_models", "without_breaker", "forward_sampling", "warm_spares"),
    *("projects_by_api", "metrics", "agent_mode", "computer_use", "check_updates"),
}


def flags(*arguments: str) -> dict[str, Any]:
    """What the real command line makes of `arguments`."""
    return serve.make_context("serve", list(arguments)).params


def config(*arguments: str, unprefixed: bool = True) -> Config:
    return settle(flags(*arguments), unprefixed=unprefixed).config


def test_every_setting_is_tested_here_and_has_a_description() -> None:
    names = [option.name for option in OPTIONS]
    assert list(CASES) == names
    assert list(HELP) == names


@pytest.mark.parametrize("name", CASES)
def test_each_setting_is_an_option(home: Path, name: str) -> None:
    written, meant = CASES[name]
    flag = f"--{name.removesuffix('_s').replace('_', '-')}"
    assert getattr(config(), name) != meant
    given = config(flag) if name in SWITCHES else config(flag, written)
    assert getattr(given, name) == meant
    assert given.source(name) == "flag"


@pytest.mark.parametrize(
    ("name", "variable"), [(option.name, variable) for option in OPTIONS for variable in option.variables]
)
def test_each_setting_is_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str) -> None:
    written, meant = CASES[name]
    monkeypatch.setenv(variable, written)
    assert getattr(config(), name) == meant
    assert config().source(name) == "variable"


def test_little_memory_means_one_process_unless_their_number_is_given(
    home: Path, settings: Callable[[str], None]
) -> None:
    assert config("--memory", "small").pool_size == 1
    assert config("--memory", "small", "--pool-size", "2").pool_size == 2
    settings("pool_size = 3\n")
    assert config("--memory", "small").pool_size == 3
    assert config("--memory", "normal").pool_size == 3


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_each_setting_is_a_line_of_the_settings_file(settings: Callable[[str], None], option: Any) -> None:
    written, meant = CASES[option.name]
    settings(f'{option.key} = "{written}"\n')
    assert getattr(config(), option.name) == meant
    assert config().source(option.name) == "settings file"


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(
    settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config().port == 8082
    settings("port = 9001\n")
    assert config().port == 9001
    monkeypatch.setenv("PORT", "9002")
    assert config().port == 9002
    monkeypatch.setenv("DRAWBRIDGE_PORT", "9003")
    assert config().port == 9003
    assert config("--port", "9004").port == 9004


@pytest.mark.parametrize("spelling", ["-w", "--workers", "--pool-size"])
def test_the_pool_size_has_the_names_that_other_servers_use(home: Path, spelling: str) -> None:
    assert config(spelling, "6").pool_size == 6


@pytest.mark.parametrize("variable", [option.alias for option in OPTIONS if option.alias])
def test_names_without_our_prefix_count_for_serve_only(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (option,) = (option for option in OPTIONS if option.alias == variable)
    monkeypatch.setenv(variable, CASES[option.name][0])
    assert getattr(config(unprefixed=False), option.name) != CASES[option.name][1]


@pytest.mark.parametrize("variable", ["HOST", "MODEL", "TIMEOUT", "API_KEY"])
def test_names_that_shells_and_other_programs_set_have_no_effect(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "9.9.9.9")
    assert config() == Config()


def test_a_wrong_value_is_named_with_where_it_came_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsInvalid, match="--port takes a number from 1 to 65535, not '70000'"):
        config("--port", "70000")
    monkeypatch.setenv("POOL_SIZE", "many")
    with pytest.raises(SettingsInvalid, match="The variable POOL_SIZE takes a number from 1 to 64, not 'many'"):
        config()


def test_unknown_lines_of_the_settings_file_are_remarked(settings: Callable[[str], None]) -> None:
    settings("colour = 'red'\n")
    assert "'colour'" in settle({}, unprefixed=True).notices[0]


def test_the_help_of_the_key_warns_that_other_users_can_read_it(home: Path) -> None:
    text = " ".join(serve.get_help(serve.make_context("serve", [])).split())
    assert "other users of this computer can see command lines" in text


def test_the_help_names_every_flag_variable_and_default(home: Path) -> None:
    text = " ".join(serve.get_help(serve.make_context("serve", [])).split())
    for option in OPTIONS:
        for variable in option.variables:
            assert variable in text
    assert "default: 8082" in text


def test_the_help_names_the_choices_and_units(home: Path) -> None:
    shown = " ".join(CliRunner().invoke(drawbridge, ["serve", "--help"]).output.split())
    for words in ("--on-extra-usage [go-on|stop]", "--agent-minutes MINUTES", "--agent-cost-usd USD"):
        assert words in shown


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("requests", "--demo Use the list of requests of the demo."),
        ("projects list", "--demo Use the projects of the demo."),
        ("ask", "--api-key TEXT The access key to send."),
        ("connect", "--model TEXT The model to show."),
    ],
)
def test_the_help_says_what_a_setting_means_for_the_command(home: Path, command: str, words: str) -> None:
    shown = " ".join(CliRunner().invoke(drawbridge, [*command.split(), "--help"]).output.split())
    assert words in shown


def test_drawbridge_takes_the_same_options_as_serve() -> None:
    ours = {name for parameter in drawbridge.params for name in parameter.opts} - {"--version", "--background"}
    assert ours == {name for parameter in serve.params for name in parameter.opts}


def test_a_child_gets_the_settings_as_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = config(*_all_arguments())
    for variable, value in as_variables(given).items():
        monkeypatch.setenv(variable, value)
    assert config() == given


def test_the_settings_given_by_flags_come_back_as_arguments(home: Path, tmp_path: Path) -> None:
    given = config(*_all_arguments(but=SECRETS))
    assert config(*as_arguments(given)) == given


def test_settings_from_elsewhere_are_no_arguments(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBRIDGE_PORT", "9000")
    assert as_arguments(config("--pool-size", "2")) == ("--pool-size", "2")


def test_paths_among_the_arguments_mean_the_same_in_another_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_arguments(config("--data-dir", "mine")) == ("--data-dir", str(tmp_path / "mine"))


@pytest.mark.parametrize("more", [(), ("--require-key",)])
def test_the_key_is_no_argument_but_stays_required(home: Path, more: tuple[str, ...]) -> None:
    assert as_arguments(config("--api-key", "sesame", *more)) == ("--require-key",)


def test_the_key_of_another_endpoint_is_no_argument(home: Path) -> None:
    assert as_arguments(config("--embeddings-key", "sesame")) == ()


def _all_arguments(but: Collection[str] = ()) -> list[str]:
    """Every setting with its value of `CASES`, as on a command line."""
    return [
        word
        for name, (written, _) in CASES.items()
        if name not in but
        for word in (f"--{name.removesuffix('_s').replace('_', '-')}", *([] if name in SWITCHES else [written]))
    ]
