"""Converts Ollama's requests into neutral requests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from server.config import Thoughts
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest, ModelSettings, Profile, Tool, ToolChoice
from server.dialects.common.answers.answer_format import TEXT_ANSWER, WantedAnswer, answer_of_schema
from server.dialects.common.effort import effort_in, wants_summary, wants_thinking
from server.dialects.common.fill_in import FILL_IN, fill_in_prompt
from server.dialects.common.history.message_reader import MessageReader
from server.dialects.common.history.message_rules import Conversation
from server.dialects.common.lenient import number_in
from server.dialects.common.options import fields_without_effect, sampling_value, unknown_fields
from server.dialects.common.stops import stops_from
from server.dialects.common.tools.conversion import (
    changes_in,
    openai_choice,
    raw_text_names,
    resolved_choice,
    unique_tools,
)
from server.dialects.common.tools.nested_tools import ignored_in, nested_tools
from server.dialects.common.tools.tool_types import ChosenTool
from server.dialects.common.wire_types import validated
from server.dialects.ollama.context import Remembered
from server.dialects.ollama.request_types import OllamaChatRequest, OllamaGenerateRequest, OllamaRequest, Options
from server.errors import InvalidRequest

_TAG = ":latest"
_OFF = frozenset({"", "none", "null", "false", "off", "no", "0", "disabled"})
AnyRequest = TypeVar("AnyRequest", bound=OllamaRequest)


def parse_ollama(model: type[AnyRequest], body: object) -> AnyRequest:
    """Returns the parsed JSON `body` as a request. Raises `InvalidRequest` that names the first wrong field."""
    return validated(model, body)


def model_named(name: str) -> str:
    """The name without the tag that Ollama adds to a name without one."""
    return name.strip().removesuffix(_TAG)


def request_from_ollama(
    given: OllamaChatRequest | OllamaGenerateRequest,
    body: object,
    *,
    owner: str,
    forwards_sampling: bool = False,
    thoughts: Thoughts = "field",
    before: Remembered | None = None,
    held: Sequence[Message] = (),
) -> ModelRequest:
    """Returns the neutral request of `owner`; one without messages only loads the model.

    `before` is the conversation that a prompt continues, `held` the one that messages continue.

    Raises `InvalidRequest` for what Claude does not support.
    """
    if only_loads(given):
        if not given.model:
            raise InvalidRequest("model is required.", param="model")
        return ModelRequest((), model_named(given.model), Profile(owner=owner))
    options = given.options or Options()
    wanted = _wanted_answer(given.format)
    wire_tools = given.tools or () if isinstance(given, OllamaChatRequest) else ()
    tools = unique_tools(nested_tools(wire_tools))
    # Before the choice removes tools: the history may contain calls of tools that may not be called now.
    conversation = _conversation(given, raw_text_names(tools), before or Remembered(), held)
    choice, tools = _choice(given, tools)
    choice, tools, answer = wanted.offered(choice, tools)
    effort, stops = effort_in(given), stops_from(options.stop)
    return ModelRequest(
        messages=conversation.messages,
        model=model_named(given.model),
        profile=Profile(system=conversation.system, tools=tools, owner=owner),
        settings=ModelSettings(
            effort=effort.level,
            max_tokens=options.num_predict,
            stop_sequences=stops.upstream,
            tool_choice=choice,
            schema=wanted.schema,
            thinks=effort.thinks,
            shows_thinking=effort.thinks and (thoughts == "tags" or (thoughts == "field" and _shows_thinking(given))),
            temperature=sampling_value(options.temperature) if forwards_sampling else None,
            top_p=sampling_value(options.top_p) if forwards_sampling else None,
        ),
        ignored=(
            *_ignored(given, options, body, forwards_sampling=forwards_sampling, is_continued=before is not None),
            *ignored_in(wire_tools),
            *effort.ignored,
            *(["options.stop"] if stops.has_more else []),
            *wanted.ignored,
            *conversation.ignored,
            *given.repaired,
            *changes_in(tools),
        ),
        cut_at=stops.cut,
        answer=answer,
    )


def _choice(
    given: OllamaChatRequest | OllamaGenerateRequest, tools: tuple[Tool, ...]
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """The tool choice, in OpenAI's or Anthropic's form, and the tools that it allows."""
    if not isinstance(given, OllamaChatRequest):
        return ToolChoice(), tools
    chosen = given.tool_choice
    is_single = isinstance(chosen, ChosenTool) and chosen.disable_parallel_tool_use
    return resolved_choice(openai_choice(chosen), tools, parallel=given.parallel_tool_calls and not is_single)


def only_loads(given: OllamaChatRequest | OllamaGenerateRequest) -> bool:
    """Whether the request asks nothing, by which Ollama loads the model into memory, or unloads it."""
    if isinstance(given, OllamaChatRequest):
        return not given.messages
    return not given.prompt.strip() and not given.suffix and not given.images


def unloads(given: OllamaRequest) -> bool:
    """Whether `keep_alive` says that the model is to be unloaded."""
    value = given.keep_alive
    return number_in(value.strip().rstrip("hms") if isinstance(value, str) else value) == 0


def _wanted_answer(format_: Mapping[str, object] | None) -> WantedAnswer:
    """Returns the format of the answer; OpenAI's form of it is accepted, too."""
    if format_ is None:
        return TEXT_ANSWER
    nested = format_.get("json_schema")
    schema = nested.get("schema") if isinstance(nested, Mapping) else None
    if isinstance(schema, Mapping):
        return answer_of_schema(schema, "format.json_schema.schema")
    return answer_of_schema({} if format_.get("type") == "json_object" else format_, "format")


