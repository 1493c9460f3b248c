"""The response object of a reply, whole or inside events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from server.conversation.events import Finished, StopReason, Usage
from server.dialects.framing import json_bytes
from server.dialects.responses.output import OutputItem
from server.dialects.responses.request_types import ResponsesRequest
from server.dialects.responses.request_types import ResponsesTool as WireTool

_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_SUMMARIES = frozenset({"auto", "concise", "detailed"})
_FORMATS = frozenset({"text", "json_object", "json_schema"})
_CHOICES = frozenset({"none", "auto", "required"})
_VERBOSITIES = frozenset({"low", "medium", "high"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What of a response is known at one moment. `error` is that of a failed one."""

    status: str
    output: tuple[Mapping[str, object], ...] = ()
    usage: Usage | None = None
    error: Mapping[str, str] | None = None
    incomplete: str | None = None
    completed_at: float | None = None


BEGUN = Outcome("in_progress")


def outcome_of(finished: Finished, items: list[OutputItem], created: float) -> Outcome:
    """The outcome of an answer that ended. A refusal counts as incomplete."""
    output = tuple(item.json() for item in items)
    reasons = {StopReason.LENGTH: "max_output_tokens", StopReason.REFUSAL: "content_filter"}
    if (reason := reasons.get(finished.reason)) is not None:
        return Outcome("incomplete", output, finished.usage, incomplete=reason)
    completed_at = created + finished.timings.total_ms / 1000
    return Outcome("completed", output, finished.usage, completed_at=round(completed_at, 3))


class ResponseObject:
    """The response objects of one reply. What does not change is serialized once."""

    def __init__(self, head: Mapping[str, object]) -> None:
        self.head = head
        self._opening = json_bytes(head)[:-1]

    def value(self, outcome: Outcome) -> dict[str, object]:
        """The object."""
        return {**self.head, **_changing(outcome)}

    def json(self, outcome: Outcome) -> bytes:
        """The object as JSON."""
        return self._opening + b"," + json_bytes(_changing(outcome))[1:]


def usage_of(usage: Usage) -> dict[str, object]:
    """`usage` as the API reports it."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_creation},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.thinking},
        "total_tokens": usage.prompt + usage.output,
    }


def response_head(
    raw: Mapping[str, object],
    request: ResponsesRequest,
    *,
    id: str,  # noqa: A002 # the API's word
    created: float,
    model: str,
) -> dict[str, object]:
    """What does not change in a response: its id, and the request's fields as they were taken. `raw` is its body."""
    return {
        "id": id,
        "object": "response",
        "created_at": int(created),
        "model": model,
        "background": False,
        "instructions": raw.get("instructions") if isinstance(raw.get("instructions"), str) else None,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "metadata": _metadata(raw.get("metadata")),
        "parallel_tool_calls": request.parallel_tool_calls,
        "previous_response_id": _string(raw.get("previous_response_id")),
        "prompt_cache_key": _string(raw.get("prompt_cache_key")),
        "reasoning": _reasoning(raw.get("reasoning")),
        "safety_identifier": None,
        "service_tier": "default",
        "store": stores(raw),
        "temperature": None,
        "text": _text(raw.get("text")),
        "tool_choice": _choice(raw.get("tool_choice")),
        "tools": [_tool(tool, source) for tool, source in _paired(request, raw)],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        **({"user": raw["user"]} if isinstance(raw.get("user"), str) else {}),
    }


def stores(raw: Mapping[str, object]) -> bool:
    """Whether the request wants its response to be stored, which is the default."""
    return raw.get("store") not in (False, "false", 0)


def _changing(outcome: Outcome) -> dict[str, object]:
    incomplete = None if outcome.incomplete is None else {"reason": outcome.incomplete}
    # OpenAI's published schema has no null for it.
    usage = {} if outcome.usage is None else {"usage": usage_of(outcome.usage)}
    return {
        "status": outcome.status,
        "completed_at": outcome.completed_at,
        "error": outcome.error,
        "incomplete_details": incomplete,
        "output": outcome.output,
        **usage,
    }


def _paired(request: ResponsesRequest, raw: Mapping[str, object]) -> Iterator[tuple[WireTool, Mapping[str, object]]]:
    """Each tool, parsed and as it was sent."""
    given = raw.get("tools")
    sources = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    return zip(request.tools or (), sources, strict=False)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _metadata(value: object) -> dict[str, str]:
    return {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def _reasoning(value: object) -> dict[str, object]:
    given = value if isinstance(value, dict) else {}
    effort, summary = _string(given.get("effort")), _string(given.get("summary"))
    return {
        "effort": effort if effort in _EFFORTS else None,
        "summary": summary if summary in _SUMMARIES else None,
    }


def _text(value: object) -> dict[str, object]:
    given = value if isinstance(value, dict) else {}
    form, verbosity = given.get("format"), _string(given.get("verbosity"))
    return {
        "format": form if isinstance(form, dict) and _is_plain(form) else {"type": "text"},
        **({"verbosity": verbosity} if verbosity in _VERBOSITIES else {}),
    }


def _is_plain(form: Mapping[str, object]) -> bool:
    """Whether a format is written as the API writes it."""
    if form.get("type") != "json_schema":
        return form.get("type") in _FORMATS
    return isinstance(form.get("schema"), dict) and isinstance(form.get("name"), str)


def _choice(value: object) -> object:
    if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"] not in _CHOICES:
        return value
    return value if isinstance(value, str) and value in _CHOICES else "auto"


def _tool(tool: WireTool, source: Mapping[str, object]) -> Mapping[str, object]:
    """A tool of the request; a function in the API's form, whatever form it was sent in."""
    if tool.type != "function":
        return source
    layers = [fields for _, fields in tool.layers]
    parameters = next((getattr(fields, fields.schema_field) for fields in layers if fields.schema_field), None)
    return {
        "type": "function",
        "name": next((fields.name for fields in layers if fields.name), ""),
        "description": next((fields.description for fields in layers if fields.description), ""),
        "parameters": parameters if isinstance(parameters, dict) else {},
        "strict": any(fields.strict for fields in layers),
    }
