"""The model list in Anthropic's form, with full ids: clients decide limits by names that begin with `claude-`.

The user's own names are listed, too.
"""

from collections.abc import Iterable, Mapping

from server.conversation.models import ModelCard
from server.errors import InvalidRequest, ModelUnknown

_MAX_ECHO = 100
_MOST_ROWS, _DEFAULT_ROWS = 1000, 20
# The API's own value where the release date is unknown.
_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
_YES, _NO = {"supported": True}, {"supported": False}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def anthropic_page(cards: Iterable[ModelCard], query: Mapping[str, str]) -> dict[str, object]:
    """Returns the page that `limit`, `after_id` and `before_id` in `query` choose. Raises `InvalidRequest`."""
    rows = _rows(cards)
    ids, limit = list(rows), _limit(query.get("limit"))
    if (before := query.get("before_id")) is not None:
        end = ids.index(before) if before in rows else 0
        start = max(0, end - limit)
        has_more = start > 0
    else:
        after = query.get("after_id")
        start = 0 if after is None else ids.index(after) + 1 if after in rows else len(ids)
        end = start + limit
        has_more = end < len(ids)
    shown = ids[start:end]
    return {
        "data": [rows[id_] for id_ in shown],
        "has_more": has_more,
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def anthropic_row(name: str, cards: Iterable[ModelCard], answering: ModelCard | None) -> dict[str, object]:
    """Returns the row of the id `name`, else that of the `answering` model. Raises `ModelUnknown` without either."""
    row = _rows(cards).get(name) or (_row(answering) if answering is not None else None)
    if row is None:
        raise ModelUnknown(f"model: {name[:_MAX_ECHO]}", param="model")
    return row


def _rows(cards: Iterable[ModelCard]) -> dict[str, dict[str, object]]:
    rows: dict[str, dict[str, object]] = {}
    # "default" comes last: its model has a card of its own, which describes it better.
    for card in sorted(cards, key=lambda card: card.id == "default"):
        rows.setdefault(_id(card), _row(card))
    return rows


def _id(card: ModelCard) -> str:
    return card.id if card.is_users else card.resolved or card.id


def _row(card: ModelCard) -> dict[str, object]:
    return {
        "type": "model",
        "id": _id(card),
        "display_name": card.name,
        "created_at": _UNKNOWN_DATE,
        "lifecycle": "active",
        "max_input_tokens": card.context_window,
        "max_tokens": card.output_limit,
        "capabilities": _capabilities(card),
    }


def _capabilities(card: ModelCard) -> dict[str, object]:
    """What Drawbridge passes on: neither batches nor tools that Anthropic runs."""
    efforts = {effort: _YES if effort in card.efforts else _NO for effort in _EFFORTS}
    return {
        "batch": _NO,
        "citations": _YES,
        "code_execution": _NO,
        "context_management": _NO,
        "effort": {"supported": bool(card.efforts), **efforts},
        "image_input": _YES,
        "pdf_input": _YES,
        "server_tools": {"supported": False, "code_execution": _NO, "web_search": _NO},
        "structured_outputs": _YES,
        "thinking": {
            "supported": True,
            "types": {"adaptive": _YES, "between_tools": _NO, "disabled": _YES, "enabled": _YES},
        },
    }


def _limit(given: str | None) -> int:
    if given is None:
        return _DEFAULT_ROWS
    if not given.isdecimal() or not 1 <= int(given[:9]) <= _MOST_ROWS:
        raise InvalidRequest(f"limit must be an integer from 1 to {_MOST_ROWS}.", param="limit")
    return int(given)
