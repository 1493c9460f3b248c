"""Calls of the tools that OpenAI runs or defines, such as `mcp_call`, as calls with their results."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.large_json import dumps

# Fields that contain the result of the call.
_RESULTS = ("output", "outputs", "results", "result", "error")
# Fields that say nothing to Claude, besides those with the name, the arguments and the result.
_META = frozenset(
    {
        *("type", "id", "call_id", "status", "name", "arguments", "input", "action", "server_label", "container_id"),
        *("created_by", "namespace", "approval_request_id", "pending_safety_checks", "max_output_length", *_RESULTS),
    }
)


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """A call: `id` (None: it has none), `name`, `arguments` as JSON text, and its result, which may be missing.

    `result` is a string or an array of parts or other JSON, `where` its field.
    """

    id: str | None
    name: str
    arguments: str
    result: object = None
    where: str = ""
    failed: bool = False


def provider_call(item: Mapping[str, object]) -> ProviderCall | None:
    """Returns the call that `item` is; None if it is none, as reasoning and lists of tools are."""
    kind = str(item["type"])
    if not kind.endswith("_call"):
        return None
    where = next((name for name in _RESULTS if item.get(name) not in (None, "", [])), "")
    own = item.get("name")
    id_ = item.get("call_id") or item.get("id")
    return ProviderCall(
        id_ if isinstance(id_, str) else None,
        own if isinstance(own, str) and own else kind.removesuffix("_call"),
        _arguments(item),
        _result(kind, item[where]) if where else None,
        where,
        failed=where == "error",
    )


def _arguments(item: Mapping[str, object]) -> str:
    given = next((item[name] for name in ("arguments", "input", "action") if item.get(name) is not None), None)
    if given is None:
        given = {name: value for name, value in item.items() if name not in _META and value is not None}
    return given if isinstance(given, str) else dumps(given, ensure_ascii=False)


def _result(kind: str, value: object) -> object:
    if kind == "image_generation_call" and isinstance(value, str):
        return [{"type": "image", "source": {"type": "base64", "data": value}}]
    return value
