"""What differs between the models of the API: how they think, how much they write, what they no longer take."""

import re
from dataclasses import dataclass

_NEW = re.compile(r"claude-(?P<family>[a-z]+)-(?P<major>\d{1,2})(?:-(?P<minor>\d{1,2}))?(?:-\d{8}|-latest)?(?:\[1m\])?")
_OLD = re.compile(r"claude-(?P<major>\d)(?:-(?P<minor>\d))?-(?P<family>[a-z]+)(?:-\d{8}|-latest)?")


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its family and generation; names that say neither count as the newest."""

    family: str
    generation: tuple[int, int]

    @property
    def thinks_adaptively(self) -> bool:
        """Whether `thinking: adaptive` is known."""
        return self.generation >= (4, 6)

    @property
    def takes_budget(self) -> bool:
        """Whether `thinking: enabled` with a budget is known."""
        return self.generation < (4, 7)

    @property
    def must_think(self) -> bool:
        """Whether thinking cannot be switched off."""
        return self.family in ("fable", "mythos") or self.generation >= (5, 5)

    @property
    def takes_sampling(self) -> bool:
        """Whether `temperature`, `top_p` and `top_k` may be set at all."""
        return self.generation < (4, 7)

    @property
    def takes_prefill(self) -> bool:
        """Whether a conversation may end with an assistant's turn."""
        return self.generation < (4, 6)

    @property
    def takes_system_turns(self) -> bool:
        """Whether a message may have the role `system`."""
        return self.generation >= (4, 8)

    @property
    def takes_effort(self) -> bool:
        """Whether `output_config.effort` is known."""
        return self.generation >= (4, 6) or (self.family == "opus" and self.generation >= (4, 5))

    @property
    def most_output(self) -> int:
        """The largest `max_tokens`."""
        if self.generation >= (4, 6):
            return 128_000
        if self.generation >= (4, 2) or (self.family == "sonnet" and self.generation >= (3, 7)):
            return 64_000
        return 32_000 if self.generation >= (4, 0) else 8_192


def model_named(name: str) -> Model | None:
    """The model of this name, or None where the API knows no such model."""
    found = _NEW.fullmatch(name) or _OLD.fullmatch(name)
    if found is not None:
        return Model(found["family"], (int(found["major"]), int(found["minor"] or 0)))
    return Model("", (99, 0)) if re.fullmatch(r"claude-[a-z0-9.-]+", name) else None
