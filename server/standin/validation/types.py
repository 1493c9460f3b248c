"""The Messages API's objects: the fields of requests, content blocks and tools, and which are required.

A test keeps them equal to the published types of the `anthropic` package. A spec lists fields as `name:kind`, with a
question mark if the field may be absent or null; without a kind any value is valid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


class Rejected(Exception):
    """The API would reject this request, with this message and status."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


OLD_VERSION = "2023-06-01"
NEW_VERSION = "2026-10-21"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for a request by its headers and path: `betas` is the raw header, `counting` means the token counter.

    The new version has no sampling parameters, no documents from the assistant, and no citations in the user's text.
    """

    version: str = OLD_VERSION
    betas: str = ""
    counting: bool = False

    @property
    def is_new(self) -> bool:
        """Whether the new version's rules apply."""
        return self.version == NEW_VERSION


_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = MappingProxyType(
    {
        "string": ((str,), "Input should be a valid string"),
        "boolean": ((bool,), "Input should be a valid boolean"),
        "integer": ((int,), "Input should be a valid integer"),
        "number": ((int, float), "Input should be a valid number"),
        "object": ((dict,), "Input should be a valid dictionary"),
        "list": ((list,), "Input should be a valid list"),
        "any": ((object,), ""),
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    name: str
    kind: str
    is_required: bool

    def check(self, value: object, place: str) -> None:
        """Raises `Rejected` if `value` is not of the field's kind."""
        types, message = _KINDS[self.kind]
        is_bool_for_number = isinstance(value, bool) and self.kind in ("integer", "number")
        if not isinstance(value, types) or is_bool_for_number:
            raise Rejected(f"{place}: {message}")


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """The fields of an object."""

    fields: Mapping[str, Field]

    def check(self, value: object, place: str) -> dict[str, object]:
        """Returns `value` if it is an object with these fields and no others, else raises `Rejected`."""
        if not isinstance(value, dict):
            raise Rejected(f"{place}: Input should be a valid dictionary" if place else "Input should be an object")
        dot = f"{place}." if place else ""
        for name, field in self.fields.items():
            if value.get(name) is not None:
                field.check(value[name], f"{dot}{name}")
            elif field.is_required:
                known = "Input should be a valid" if name in value else "Field required"
                raise Rejected(f"{dot}{name}: {known}" + (f" {field.kind}" if name in value else ""))
        for name in value:
            if name not in self.fields:
                raise Rejected(f"{dot}{name}: Extra inputs are not permitted")
        return value


def object_spec(spec: str) -> ObjectSpec:
    """Parses a spec as the module's docstring describes it."""
    fields = {}
    for word in spec.split():
        name, _, kind = word.partition(":")
        fields[name.rstrip("?")] = Field(name.rstrip("?"), kind or "any", is_required="?" not in name)
    return ObjectSpec(MappingProxyType(fields))


def _object_specs(specs: Mapping[str, str]) -> Mapping[str, ObjectSpec]:
    return MappingProxyType({name: object_spec(spec) for name, spec in specs.items()})


_COMMON = (
    "model:string messages:list system? tools?:list tool_choice?:object thinking?:object output_config?:object"
    " cache_control?:object speed?:string user_profile_id?:string workspace_id?:string"
)
CREATE = object_spec(
    f"{_COMMON} max_tokens:integer stream?:boolean stop_sequences?:list metadata?:object"
    " service_tier?:string inference_geo?:string container? diagnostics?:object"
)
COUNT = object_spec(_COMMON)
# Only in the old version, and only for the models that support them.
SAMPLING = object_spec("temperature?:number top_p?:number top_k?:integer")
# Only with a beta header.
BETA_FIELDS = object_spec(
    "billing_policy? compaction? context_management?:object fallback_credit_token?:string fallbacks? mcp_servers?:list"
    " thread? output_format?:object"
)

MESSAGE = object_spec("role:string content")
# With a beta that the CLI uses, a `system` message may change settings for the following messages.
SYSTEM_MESSAGE = object_spec("role:string content output_config?:object")
METADATA = object_spec("user_id?:string")
OUTPUT_CONFIG = object_spec("effort?:string format?:object task_budget?:object")
OUTPUT_FORMAT = object_spec("type:string schema:object")
CACHE_CONTROL = object_spec("type:string ttl?:string scope?:string")

THINKING = _object_specs(
    {
        "enabled": "type:string budget_tokens:integer display?:string block_binding?",
        "disabled": "type:string",
        "adaptive": "type:string display?:string block_binding?",
        "between_tools": "type:string",
    }
)
TOOL_CHOICES = _object_specs(
    {
        "auto": "type:string disable_parallel_tool_use?:boolean",
        "any": "type:string disable_parallel_tool_use?:boolean",
        "tool": "type:string name:string disable_parallel_tool_use?:boolean",
        "none": "type:string",
    }
)
EFFORTS = ("low", "medium", "high", "xhigh", "max")

_RESULT = "type:string tool_use_id:string content:any cache_control?:object"
BLOCKS = _object_specs(
    {
        "text": "type:string text:string cache_control?:object citations?",
        "image": "type:string source:object cache_control?:object transformations?",
        "document": "type:string source:object cache_control?:object citations? context?:string title?:string",
        "search_result": "type:string content:list source:string title:string cache_control?:object citations?",
        "thinking": "type:string thinking:string signature:string",
        "redacted_thinking": "type:string data:string",
        "tool_use": "type:string id:string name:string input:object cache_control?:object caller? toolset_name?:string",
        "tool_result": (
            "type:string tool_use_id:string content? is_error?:boolean cache_control?:object toolset_name?:string"
        ),
        "server_tool_use": "type:string id:string name:string input:object cache_control?:object caller?",
        "web_search_tool_result": f"{_RESULT} caller?",
        "web_fetch_tool_result": f"{_RESULT} caller?",
        "code_execution_tool_result": _RESULT,
        "bash_code_execution_tool_result": _RESULT,
        "text_editor_code_execution_tool_result": _RESULT,
        "tool_search_tool_result": _RESULT,
        "container_upload": "type:string file_id:string cache_control?:object",
    }
)
BETA_BLOCKS = _object_specs(
    {
        "advisor_tool_result": _RESULT,
        "mcp_tool_use": "type:string id:string name:string server_name:string input:object cache_control?:object",
        "mcp_tool_result": "type:string tool_use_id:string content? is_error?:boolean cache_control?:object",
        "compaction": "type:string content? encrypted_content? signature? tool_changes? cache_control?:object",
        "tool_addition": "type:string tool:object cache_control?:object",
        "tool_removal": "type:string tool:object cache_control?:object",
        "mcp_tool_listing": "type:string mcp_server_name:string tools:list",
        "fallback": "type:string from to trigger?",
    }
)
# Blocks that occur only inside tool results.
RESULT_BLOCKS = _object_specs(
    {
        "tool_reference": "type:string tool_name:string cache_control?:object",
        "browser_state": "type:string tabs:list state_changes? cache_control?:object",
    }
)
SOURCES = _object_specs(
    {
        "base64": "type:string media_type:string data:string",
        "url": "type:string url:string",
        "file": "type:string file_id:string",
        "text": "type:string media_type:string data:string",
        "content": "type:string content",
    }
)
IMAGE_SOURCES = ("base64", "file", "url")
DOCUMENT_SOURCES = ("base64", "content", "file", "text", "url")
IMAGE_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

CUSTOM_TOOL = object_spec(
    "name:string input_schema:object type?:string description?:string cache_control?:object strict?:boolean"
    " allowed_callers?:list defer_loading?:boolean eager_input_streaming?:boolean input_examples?:list"
)
# The union of the fields of all server tools, which differ little.
SERVER_TOOL = object_spec(
    "type:string name?:string cache_control?:object strict?:boolean allowed_callers?:list defer_loading?:boolean"
    " input_examples?:list configs? default_config? tools? mcp_server_name?:string max_characters?:integer"
    " max_uses?:integer max_content_tokens?:integer max_tokens?:integer allowed_domains? blocked_domains?"
    " user_location? response_inclusion? citations? url_sources? use_cache? caching? model?:string"
    " display_height_px?:integer display_width_px?:integer display_number?:integer enable_zoom?:boolean"
)
SERVER_TOOLS = frozenset(
    {
        "bash_20250124",
        "browser_toolset_20260801",
        "code_execution_20250522",
        "code_execution_20250825",
        "code_execution_20260120",
        "code_execution_20260521",
        "computer_toolset_20260801",
        "memory_20250818",
        "text_editor_20250124",
        "text_editor_20250429",
        "text_editor_20250728",
        "tool_search_tool_bm25",
        "tool_search_tool_bm25_20251119",
        "tool_search_tool_regex",
        "tool_search_tool_regex_20251119",
        "web_fetch_20250910",
        "web_fetch_20260209",
        "web_fetch_20260309",
        "web_fetch_20260318",
        "web_search_20250305",
        "web_search_20260209",
        "web_search_20260318",
    }
)
BETA_SERVER_TOOLS = frozenset(
    {
        "advisor_20260301",
        "bash_20241022",
        "computer_20241022",
        "computer_20250124",
        "computer_20251124",
        "mcp_toolset",
        "text_editor_20241022",
    }
)
