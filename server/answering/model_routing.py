"""Resolves the model name of a request to a model and an effort."""

from collections.abc import Sequence
from dataclasses import replace

from server.claude.cli.model_names import NamedModel, nearest_effort, parse_model_name
from server.claude.cli.models import DEFAULT
from server.config import Config
from server.conversation.models import ModelCard, is_allowed
from server.conversation.request import ModelRequest
from server.errors import ModelDenied, ModelUnknown
from server.model_aliases import EFFORTS, ModelAlias


def card_for(name: str, config: Config, cards: tuple[ModelCard, ...]) -> ModelCard:
    """The card of the model that answers requests for `name`. Raises `ModelUnknown` as `model_for` does."""
    model = model_for(name, config, cards).model or DEFAULT
    cards = _account_cards(cards)
    known = next((card for card in cards if card.id == model), None)
    known = known or next((card for card in cards if card.resolved == model), None)
    return known or ModelCard(model, model, model)


def model_for(name: str, config: Config, cards: tuple[ModelCard, ...]) -> NamedModel:
    """The model and effort for `name`; model None is Claude Code's own default.

    A name that is not Claude's (`gpt-4o-mini`) means the default model, with the effort of its suffix. Raises
    `ModelUnknown` instead where strict model names are set.
    """
    named = _named(name, config, cards)
    if named.model is None:
        if name.strip() and config.strict_models:
            raise ModelUnknown(
                f"The model {name!r} does not exist.", param="model", hint="GET /v1/models lists the available models."
            )
        default = _named(config.model, config, cards)
        model = default.model or config.model
        named = NamedModel(model, nearest_effort(named.effort, model, cards) or default.effort)
    return NamedModel(None, named.effort) if named.model == DEFAULT else named


def may_answer(model: str | None, request: ModelRequest, config: Config, cards: tuple[ModelCard, ...]) -> bool:
    """Whether `model` (None: Claude Code's default) is one of those that may answer the request.

    The names of the allowed models may be the user's own, too.
    """
    allowed = request.allowed_models
    return not allowed or is_allowed(model or DEFAULT, allowed, with_aliases(cards, config))


def model_denied(name: str, allowed: Sequence[str]) -> ModelDenied:
    """The error for a request whose access key does not allow the model `name`."""
    return ModelDenied(
        f"This access key may not use the model {name!r}.", param="model", hint=f"It may use {', '.join(allowed)}."
    )


def with_aliases(cards: tuple[ModelCard, ...], config: Config) -> tuple[ModelCard, ...]:
    """`cards`, and one for each of the user's aliases; a model of Claude's with the same name hides the alias."""
    taken = {name.lower() for card in cards for name in (card.id, card.resolved)}
    found = []
    for alias in config.aliases:
        if alias.name.lower() in taken:
            continue
        target = card_for(alias.model, replace(config, aliases=(), strict_models=False), cards)
        effort = f", {alias.effort} effort" if alias.effort else ""
        found.append(replace(target, id=alias.name, name=f"{alias.name} ({target.name}{effort})", is_users=True))
    return (*cards, *found)


def hidden_aliases(cards: Sequence[ModelCard], config: Config) -> tuple[str, ...]:
    """The aliases that have no effect, because Claude has a model of that name."""
    taken = {name.lower() for card in _account_cards(cards) for name in (card.id, card.resolved)}
    return tuple(alias.name for alias in config.aliases if alias.name.lower() in taken)


def unknown_aliases(cards: Sequence[ModelCard], config: Config) -> tuple[ModelAlias, ...]:
    """The aliases whose model is not one of Claude's. `model_for` treats them as every other name of that kind."""
    own, hidden = _account_cards(cards), hidden_aliases(cards, config)
    found = (alias for alias in config.aliases if alias.name not in hidden)
    return tuple(alias for alias in found if parse_model_name(alias.model, own).model is None)


def alias_problems(cards: Sequence[ModelCard], config: Config) -> list[str]:
    """What is wrong with aliases, a sentence without its full stop for each."""
    outcome = "is refused" if config.strict_models else "means the default model"
    return [
        *(f"{name} has no effect, because Claude has a model of that name" for name in hidden_aliases(cards, config)),
        *(f"{one.name} {outcome}, because Claude has no model {one.model!r}" for one in unknown_aliases(cards, config)),
    ]


def unknown_models(cards: Sequence[ModelCard], config: Config) -> dict[str, str]:
    """The settings that name a model which Claude does not have, with that name."""
    named = {
        "model": config.model,
        "fallback_model": config.fallback_model,
        "housekeeping_model": config.housekeeping_model,
    }
    own = _account_cards(cards)
    return {
        setting: name
        for setting, name in named.items()
        if name and name != DEFAULT and _named(name, config, own).model is None
    }


def _named(name: str, config: Config, cards: tuple[ModelCard, ...]) -> NamedModel:
    """What `name` means: one of the user's aliases, also with a suffix for the effort, or a name of Claude's."""
    own = _account_cards(cards)
    if not config.aliases:
        return parse_model_name(name, own)
    # With every effort, so that a suffix stays until the model behind the alias decides what it supports.
    listed = [replace(card, efforts=EFFORTS) if card.is_users else card for card in with_aliases(own, config)]
    named = parse_model_name(name, listed)
    alias = next((alias for alias in config.aliases if alias.name == named.model), None)
    if alias is None or alias.name in hidden_aliases(own, config):
        return named
    target = parse_model_name(alias.model, own)
    effort = nearest_effort(named.effort or alias.effort, target.model, own) or target.effort
    return NamedModel(target.model, effort)


def _account_cards(cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
    return tuple(card for card in cards if not card.is_users)
