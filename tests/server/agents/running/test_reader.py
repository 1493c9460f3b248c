"""Frames that a real Claude Code with a plan writes, which the stand-in's account does not cause."""

import time
from pathlib import Path
from typing import Any

from server.agents.running.reader import AgentReader
from server.conversation.events import Failed
from server.errors import UsageLimit

LIMIT = "You've hit your 5-hour limit"


def test_a_met_limit_says_when_it_ends() -> None:
    until = time.time() + 3600
    reader = AgentReader(Path("/work"))
    frames: list[dict[str, Any]] = [
        {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": until}},
        {
            "type": "assistant",
            "error": "rate_limit",
            "message": {"model": "<synthetic>", "content": [{"type": "text", "text": LIMIT}]},
        },
        {"type": "result", "is_error": True, "api_error_status": 429},
    ]
    *_, (events, _) = [reader.feed(frame) for frame in frames]
    (failed,) = events
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, UsageLimit)
    assert failed.error.resets_at == until
    assert LIMIT in failed.error.message
    assert 3500 < (failed.error.retry_after_s or 0) <= 3600
