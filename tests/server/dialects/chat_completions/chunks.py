"""Reads the chunks of a stream of chat completions."""

import json
from collections.abc import Iterable
from typing import Any

from server.conversation.events import Event
from server.dialects.base import Encoder


def chunks_of(encoder: Encoder, events: Iterable[Event]) -> list[dict[str, Any]]:
    """The JSON of the chunks that `encoder` makes of `events`, in order."""
    frames = b"".join(map(encoder.event, events)).decode().split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") for frame in frames)
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]
