"""Ollama's two paths that ask the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from server.conversation.events import Event, Finished, Started, StopReason
from server.dialects.base import ErrorReply, Exchange, ParseOptions
from server.dialects.common.sealed import Seal
from server.dialects.framing import NDJSON_TYPE
from server.dialects.ollama.context import Remembered, remembered
from server.dialects.ollama.errors import error_reply
from server.dialects.ollama.lines import ReplyForm, rfc3339
from server.dialects.ollama.request import only_loads, parse_ollama, request_from_ollama, unloads
from server.dialects.ollama.request_types import OllamaChatRequest, OllamaGenerateRequest
from server.dialects.ollama.response import OllamaCollector
from server.dialects.ollama.stream import OllamaEncoder
from server.errors import DrawbridgeError

_LOADED: tuple[Event, ...] = (Started(model="", way="local"), Finished(StopReason.END))


@dataclass(frozen=True, slots=True)
class OllamaReply:
    """Replies to one request."""

    form: ReplyForm

    def encoder(self) -> OllamaEncoder:
        """A new encoder, for a streamed answer."""
        return OllamaEncoder(self.form)

    def collector(self) -> OllamaCollector:
        """A new collector, for a whole answer."""
        return OllamaCollector(self.form)


class _Ollama:
    """What both paths share. `prefixes` of the chat contain the others of Ollama's API."""

    content_type = NDJSON_TYPE

    def error(self, error: DrawbridgeError, request_id: str) -> ErrorReply:  # noqa: ARG002 # only in the header
        """The response for `error`."""
        return error_reply(error)

    def _exchange(
        self,
        given: OllamaChatRequest | OllamaGenerateRequest,
        path: Literal["chat", "generate"],
        body: object,
        owner: str,
        options: ParseOptions,
    ) -> Exchange:
        config = options.config
        context = given.context if isinstance(given, OllamaGenerateRequest) else None
        before = remembered(context, options.seal) if isinstance(context, list) else None
        request = request_from_ollama(
            *(given, body),
            owner=owner,
            forwards_sampling=config.forward_sampling,
            thoughts=config.reasoning,
            before=before,
            held=options.before,
        )
        loads = only_loads(given)
        form = ReplyForm(
            path,
            given.model or config.model,
            rfc3339(options.now),
            answer=request.answer,
            # Tags inside the content would make JSON invalid.
            reasoning="field" if config.reasoning == "tags" and request.answer else config.reasoning,
            done=("unload" if unloads(given) else "load") if loads else None,
            context=None if loads else _context(given, before or Remembered(), options.seal),
        )
        return Exchange(request, OllamaReply(form), given.stream, known=_LOADED if loads else ())


def _context(
    given: OllamaChatRequest | OllamaGenerateRequest, before: Remembered, seal: Seal
) -> Callable[[str], list[int] | None] | None:
    """Makes the `context` of an answer, by its text; None for a request that is not continued."""
    if not isinstance(given, OllamaGenerateRequest) or given.suffix or given.raw is True:
        return None
    texts = (*before.texts, given.prompt)
    return lambda answer: Remembered(given.system or before.system, (*texts, answer)).numbers(seal)


class OllamaChat(_Ollama):
    """POST /api/chat, and the form of errors below /api."""

    name = "ollama"
    paths = ("/api/chat",)
    prefixes = ("/api",)

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest`."""
        return self._exchange(parse_ollama(OllamaChatRequest, body), "chat", body, owner, options)


class OllamaGenerate(_Ollama):
    """POST /api/generate: one prompt, without tools."""

    name = "ollama_generate"
    paths = ("/api/generate",)
    prefixes = ("/api/generate",)

    def parse(self, body: object, owner: str, options: ParseOptions) -> Exchange:
        """Parses the JSON `body` of a request by `owner`. Raises `InvalidRequest`."""
        return self._exchange(parse_ollama(OllamaGenerateRequest, body), "generate", body, owner, options)
