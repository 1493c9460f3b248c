"""Reads Ollama's completions as its clients do."""

from collections.abc import Sequence
from typing import Any

from server.conversation.parts import Text
from server.conversation.request import ModelRequest, ModelSettings
from tests.server.dialects.answers import Answer
from tests.server.dialects.bodies import Body
from tests.server.dialects.conformance import Frame
from tests.server.dialects.conversations import Conversation
from tests.server.dialects.ollama.kit import OllamaKit, dialect_named


class OllamaGenerateKit(OllamaKit):
    dialect = dialect_named("ollama_generate")
    has_calls = False

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        request = conversation.expected
        parts = [part for message in request.messages for part in message.parts]
        if len(parts) != 1 or not isinstance(parts[0], Text) or request.profile.tools:
            return []
        if request.settings != ModelSettings() or request.answer or request.cut_at:
            return []
        return [({"prompt": parts[0].text, "system": request.profile.system}, request)]

    def refusal(self, cases: Any) -> None:
        return None

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        return {"model": "sonnet", "prompt": "Hi", "stream": is_streamed}

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        lines = [frame.json for frame in frames]
        text = "".join(line["response"] for line in lines)
        thinking = "".join(line.get("thinking", "") for line in lines)
        return self.read_whole({**lines[-1], "response": text, "thinking": thinking})

    def read_whole(self, body: Any) -> Answer:
        message = {"content": body["response"], "thinking": body.get("thinking", "")}
        return super().read_whole({**body, "message": message})


KIT = OllamaGenerateKit()
