"""The differences between models: thinking, output limits, and removed parameters."""

import re
from dataclasses import dataclass

_NEW = re.compile(r"claude-(?P<family>[a-z]+)-(?P<major>\d{1,2})(?:-(?P<minor>\d{1,2}))?(?:-\d{8}|-latest)?(?:\[1m\])?")
_OLD = re.compile(r"claude-(?P<major>\d)(?:-(?P<minor>\d))?-(?P<family>[a-z]+)(?:-\d{8}|-latest)?")


@dataclass(frozen=True, slots=True)
class Model:
    """A model by family and generation; a name with neither counts as the newest."""

    family: str
    generation: tuple[int, int]

    @property
    def thinks_adaptively(self) -> bool:
        """Whether `thinking: adaptive` is supported."""
        return self.generation >= (4, 6)

    @property
    def takes_budget(self) -> bool:
        """Whether `thinking: enabled` with a budget is supported."""
        return self.generation < (4, 7)

    @property
    def must_think(self) -> bool:
        """Whether thinking cannot be disabled."""
        return self.family in ("fable", "mythos") or self.generation >= (5, 5)

    @property
    def takes_sampling(self) -> bool:
        """Whether `temperature`, `top_p` and `top_k` may be set."""
        return self.generation < (4, 7)

    @property
    def takes_prefill(self) -> bool:
        """Whether the last message may be from the assistant."""
        return self.generation < (4, 6)

    @property
    def takes_system_messages(self) -> bool:
        """Whether a message may have the role `system`."""
        return self.generation >= (4, 8)

    @property
    def takes_effort(self) -> bool:
        """Whether `output_config.effort` is supported."""
        return self.generation >= (4, 6) or (self.family == "opus" and self.generation >= (4, 5))

    @property
    def max_output(self) -> int:
        """The largest `max_tokens`."""
        if self.generation >= (4, 6):
            return 128_000
        if self.generation >= (4, 2) or (self.family == "sonnet" and self.generation >= (3, 7)):
            return 64_000
        return 32_000 if self.generation >= (4, 0) else 8_192


def model_named(name: str) -> Model | None:
    """The model of this name; None if the API would not know it."""
    match = _NEW.fullmatch(name) or _OLD.fullmatch(name)
    if match is not None:
        return Model(match["family"], (int(match["major"]), int(match["minor"] or 0)))
    return Model("", (99, 0)) if re.fullmatch(r"claude-[a-z0-9.-]+", name) else None
