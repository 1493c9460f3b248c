"""Requests that no dialect can answer, as each dialect's body, with the field that the error must name."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.server.dialects.bodies import (
    FLAT,
    HI,
    NESTED,
    OWN,
    Body,
    message,
    text_part,
    with_input,
    with_messages,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that every dialect refuses: its body, and the field that the error names, by dialect."""

    cases: Mapping[str, tuple[Body, str]]


REFUSALS: dict[str, Refusal] = {
    "no messages": Refusal(
        {
            "chat_completions": ({}, "messages"),
            "responses": ({}, "input"),
            "messages": ({}, "messages"),
        }
    ),
    "an empty conversation": Refusal(
        {
            "chat_completions": (with_messages(), "messages"),
            "responses": (with_input(), "input"),
            "messages": (with_messages(), "messages"),
        }
    ),
    "an unknown role": Refusal(
        {
            "chat_completions": (with_messages(message("robot", "x")), "messages[0].role"),
            "responses": (with_input(message("robot", "x")), "input[0].role"),
            "messages": (with_messages(message("robot", "x")), "messages[0].role"),
        }
    ),
    "a blank question after an answer": Refusal(
        {
            "chat_completions": (
                with_messages(HI, message("assistant", "Ho"), message("user", "")),
                "messages[2].content",
            ),
            "responses": (with_input(HI, message("assistant", "Ho"), message("user", "")), "input[2].content"),
            "messages": (with_messages(HI, message("assistant", "Ho"), message("user", "")), "messages[2].content"),
        }
    ),
    "a system message and a blank question": Refusal(
        {
            "chat_completions": (with_messages(message("system", "s"), message("user", " ")), "messages[1].content"),
            "responses": (with_input(message("user", " "), instructions="s"), "input[0].content"),
            "messages": (with_messages(message("user", " "), system="s"), "messages[0].content"),
        }
    ),
    "a blank question": Refusal(
        {
            "chat_completions": (with_messages(message("user", [text_part(" ")])), "messages[0].content"),
            "responses": (with_input(message("user", [text_part(" ", "input_text")])), "input[0].content"),
            "messages": (with_messages(message("user", [text_part(" ")])), "messages[0].content"),
        }
    ),
    "an unknown part": Refusal(
        {
            "chat_completions": (with_messages(message("user", [{"type": "hologram"}])), "messages[0].content[0].type"),
            "responses": (with_input(message("user", [{"type": "hologram"}])), "input[0].content[0].type"),
            "messages": (with_messages(message("user", [{"type": "hologram"}])), "messages[0].content[0].type"),
        }
    ),
    "audio": Refusal(
        {
            "chat_completions": (with_messages(message("user", [{"type": "input_audio"}])), "messages[0].content[0]"),
            "responses": (with_input(message("user", [{"type": "input_audio"}])), "input[0].content[0].type"),
        }
    ),
    "an image in an assistant message": Refusal(
        {
            "chat_completions": (
                with_messages(message("assistant", [{"type": "image_url", "image_url": "https://e.org/x"}])),
                "messages[0].content[0]",
            ),
            "responses": (
                with_input(message("assistant", [{"type": "input_image", "image_url": "https://e.org/x"}])),
                "input[0].content[0]",
            ),
            "messages": (
                with_messages(message("assistant", [{"type": "image_url", "image_url": "https://e.org/x"}])),
                "messages[0].content[0]",
            ),
        }
    ),
    "a file by its id": Refusal(
        {
            "chat_completions": (
                with_messages(message("user", [{"type": "file", "file": {"file_id": "f"}}])),
                "messages[0].content[0].file.file_id",
            ),
            "responses": (
                with_input(message("user", [{"type": "input_image", "file_id": "f"}])),
                "input[0].content[0].file_id",
            ),
            "messages": (
                with_messages(message("user", [{"type": "image", "source": {"type": "file", "file_id": "f"}}])),
                "messages[0].content[0].source",
            ),
        }
    ),
    "a tool without a name": Refusal(
        {
            "chat_completions": (with_messages(HI, tools=[{"type": "function"}]), "tools[0].function.name"),
            "responses": (with_input(HI, tools=[{"type": "function"}]), "tools[0].name"),
            "messages": (with_messages(HI, tools=[{"input_schema": {}}]), "tools[0].name"),
        }
    ),
    "parameters that are not an object's": Refusal(
        {
            "chat_completions": (
                with_messages(HI, tools=[{"type": "function", "function": {"name": "t", "parameters": [1]}}]),
                "tools[0].function.parameters",
            ),
            "responses": (
                with_input(HI, tools=[{"type": "function", "name": "t", "parameters": {"type": "string"}}]),
                "tools[0].parameters.type",
            ),
            "messages": (with_messages(HI, tools=[{"name": "t", "input_schema": "x"}]), "tools[0].input_schema"),
        }
    ),
    "a required call without tools": Refusal(
        {
            "chat_completions": (with_messages(HI, tool_choice="required"), "tool_choice"),
            "responses": (with_input(HI, tool_choice="required"), "tool_choice"),
            "messages": (with_messages(HI, tool_choice={"type": "any"}), "tool_choice"),
        }
    ),
    "a choice of a tool that is not there": Refusal(
        {
            "chat_completions": (
                with_messages(HI, tools=[NESTED], tool_choice={"type": "function", "name": "u"}),
                "tool_choice",
            ),
            "responses": (with_input(HI, tools=[FLAT], tool_choice={"type": "function", "name": "u"}), "tool_choice"),
            "messages": (with_messages(HI, tools=[OWN], tool_choice={"type": "tool", "name": "u"}), "tool_choice"),
        }
    ),
    "an unknown choice": Refusal(
        {
            "chat_completions": (with_messages(HI, tools=[NESTED], tool_choice="sometimes"), "tool_choice"),
            "responses": (with_input(HI, tools=[FLAT], tool_choice="sometimes"), "tool_choice"),
            "messages": (with_messages(HI, tools=[OWN], tool_choice={"type": "sometimes"}), "tool_choice"),
        }
    ),
    "an answer schema that is missing": Refusal(
        {
            "chat_completions": (
                with_messages(HI, response_format={"type": "json_schema", "json_schema": {}}),
                "response_format.json_schema.schema",
            ),
            "responses": (with_input(HI, text={"format": {"type": "json_schema"}}), "text.format.schema"),
            "messages": (
                with_messages(HI, output_config={"format": {"type": "json_schema"}}),
                "output_config.format.schema",
            ),
        }
    ),
    "a limit of nothing": Refusal(
        {
            "chat_completions": (with_messages(HI, max_tokens=0), "max_tokens"),
            "responses": (with_input(HI, max_output_tokens=0), "max_output_tokens"),
            "messages": (with_messages(HI, max_tokens=0), "max_tokens"),
        }
    ),
}
