"""The user's own names for models: what they mean in requests and lists, and what the settings refuse."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from server.answering.model_routing import hidden_aliases, model_for, with_aliases
from server.claude.cli.model_names import NamedModel
from server.claude.cli.models import ALIASES
from server.config import Config, resolve
from server.conversation.models import ModelCard
from server.errors import SettingsInvalid
from server.machine.files.settings_file import read_settings, template, write_settings
from server.model_aliases import ModelAlias, as_table, parse_aliases

CARDS = (
    ModelCard("default", "claude-opus-5-5", "Default"),
    ModelCard("opus", "claude-opus-5-5", "Opus", efforts=("low", "medium", "high")),
    ModelCard("haiku", "claude-haiku-4-5", "Haiku"),
    ModelCard("mythos", "claude-mythos-1", "Mythos"),
)
FILE = """
port = 9000
# mine
[aliases]
fast = "haiku"
deep = { model = "opus", effort = "max" }  # thinks long
tiny = "opus-low"
old = "claude-opus-4-1"
mythos = "haiku"
"""


def config_of(text: str) -> Config:
    return resolve(flags={}, environment={}, file=tomllib.loads(text))


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("fast", NamedModel("haiku", None)),
        ("FAST", NamedModel("haiku", None)),
        ("cc:fast", NamedModel("haiku", None)),
        # The model has no "max": the nearest one counts.
        ("deep", NamedModel("opus", "high")),
        ("deep-low", NamedModel("opus", "low")),
        ("deep:medium", NamedModel("opus", "medium")),
        ("tiny", NamedModel("opus", "low")),
        ("old", NamedModel("claude-opus-4-1", None)),
        # Claude's own model wins.
        ("mythos", NamedModel("mythos", None)),
        ("opus", NamedModel("opus", None)),
        ("claude-opus-5-5", NamedModel("claude-opus-5-5", None)),
    ],
)
def test_an_alias_means_its_model_and_effort(name: str, named: NamedModel) -> None:
    config = config_of(FILE)
    assert model_for(name, config, CARDS) == named
    assert model_for(name, config, with_aliases(CARDS, config)) == named


def test_an_alias_works_before_claude_code_has_listed_its_models() -> None:
    assert model_for("deep", config_of(FILE), ALIASES) == NamedModel("opus", "max")


def test_an_alias_may_be_the_default_model() -> None:
    assert model_for("gpt-4o", config_of('model = "deep"\n' + FILE), CARDS) == NamedModel("opus", "high")


def test_lists_name_each_alias_once_with_the_limits_of_its_model_and_not_a_hidden_one() -> None:
    config = config_of(FILE)
    mine = [card for card in with_aliases(CARDS, config) if card.is_users]
    assert [(card.id, card.resolved) for card in mine] == [
        ("fast", "claude-haiku-4-5"),
        ("deep", "claude-opus-5-5"),
        ("tiny", "claude-opus-5-5"),
        ("old", "claude-opus-4-1"),
    ]
    assert mine[1].name == "deep (Opus, max effort)"
    assert hidden_aliases(CARDS, config) == ("mythos",)


@pytest.mark.parametrize(
    ("table", "key", "problem"),
    [
        ('opus = "haiku"', "opus", "would hide a model"),
        ('"Sonnet-high" = "haiku"', "Sonnet-high", "would hide a model"),
        ('"claude-opus-4-5" = "haiku"', "claude-opus-4-5", "would hide a model"),
        ('"cc:fast" = "haiku"', "cc:fast", "would hide a model"),
        ('"a b" = "haiku"', "a b", "without spaces"),
        ('fast = ""', "fast", "takes a model's id"),
        ("fast = 3", "fast", "takes a model's id"),
        ('deep = { model = "opus", effort = "huge" }', "deep.effort", "low, medium, high, xhigh or max, not 'huge'"),
        ('deep = { model = "opus", efort = "high" }', "deep.efort", "is unknown"),
        ('deep = { effort = "high" }', "deep", "has no model"),
        ("deep = { model = [1] }", "deep.model", "takes a model's id"),
        ('fast = "haiku"\nFast = "opus"', "Fast", "has the name of the alias 'fast'"),
        ('fast = "haiku"\nquick = "fast"', "quick", "'fast' is an alias"),
    ],
)
def test_an_error_names_the_key_of_the_line(table: str, key: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        config_of(f"[aliases]\n{table}\n")
    assert f"'aliases.{key}' in the settings file" in raised.value.message
    assert problem in raised.value.message


@pytest.mark.parametrize("value", ["fast", 3, [1], ["fast"]])
def test_what_is_no_table_is_refused(value: Any) -> None:
    with pytest.raises(SettingsInvalid):
        resolve(flags={}, environment={}, file={"aliases": value})


def test_a_variable_takes_them_as_a_list_and_its_errors_name_the_alias() -> None:
    named = resolve(flags={}, environment={"DRAWBRIDGE_ALIASES": "fast=haiku, deep=opus-high,"}, file={}).aliases
    assert named == (ModelAlias("fast", "haiku"), ModelAlias("deep", "opus-high"))
    with pytest.raises(SettingsInvalid, match=r"DRAWBRIDGE_ALIASES, name 'opus', would hide"):
        resolve(flags={}, environment={"DRAWBRIDGE_ALIASES": "opus=haiku"}, file={})


def test_other_changes_of_the_file_keep_the_table_and_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(FILE)
    write_settings(path, {"port": 9001, "pool_size": 2})
    written = path.read_text()
    assert "# mine\n" in written
    assert "# thinks long" in written
    values = read_settings(path).values
    assert (values["port"], values["pool_size"]) == (9001, 2)
    assert config_of(written).aliases == config_of(FILE).aliases
    changed = parse_aliases(["new=opus-high"])
    write_settings(path, {"aliases": as_table(changed), "max_waiting": 5})
    assert config_of(path.read_text()).aliases == changed
    assert read_settings(path).values["max_waiting"] == 5


def test_the_new_file_shows_an_example_that_works() -> None:
    text = template().replace("# aliases =", "aliases =")
    assert config_of(text).aliases == (ModelAlias("fast", "haiku"), ModelAlias("deep", "opus", "high"))
