"""Which model a request means."""

from server.claude.models import DEFAULT, known_name
from server.config import Config
from server.dialogue import ModelCard
from server.errors import ModelUnknown


def model_for(asked: str, config: Config, cards: tuple[ModelCard, ...]) -> str | None:
    """What Claude Code is asked for when a client asks for `asked`; None is Claude Code's own default.

    A name that is not Claude's (`gpt-4o-mini`) means the default model, unless strict names are set: then it raises
    `ModelUnknown`.
    """
    name = known_name(asked, cards) if asked.strip() else None
    if name is None:
        if asked.strip() and config.strict_models:
            raise ModelUnknown(
                f"There is no model {asked!r} here.", param="model", hint="GET /v1/models lists the ones there are."
            )
        name = known_name(config.model, cards) or config.model
    return None if name == DEFAULT else name
