"""The type of a message, which all dialects share: clients mix what the APIs write in different ways."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from server.dialects.common.content.content_types import CallId, Content, LooseText, as_result
from server.dialects.common.content.lenient_content import holds_results, text_in
from server.dialects.common.history.roles import MessageRole, role_in
from server.dialects.common.lenient import OR_EMPTY, Flag
from server.dialects.common.wire_types import JsonText, String, WireModel
from server.large_json import loads

_ARGUMENTS = ("arguments", "args", "input", "parameters")


class FunctionCall(WireModel):
    """A call of a function. Its arguments are JSON in a string."""

    name: Annotated[String, BeforeValidator(text_in)] = ""
    arguments: JsonText = ""


class CustomCall(WireModel):
    """A call of a tool that takes raw text."""

    name: Annotated[String, BeforeValidator(text_in)] = ""
    input: Annotated[String, BeforeValidator(text_in)] = ""


class ToolCall(WireModel):
    """A call in an assistant message."""

    id: CallId = None
    function: FunctionCall | None = None
    custom: CustomCall | None = None


def _nested_call(value: object) -> object:
    """Returns a call that LangChain, Ollama or the AI SDK writes flat in OpenAI's form."""
    if isinstance(value, str):
        return {"function": {"name": value}}
    if not isinstance(value, dict) or any(isinstance(value.get(name), Mapping) for name in ("function", "custom")):
        return value
    names = (value.get(name) for name in ("name", "toolName", "tool_name", "function"))
    name = next((name for name in names if name is not None), None)
    if name is None:
        return value
    arguments = next((value[field] for field in _ARGUMENTS if value.get(field) is not None), None)
    ids = (value.get(field) for field in ("id", "call_id", "tool_call_id", "toolCallId"))
    id_ = next((id_ for id_ in ids if id_ is not None), None)
    return {"id": id_, "function": {"name": name, "arguments": arguments}}


def _call_or_none(value: object) -> object:
    return value if isinstance(value, dict) and value else None


def _calls(value: object) -> object:
    """Returns an array of calls, also of one call or of JSON in a string."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            value = loads(value)
    if isinstance(value, dict) and value:
        value = [value]
    return [call for call in value if call is not None] if isinstance(value, list) else value


class WireMessage(WireModel):
    """A message of any role."""

    role: MessageRole
    content: Content | None = None
    refusal: LooseText = None
    name: LooseText = Field(default=None, description="The speaker, or the tool of a result.")
    tool_name: LooseText = Field(default=None, description="The tool of a result, as Ollama writes it.")
    tool_calls: Annotated[
        Annotated[list[Annotated[ToolCall, BeforeValidator(_nested_call)]], Field(fail_fast=True)] | None,
        BeforeValidator(_calls),
        OR_EMPTY,
    ] = Field(default=None, description="The assistant's calls, as they were received.")
    tool_call_id: CallId = Field(default=None, description="The call that a message with role 'tool' answers.")
    is_error: Flag = Field(default=False, description="Whether the tool of a result failed.")
    function_call: Annotated[FunctionCall | None, BeforeValidator(_call_or_none)] = None
    audio: object = None
    images: Annotated[object, Field(description="Images of the user's message, as Ollama writes them.")] = None
    attachments: Annotated[object, Field(description="Accepted, but without effect.")] = None
    experimental_attachments: Annotated[object, Field(description="Accepted, but without effect.")] = None
    _given_role: str = PrivateAttr(default="")

    @property
    def is_system(self) -> bool:
        """Whether it is a system or developer message."""
        return self.role in {"system", "developer"}

    @property
    def given_role(self) -> str:
        """The role as the client wrote it, if that is not one of the API's."""
        return self._given_role

    @model_validator(mode="wrap")
    @classmethod
    def _with_known_role(cls, value: object, handler: ModelWrapValidatorHandler["WireMessage"]) -> "WireMessage":
        if not isinstance(value, dict):
            return handler(value)
        given = value.get("role")
        role = role_in(_implied_role(value) if given is None else given)
        changed: dict[str, object] = {}
        if role is not None and role != given:
            changed["role"] = role
        if role == "tool" and holds_results(value.get("content")):
            # The AI SDK's form, as Anthropic's user message.
            return handler({**value, "role": "user"})
        if role in {"tool", "function"}:
            changed["content"] = as_result(
                value.get("content") if value.get("content") is not None else result_in(value)
            )
        elif value.get("content") is None:
            changed |= _other_content(value)
        if role == "user" and isinstance(value.get("images"), list):
            changed |= {"content": _with_images({**value, **changed}), "images": None}
        message = handler({**value, **changed} if changed else value)
        if role != given:
            message._given_role = " ".join(str(given).split()) if given is not None else "none"  # noqa: SLF001
        return message


def _implied_role(value: Mapping[str, object]) -> object:
    """Returns the role of a message without one: LangChain writes it as the type."""
    if value.get("tool_call_id"):
        return "tool"
    return "assistant" if value.get("tool_calls") else value.get("type")


def result_in(value: Mapping[str, object]) -> object:
    """Returns the result of a call that is written in another field than usual."""
    names = ("output", "result", "content", "parts", "text")
    return next((value[name] for name in names if value.get(name) is not None), None)


def _with_images(value: Mapping[str, object]) -> list[object]:
    """Returns the content with the images that Ollama writes beside it, as base64."""
    content, images = value.get("content"), value["images"]
    assert isinstance(images, list)
    parts = [{"type": "image_url", "image_url": image} if isinstance(image, str) else image for image in images]
    return [*(content if isinstance(content, list) else [] if content is None else [content]), *parts]


def _other_content(value: Mapping[str, object]) -> dict[str, object]:
    """Returns the content of the AI SDK's `parts`, or of `text`."""
    content = next((value[name] for name in ("parts", "text") if value.get(name)), None)
    return {} if content is None else {"content": content}
