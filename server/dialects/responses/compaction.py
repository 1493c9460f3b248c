"""Compaction: Claude summarizes the conversation, and the client sends the sealed summary in its place."""

from collections.abc import Mapping
from dataclasses import replace

from server.conversation.events import PartDelta, PartEnded, PartStarted, StopReason
from server.conversation.parts import Text
from server.conversation.request import ModelRequest, ToolChoice
from server.conversation.text import is_blank
from server.dialects.common.sealed import Seal
from server.dialects.responses.output import Closed, Opened, OutputItem, Step, new_item
from server.errors import AnswerCut

TRIGGER = "compaction_trigger"
PROMPT = (
    "Write a summary of this conversation that will replace it: you will continue from the summary alone, without"
    " anything above. Keep what the user wants, the instructions that still hold, what was decided and why, what was"
    " done so far (with file names, commands, results and error messages that still matter), what is unfinished, and"
    " the next step. Do not call tools and do not continue the work. Reply with the summary only."
)
UNREADABLE = "(An earlier part of this conversation was compacted by another server and cannot be read here.)"
_HEAD = "Summary of the conversation so far, which it replaces:\n\n"
_KIND = "summary"


def ends_with_trigger(body: Mapping[str, object]) -> bool:
    """Whether the request asks for a compaction, by the type of its last item."""
    items = body.get("input")
    last = items[-1] if isinstance(items, list) and items else None
    return isinstance(last, dict) and last.get("type") == TRIGGER


def with_prompt(body: Mapping[str, object]) -> dict[str, object]:
    """Returns the request for a compaction as a request for a summary."""
    items = body.get("input")
    before = items if isinstance(items, list) else [] if items is None else [{"role": "user", "content": items}]
    before = before[:-1] if ends_with_trigger(body) else before
    return {**body, "input": [*before, {"role": "user", "content": PROMPT}]}


def as_summary_request(request: ModelRequest) -> ModelRequest:
    """Returns the request with the same tools, so that the same worker answers it, but without calls or a format."""
    choice = ToolChoice("none") if request.profile.tools else ToolChoice()
    return replace(request, settings=replace(request.settings, tool_choice=choice, schema=None), answer=None)


def summary_in(seal: Seal | None, sealed: object) -> str | None:
    """Returns the user's message for a compaction item; None if it is not ours."""
    content = None if seal is None else seal.open(_KIND, sealed)
    return None if content is None else f"{_HEAD}{content['text']}"


class CompactionBuilder:
    """Builds the output of a compaction: exactly one item, with the text of the answer as the summary."""

    def __init__(self, token: str, seal: Seal) -> None:
        self.items: list[OutputItem] = []
        self.model = ""
        self._token = token
        self._seal = seal
        self._texts: dict[int, list[str]] = {}

    def add(self, event: PartStarted | PartDelta | PartEnded) -> list[Step]:
        """No steps: the item is sealed as a whole."""
        if isinstance(event, PartStarted) and isinstance(event.part, Text):
            self._texts[event.index] = []
        elif isinstance(event, PartDelta) and event.index in self._texts:
            self._texts[event.index].append(event.text)
        return []

    def end(self, reason: StopReason) -> list[Step]:  # noqa: ARG002 # a summary at its limit is better than none
        """The steps at the end of the answer. Raises `AnswerCut` if there is no summary."""
        text = "".join(text for texts in self._texts.values() for text in texts)
        if is_blank(text):
            raise AnswerCut("Claude wrote no summary of the conversation.")
        item = new_item("compaction", 0, self._token)
        item.sealed, item.status = self._seal.close(_KIND, {"text": text.strip()}), "completed"
        self.items.append(item)
        return [Opened(item), Closed(item)]
