"""Converts the messages of any dialect into a conversation."""

from collections.abc import Collection, Sequence
from typing import assert_never

from server.conversation.parts import Message, Part, Text, ToolCall, ToolResult
from server.dialects.common.content.content_types import Content, ResultContent
from server.dialects.common.content.reader import ContentReader
from server.dialects.common.history.message_rules import Conversation, MessageListBuilder
from server.dialects.common.history.message_types import CustomCall, FunctionCall, WireMessage
from server.dialects.common.history.message_types import ToolCall as WireCall
from server.dialects.common.refusals import audio_not_supported, missing_field
from server.dialects.common.tools.call_arguments import UNKNOWN_TOOL, call_arguments, made_id
from server.dialects.common.tools.raw_text_tools import wrapped
from server.dialects.common.tools.tool_pairing import CallIds


class MessageReader:
    """Collects the messages of one request. `field` is the request's field that holds them.

    `raw_text_tools` names the tools that take raw text. `is_system` tells of each message whether it is a system
    message. What Claude cannot take is refused only in the last message that is not, so that the conversation can
    continue. `before` is the conversation that the messages continue.
    """

    def __init__(
        self,
        field: str,
        raw_text_tools: Collection[str],
        is_system: Sequence[bool],
        *,
        unsupported_field: str = "",
        before: Sequence[Message] = (),
    ) -> None:
        self._ids = CallIds()
        for part in before[-1].parts if before else ():
            if isinstance(part, ToolCall):
                self._ids.of_call(part.id, part.name, part.id)
        self.content = ContentReader(self._ids, raw_text_tools, unsupported_field=unsupported_field)
        self.builder = MessageListBuilder(field, before)
        self._raw_text_tools = raw_text_tools
        # Clients append system messages, with the time for example, to the question.
        self._last = max((number for number, system in enumerate(is_system) if not system), default=0)

    def conversation(self) -> Conversation:
        """Returns the conversation. Raises `InvalidRequest` if it contains no question."""
        for place in self.content.left_out:
            self.builder.ignore(place)
        return self.builder.build()

    def start(self, number: int) -> None:
        """Call this before the message or item `number` is added."""
        self.content.is_history = number < self._last

    def add(self, message: WireMessage, place: str, number: int) -> None:
        """Adds the message at `place`."""
        self.start(number)
        where = f"{place}.content"
        if message.given_role:
            self.builder.ignore(f"{place}.role ({message.given_role})")
        for name in ("images", "attachments", "experimental_attachments"):
            if getattr(message, name):
                self.builder.ignore(f"{place}.{name}")
        match message.role:
            case "system" | "developer":
                parts = self.content.parts(message.content, where, "system")
                self.builder.add_system((part.text for part in parts if isinstance(part, Text)), place, message.name)
            case "user":
                self._ids.end_turn()
                self.builder.add_user(self.content.parts(message.content, where, "user"), place, message.name)
            case "assistant":
                self.builder.add_assistant(self._assistant_parts(message, place, number), place, message.name)
            case "tool" | "function":
                given = message.tool_call_id if message.role == "tool" else None
                content = "" if message.content is None else message.content
                tool = message.name or message.tool_name
                self.add_result(given, tool, content, place, where, failed=message.is_error)
            case _:
                assert_never(message.role)

    def add_call(self, call: FunctionCall | CustomCall, place: str, *, given: str | None, other: str | None) -> None:
        """Adds a call that stands alone. `other` is another id that its result may have."""
        self.builder.add_assistant([self._call_part(call, given, made_id(place), f"{place}.name", other)], place)

    def add_result(
        self,
        given: str | None,
        name: str | None,
        content: ResultContent | Content,
        place: str,
        where: str,
        *,
        failed: bool = False,
    ) -> None:
        """Adds the result of the call with the `given` id, or of the tool `name`. Its content is at `where`."""
        call = self._ids.of_result(given, name)
        parts = self.content.result(content, where, failed=failed)
        self.builder.add_user([ToolResult(call, parts, failed)], place)

    def _assistant_parts(self, message: WireMessage, place: str, number: int) -> list[Part]:
        """Returns the assistant's text, then its calls."""
        parts = self.content.parts(message.content, f"{place}.content", "assistant")
        if message.audio:
            parts += self._audio(message, f"{place}.audio", has_text=bool(parts))
        if message.refusal is not None:
            parts.append(Text(message.refusal))
        # LangChain writes the calls of Claude in the content, too.
        known = {part.id for part in parts if isinstance(part, ToolCall)}
        for position, call in enumerate(message.tool_calls or ()):
            if call.id in known:
                continue
            parts.append(self._tool_call(call, f"{place}.tool_calls[{position}]"))
        if message.function_call is not None:
            where = f"{place}.function_call.name"
            parts.append(self._call_part(message.function_call, None, f"function_call_{number}", where))
        return parts

    def _audio(self, message: WireMessage, place: str, *, has_text: bool) -> list[Part]:
        """Returns the transcript of the assistant's spoken answer."""
        transcript = message.audio.get("transcript") if isinstance(message.audio, dict) else None
        if not has_text and not transcript and not self.content.is_history:
            raise audio_not_supported(place, hint="Send a transcript as content.")
        self.builder.ignore(place)
        return [Text(transcript)] if isinstance(transcript, str) and not has_text else []

    def _tool_call(self, call: WireCall, place: str) -> ToolCall:
        if call.function is not None:
            return self._call_part(call.function, call.id, made_id(place), f"{place}.function.name")
        if call.custom is not None:
            return self._call_part(call.custom, call.id, made_id(place), f"{place}.custom.name")
        if not self.content.is_history:
            raise missing_field(f"{place}.function")
        return self._call_part(FunctionCall(), call.id, made_id(place), f"{place}.function")

    def _call_part(
        self, call: FunctionCall | CustomCall, given: str | None, made: str, where: str, other: str | None = None
    ) -> ToolCall:
        """Returns a call. `where` is the place of its name, `made` the id of a call without one."""
        if not call.name:
            self.builder.ignore(f"{where} (missing)")
        name = call.name or UNKNOWN_TOOL
        if isinstance(call, CustomCall):
            arguments = wrapped(call.input)
        else:
            arguments = call_arguments(call.arguments, is_raw_text=name in self._raw_text_tools)
        return ToolCall(self._ids.of_call(given, name, made, other), name, arguments)
