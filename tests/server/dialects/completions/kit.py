"""Reads completions as their clients do."""

from collections.abc import Sequence
from typing import Any

from server.conversation.request import ModelRequest
from tests.server.dialects.answers import Answer
from tests.server.dialects.bodies import Body
from tests.server.dialects.chat_completions.kit import ChatKit
from tests.server.dialects.conformance import Frame
from tests.server.dialects.conversations import Conversation
from tests.server.dialects.ollama.kit import dialect_named
from tests.server.dialects.ollama_generate.kit import KIT as GENERATE


class CompletionsKit(ChatKit):
    """The framing and the errors are those of chat."""

    dialect = dialect_named("completions")
    has_calls = False

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        return GENERATE.bodies(conversation)

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        return {"prompt": "Hi", "stream": is_streamed, "stream_options": {"include_usage": True}}

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        chunks = [frame.json for frame in frames if not self.is_end(frame)]
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        text = "".join(choice["text"] for choice in choices)
        assert {choice["finish_reason"] for choice in choices[:-1]} <= {None}
        return self.read_whole({"choices": [{**choices[-1], "text": text}], "usage": chunks[-1]["usage"]})

    def read_whole(self, body: Any) -> Answer:
        (choice,) = body["choices"]
        usage = body["usage"]
        return Answer(
            text=choice["text"],
            finish=choice["finish_reason"],
            tokens=(usage["prompt_tokens"], usage["completion_tokens"]),
        )


KIT = CompletionsKit()
