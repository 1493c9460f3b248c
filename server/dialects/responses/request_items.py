"""Converts the input of a Responses request: messages, calls, their outputs, and what OpenAI's own tools left."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from pydantic import TypeAdapter, ValidationError

from server.conversation.parts import Message, Text
from server.dialects.common.content.content_types import ResultContent
from server.dialects.common.history.message_reader import MessageReader
from server.dialects.common.history.message_rules import Conversation
from server.dialects.common.history.message_types import FunctionCall, WireMessage
from server.dialects.common.refusals import unknown_type
from server.dialects.common.sealed import Seal, thought_in
from server.dialects.common.tools.conversion import raw_text_names
from server.dialects.common.wire_types import json_text
from server.dialects.responses import request_types as wire
from server.dialects.responses.compaction import UNREADABLE, summary_in
from server.dialects.responses.provider_items import ProviderCall, provider_call
from server.dialects.responses.request_tools import RequestTools

_RESULT: TypeAdapter[ResultContent] = TypeAdapter(ResultContent)
# The id of these items is that of the call.
_NAMED_BY_ID = frozenset({"local_shell_call_output"})


def conversation_from(
    responses: wire.ResponsesRequest, tools: RequestTools, seal: Seal | None, before: Sequence[Message] = ()
) -> Conversation:
    """Returns the conversation, which continues `before`. `tools` are those of the request.

    `seal` opens what we sealed. Raises `InvalidRequest` that names the field that Claude cannot take.
    """
    items = responses.input
    names, is_aside = raw_text_names(tools.tools), list(map(_is_aside, items))
    reader = MessageReader("input", names, is_aside, unsupported_field=".type", before=before)
    reader.builder.add_system_field(responses.instructions, "instructions")
    reader.builder.add_system_field(responses.system, "system")
    if isinstance(items, str):
        reader.builder.add_user([Text(items)], "input")
    else:
        _Items(reader, items, tools, seal).read()
    return reader.conversation()


def _is_aside(item: wire.Item | str) -> bool:
    """Whether the item is no part of the conversation itself, so that it may stand behind the question."""
    return isinstance(item, wire.ToolsItem) or (isinstance(item, WireMessage) and item.is_system)


class _Items:
    def __init__(self, reader: MessageReader, items: list[wire.Item], tools: RequestTools, seal: Seal | None) -> None:
        self._reader = reader
        self._items = items
        self._tools = tools
        self._seal = seal
        outputs = [item for item in items if isinstance(item, wire.CallOutputItem)]
        self._answered = {id_ for item in outputs for id_ in (item.call_id, item.id) if id_}

    def read(self) -> None:
        for number, item in enumerate(self._items):
            self._reader.start(number)
            self._add(item, f"input[{number}]", number)

    def _add(self, item: wire.Item, place: str, number: int) -> None:
        match item:
            case WireMessage():
                self._reader.add(item, place, number)
            case wire.FunctionCallItem() | wire.CustomCallItem():
                name = self._tools.claudes_name(item.name, item.namespace)
                call = item if name == item.name else item.model_copy(update={"name": name})
                self._reader.add_call(call, place, given=item.call_id or item.id, other=item.id)
            case wire.CallOutputItem():
                given = item.call_id or (item.id if item.type in _NAMED_BY_ID else None)
                self._reader.add_result(given, item.name, item.output, place, f"{place}.output")
            case wire.SealedItem():
                self._add_sealed(item, place)
            case wire.ToolsItem():
                pass
            case dict():
                self._add_other(item, place, number)
            case _:
                assert_never(item)

    def _add_sealed(self, item: wire.SealedItem, place: str) -> None:
        """Adds Claude's own thinking, or a summary of ours. What another server wrote is left out."""
        builder = self._reader.builder
        if item.type != "reasoning":
            summary = summary_in(self._seal, item.encrypted_content)
            builder.add_user([Text(UNREADABLE if summary is None else summary)], place)
            if summary is not None:
                return
        elif thought := None if self._seal is None else thought_in(self._seal, item.encrypted_content):
            builder.add_thought(thought)
            return
        builder.ignore(f"{place} ({item.type})")

    def _add_other(self, item: Mapping[str, object], place: str, number: int) -> None:
        """Adds a call of OpenAI's own tools. An item of any other type is left out, unless it may be the question."""
        call = provider_call(item)
        if call is not None and (call.where or call.id in self._answered):
            self._add_call(call, place)
        elif number == len(self._items) - 1 and not self._reader.builder.has_question:
            raise unknown_type(place, hint="Send messages, function calls and their outputs.")
        else:
            self._reader.builder.ignore(f"{place} ({item['type']})")

    def _add_call(self, call: ProviderCall, place: str) -> None:
        function = FunctionCall(name=call.name, arguments=call.arguments)
        self._reader.add_call(function, place, given=call.id, other=None)
        if call.where:
            content = _content(call.result)
            where = f"{place}.{call.where}"
            self._reader.add_result(call.id, call.name, content, place, where, failed=call.failed)


def _content(value: object) -> ResultContent:
    try:
        return _RESULT.validate_python(value)
    except ValidationError:
        return json_text(value)
