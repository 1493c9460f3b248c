"""Messages that Drawbridge keeps, as the messages of chat completions."""

from collections.abc import Iterable, Iterator, Sequence

from server.conversation.parts import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

MOST_DATA = 1_000_000
"""How many base64 characters an image or a document has at most; a larger one is left out, and named."""
ChatMessage = dict[str, object]


def chat_messages(messages: Iterable[Message]) -> list[ChatMessage]:
    """The messages as a client would send them. Claude's thinking is left out: only Claude's API can use it again."""
    return [one for message in messages for one in _chat_messages(message)]


def _chat_messages(message: Message) -> Iterator[ChatMessage]:
    if message.role == "assistant":
        yield _answer(message.parts)
        return
    content: list[Part] = []
    for part in message.parts:
        if not isinstance(part, ToolResult) and not (isinstance(part, Text) and part.is_system):
            content.append(part)
            continue
        if content:
            yield {"role": "user", "content": _content(content)}
            content = []
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.id, "content": _content(part.parts)}
        else:
            yield {"role": "system", "content": part.text}
    if content:
        yield {"role": "user", "content": _content(content)}


def _answer(parts: Sequence[Part]) -> ChatMessage:
    calls = [_call(part) for part in parts if isinstance(part, ToolCall)]
    content = _content([part for part in parts if not isinstance(part, ToolCall | Thinking | RedactedThinking)])
    message: ChatMessage = {"role": "assistant", "content": content if content or not calls else None}
    return {**message, "tool_calls": calls} if calls else message


def _content(parts: Sequence[Part]) -> str | list[dict[str, object]]:
    """Text alone as a string, as most clients send it."""
    if all(isinstance(part, Text) for part in parts) and len(parts) <= 1:
        return "".join(part.text for part in parts if isinstance(part, Text))
    return [_content_part(part) for part in parts]


def _content_part(part: Part) -> dict[str, object]:
    match part:
        case Text(text=text):
            return _text(text)
        case Image():
            return _image(part)
        case Document():
            return _document(part)
        case SearchResult(source=source, title=title, texts=texts):
            return _text("\n".join((title, source, *texts)))
        case _:
            raise ValueError(f"{type(part).__name__} is no content of a chat message.")


def _image(part: Image) -> dict[str, object]:
    url = part.url or _data_url(part.media_type, part.data)
    return _text(_left_out("an image", part)) if url is None else {"type": "image_url", "image_url": {"url": url}}


def _document(part: Document) -> dict[str, object]:
    if part.blocks or part.media_type == "text/plain":
        return _text("\n".join(part.blocks) or part.data or "")
    if part.url is not None:
        return _text(f"[A document: {part.url}]")
    url = _data_url(part.media_type, part.data)
    if url is None:
        return _text(_left_out("a document", part))
    return {"type": "file", "file": {"filename": part.title or "document", "file_data": url}}


def _data_url(media_type: str | None, data: str | None) -> str | None:
    """The data URL; None if it would be too long."""
    return f"data:{media_type};base64,{data}" if data is not None and len(data) <= MOST_DATA else None


def _left_out(what: str, part: Image | Document) -> str:
    return f"[Left out here: {what} ({part.media_type}, {len(part.data or '') * 3 / 4e6:.1f} MB)]"


def _text(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def _call(part: ToolCall) -> dict[str, object]:
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments or "{}"}}
