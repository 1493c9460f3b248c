"""Puts what a request refers to into its input: an earlier response with its conversation, and single items."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from server.dialects.common.content.content_types import PART_TYPES
from server.dialects.common.response_store import Item, ResponseStore
from server.errors import InvalidRequest, ResponseUnknown

# As many as a request may contain.
MOST_ITEMS = 10_000
_PLACE = re.compile(r"\binput\[(\d+)\]")
KEPT = "kept for a day unless 'store' is false, and after the server's end only if it is true"
_REFERENCE = "item_reference"
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "compaction": "cmp",
}


@dataclass(frozen=True, slots=True)
class FullRequest:
    """A request with everything that it refers to. The first `before` items of its input are stored ones."""

    body: Mapping[str, object]
    before: tuple[Item, ...] = ()

    def own_items(self, token: str) -> tuple[Item, ...]:
        """The request's own items as they are stored: with ids, which are made of `token` where there is none."""
        items = self.body.get("input")
        own = items[len(self.before) :] if isinstance(items, list) else [] if items is None else [items]
        return tuple(_stored(item, f"{token}i{number:02}") for number, item in enumerate(own))

    def own_places(self, places: tuple[str, ...]) -> tuple[str, ...]:
        """The places as they are in the client's request; those in stored items are left out."""
        shifted = (self._shifted(place) for place in places)
        return tuple(place for place in shifted if place is not None)

    @contextmanager
    def naming_own_places(self) -> Iterator[None]:
        """Lets errors of the block name places as they are in the client's request."""
        try:
            yield
        except InvalidRequest as error:
            own = error.fresh()
            own.message = self._shifted(error.message) or error.message
            own.param = error.param and (self._shifted(error.param) or error.param)
            raise own from error

    def _shifted(self, text: str) -> str | None:
        offset, is_stored = len(self.before), False

        def own(match: re.Match[str]) -> str:
            nonlocal is_stored
            number = int(match[1]) - offset
            is_stored = is_stored or number < 0
            return f"input[{number}]"

        shifted = _PLACE.sub(own, text)
        return None if is_stored else shifted


def references_in(body: object) -> tuple[str | None, frozenset[str]]:
    """The ids that the request refers to: of the response that it continues, and of items."""
    if not isinstance(body, dict):
        return None, frozenset()
    previous, items = body.get("previous_response_id"), body.get("input")
    own = [items] if isinstance(items, dict) else items if isinstance(items, list) else []
    names = (_referred(item) for item in own)
    return previous if isinstance(previous, str) and previous else None, frozenset(filter(None, names))


def with_stored_context(body: Mapping[str, object], owner: str, store: ResponseStore) -> FullRequest:
    """Returns the request with the items that it refers to. Raises `InvalidRequest` for an unknown id.

    An unknown response is left to the parser, which accepts it before a whole conversation.
    """
    id_ = body.get("previous_response_id")
    items = body.get("input")
    own = [items] if isinstance(items, dict) else items
    if isinstance(own, list):
        own = [_resolved(item, f"input[{number}]", owner, store) for number, item in enumerate(own)]
    previous = store.get(owner, id_) if isinstance(id_, str) and id_ else None
    if previous is None:
        return FullRequest({**body, "input": own} if own is not None else body)
    before = (*previous.input, *previous.output)
    added = [{"role": "user", "content": own}] if isinstance(own, str) else own
    if not isinstance(added, list):
        raise InvalidRequest("input is required: it continues the earlier response.", param="input")
    if len(before) + len(added) > MOST_ITEMS:
        raise InvalidRequest(
            f"previous_response_id: the conversation has more than {MOST_ITEMS:,} items.", param="previous_response_id"
        )
    rest = {name: value for name, value in body.items() if name != "previous_response_id"}
    return FullRequest({**rest, "input": [*before, *added]}, before)


def unknown_response(id_: object) -> ResponseUnknown:
    """Returns the error for a `previous_response_id` that is not stored."""
    return ResponseUnknown(
        f"previous_response_id: there is no stored response '{str(id_)[:100]}'.",
        param="previous_response_id",
        hint=f"Responses are {KEPT}. Send the whole conversation as input.",
    )


def _resolved(item: object, place: str, owner: str, store: ResponseStore) -> object:
    """Returns the stored item that `item` refers to, or `item`."""
    id_ = _referred(item)
    if id_ is None or not isinstance(item, dict):
        return item
    stored = store.item(owner, id_)
    if stored is not None:
        return stored
    if _is_bare(item):
        return item
    raise InvalidRequest(
        f"{place}.id: there is no stored item '{id_[:100]}'.",
        param=f"{place}.id",
        hint=f"Items are {KEPT}. Send the item itself.",
    )


def _referred(item: object) -> str | None:
    """The id of the stored item that `item` refers to. Reasoning without its content is a reference, too."""
    if not isinstance(item, dict):
        return None
    id_ = item.get("id")
    if item.get("type") == _REFERENCE:
        return id_ if isinstance(id_, str) else str(id_)
    return id_ if isinstance(id_, str) and (item.keys() == {"id"} or _is_bare(item)) else None


def _is_bare(item: Mapping[str, object]) -> bool:
    return item.get("type") == "reasoning" and not item.get("encrypted_content") and isinstance(item.get("id"), str)


def _stored(item: object, made: str) -> Item:
    """Returns an item of the input as the API lists it: with a type and an id, a message's text in parts."""
    if isinstance(item, str):
        item = {"role": "user", "content": item}
    if not isinstance(item, dict):
        return {"id": f"item_{made}", "type": "unknown"}
    kind = item.get("type")
    if isinstance(kind, str) and kind in PART_TYPES:
        item, kind = {"role": item.get("role") or "user", "content": [item]}, "message"
    kind = kind if isinstance(kind, str) else "message"
    own = item.get("id")
    id_ = own if isinstance(own, str) and own else f"{_PREFIXES.get(kind, 'item')}_{made}"
    if kind == "message":
        item = {"status": "completed", **item, "content": _parts(item)}
    return {**item, "id": id_, "type": kind}


def _parts(item: Mapping[str, object]) -> object:
    content = item.get("content")
    if not isinstance(content, str):
        return content
    if item.get("role") == "assistant":
        return [{"type": "output_text", "text": content, "annotations": [], "logprobs": []}]
    return [{"type": "input_text", "text": content}]
