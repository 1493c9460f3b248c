"""Resolves the model name of a request to a model and an effort."""

from server.claude.cli.model_names import NamedModel, nearest_effort, parse_model_name
from server.claude.cli.models import DEFAULT
from server.config import Config
from server.conversation.models import ModelCard
from server.errors import ModelUnknown


def card_for(name: str, config: Config, cards: tuple[ModelCard, ...]) -> ModelCard:
    """The card of the model that answers requests for `name`. Raises `ModelUnknown` as `model_for` does."""
    model = model_for(name, config, cards).model or DEFAULT
    known = next((card for card in cards if card.id == model), None)
    known = known or next((card for card in cards if card.resolved == model), None)
    return known or ModelCard(model, model, model)


def model_for(name: str, config: Config, cards: tuple[ModelCard, ...]) -> NamedModel:
    """The model and effort for `name`; model None is Claude Code's own default.

    A name that is not Claude's (`gpt-4o-mini`) means the default model, with the effort of its suffix. Raises
    `ModelUnknown` instead where strict model names are set.
    """
    named = parse_model_name(name, cards)
    if named.model is None:
        if name.strip() and config.strict_models:
            raise ModelUnknown(
                f"The model {name!r} does not exist.", param="model", hint="GET /v1/models lists the available models."
            )
        default = parse_model_name(config.model, cards)
        model = default.model or config.model
        named = NamedModel(model, nearest_effort(named.effort, model, cards) or default.effort)
    return NamedModel(None, named.effort) if named.model == DEFAULT else named
