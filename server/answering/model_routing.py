"""Which model a request means, and the effort that its name says."""

from server.claude.cli.model_names import NamedModel, nearest_effort, parse_model_name
from server.claude.cli.models import DEFAULT
from server.config import Config
from server.conversation.models import ModelCard
from server.errors import ModelUnknown


def meant_for(asked: str, config: Config, cards: tuple[ModelCard, ...]) -> NamedModel:
    """What Claude Code is asked for when a client asks for `asked`; its model None is Claude Code's own default.

    A name that is not Claude's (`gpt-4o-mini`) means the default model, with the effort that its suffix says, unless
    strict names are set: then it raises `ModelUnknown`.
    """
    meant = parse_model_name(asked, cards)
    if meant.model is None:
        if asked.strip() and config.strict_models:
            raise ModelUnknown(
                f"There is no model {asked!r} here.", param="model", hint="GET /v1/models lists the ones there are."
            )
        default = parse_model_name(config.model, cards)
        model = default.model or config.model
        meant = NamedModel(model, nearest_effort(meant.effort, model, cards) or default.effort)
    return NamedModel(None, meant.effort) if meant.model == DEFAULT else meant