def _conversation(
    given: OllamaChatRequest | OllamaGenerateRequest,
    raw_text_tools: frozenset[str],
    before: Remembered,
    held: Sequence[Message],
) -> Conversation:
    if isinstance(given, OllamaChatRequest):
        messages = given.messages or []
        is_system = [message.is_system for message in messages]
        reader = MessageReader("messages", raw_text_tools, is_system, before=held)
        for number, message in enumerate(messages):
            reader.add(message, f"messages[{number}]", number)
        return reader.conversation()
    reader = MessageReader("prompt", raw_text_tools, [False])
    prompt = fill_in_prompt(given.prompt, given.suffix) if given.suffix else given.prompt
    system = given.system or before.system
    reader.builder.add_system(filter(None, (system, FILL_IN if given.suffix else "")), "system")
    for number, text in enumerate(before.texts):
        add = reader.builder.add_assistant if number % 2 else reader.builder.add_user
        add([Text(text)], "context")
    images = reader.content.parts(given.images, "images", "user")
    reader.builder.add_user([*([Text(prompt)] if prompt else []), *images], "prompt")
    return reader.conversation()


def _shows_thinking(given: OllamaRequest) -> bool:
    """Whether `think` asks for the thinking. Claude's answer then starts later, so only clients that use it get it."""
    think = given.think
    return (
        think is True
        or (isinstance(think, str) and think.strip().lower() not in _OFF)
        or wants_thinking(given)
        or wants_summary(given)
    )


def _ignored(
    given: OllamaRequest, options: Options, body: object, *, forwards_sampling: bool, is_continued: bool
) -> Iterator[str]:
    yield from fields_without_effect(given, forwards_sampling=forwards_sampling)
    if isinstance(given, OllamaGenerateRequest) and given.context and not is_continued:
        yield "context"
    yield from (f"options.{name}" for name in fields_without_effect(options, forwards_sampling=forwards_sampling))
    yield from unknown_fields(body, type(given))
    unknown = unknown_fields(body.get("options"), Options) if isinstance(body, Mapping) else ()
    yield from (f"options.{name}" for name in unknown)
