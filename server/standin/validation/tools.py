"""Validates `tools` and `tool_choice`."""

import re
from collections.abc import Mapping

from server.standin.validation.json_schema import is_schema
from server.standin.validation.messages import TOOL_NAME
from server.standin.validation.types import (
    BETA_SERVER_TOOLS,
    CUSTOM_TOOL,
    SERVER_TOOL,
    SERVER_TOOLS,
    TOOL_CHOICES,
    Rejected,
)

PROPERTY_NAME = r"^[a-zA-Z0-9_.-]{1,64}$"
_INVALID = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12)."
    " Learn more about tool use at https://docs.claude.com/en/docs/tool-use."
)


def check_tools(tools: list[object], *, has_betas: bool) -> frozenset[str]:
    """Returns the names of the tools. Raises `Rejected` for tools that the API would not accept."""
    names: list[str] = []
    for index, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind is None or kind == "custom":
            names.append(_check_custom(tool, f"tools.{index}.custom"))
        elif kind in SERVER_TOOLS or (has_betas and kind in BETA_SERVER_TOOLS):
            fields = SERVER_TOOL.check(tool, f"tools.{index}.{kind}")
            names += [str(fields["name"])] if fields.get("name") else []
        else:
            tags = ", ".join(repr(name) for name in sorted({*SERVER_TOOLS, "custom"}))
            raise Rejected(
                f"tools.{index}: Input tag {kind!r} found using 'type' does not match any of the expected tags: {tags}"
            )
    if len(set(names)) != len(names):
        raise Rejected("tools: Tool names must be unique.")
    return frozenset(names)


def check_choice(choice: Mapping[str, object], names: frozenset[str], *, has_tools: bool) -> None:
    """Raises `Rejected` for a `tool_choice` that does not match the tools."""
    kind = choice.get("type")
    if not isinstance(kind, str) or kind not in TOOL_CHOICES:
        tags = ", ".join(repr(name) for name in sorted(TOOL_CHOICES))
        raise Rejected(
            f"tool_choice: Input tag {kind!r} found using 'type' does not match any of the expected tags: {tags}"
        )
    TOOL_CHOICES[kind].check(choice, f"tool_choice.{kind}")
    if not has_tools and kind != "none":
        raise Rejected("tool_choice: tool_choice may only be specified while providing tools")
    if kind == "tool" and choice["name"] not in names:
        raise Rejected(f"Tool '{choice['name']}' not found in provided tools")


def _check_custom(tool: object, place: str) -> str:
    fields = CUSTOM_TOOL.check(tool, place)
    name, schema = str(fields["name"]), fields["input_schema"]
    if not re.match(TOOL_NAME.replace("$", r"\Z"), name):
        raise Rejected(f"{place}.name: String should match pattern '{TOOL_NAME}'")
    assert isinstance(schema, dict)
    where = f"{place}.input_schema"
    if "type" not in schema:
        raise Rejected(f"{where}.type: Field required")
    if schema["type"] != "object":
        raise Rejected(f"{where}.type: Input should be 'object'")
    if any(word in schema for word in ("oneOf", "allOf", "anyOf")):
        raise Rejected(f"{where}: input_schema does not support oneOf, allOf, or anyOf at the top level")
    if not is_schema(schema):
        raise Rejected(f"{where}: {_INVALID}")
    properties = schema.get("properties", {})
    if not all(re.match(PROPERTY_NAME.replace("$", r"\Z"), key) for key in properties):
        raise Rejected(f"{where}.properties: Property keys should match pattern '{PROPERTY_NAME}'")
    return name
