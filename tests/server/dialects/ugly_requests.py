"""Random mixtures of what clients write in odd ways, each beside the plain request that means the same."""

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server.dialects.common.history.message_rules import CONTINUE
from tests.server.dialects.ugly_shapes import Shape, in_shape, insert_item

MIXTURES = 300
TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}


@dataclass
class UglyRequest:
    """A body in one of three shapes and the `plain` one that means the same.

    `named`: what `x-drawbridge-ignored` must contain. `refused`: the field of the 400 that is expected instead.
    """

    shape: Shape
    body: dict[str, Any]
    plain: dict[str, Any]
    named: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


Kind = Callable[[UglyRequest, random.Random], None]


def ugly_request(seed: int) -> UglyRequest:
    """Returns a conversation of random length and shape with one to six kinds of oddity."""
    rng = random.Random(seed)
    turns: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}] if rng.random() < 0.5 else []
    for number in range(rng.randint(0, 3)):
        turns.append({"role": "user", "content": f"Question {number} of {seed}"})
        if rng.random() < 0.5:
            call = {"name": "look", "arguments": '{"at": "sky"}'}
            calls = [{"id": f"call_{number}", "type": "function", "function": call}]
            turns.append({"role": "assistant", "content": None, "tool_calls": calls})
            turns.append({"role": "tool", "tool_call_id": f"call_{number}", "content": "blue"})
        turns.append({"role": "assistant", "content": f"Answer {number}"})
    turns.append({"role": "user", "content": f"Last question of {seed}"})
    plain = {"messages": turns, "tools": [TOOL]}
    shape: Shape = rng.choice(["chat", "chat", "responses", "messages"])
    request = UglyRequest(shape, copy.deepcopy(plain), plain)
    # In the order of the list: those that insert messages come first, and the others count the places after them.
    kinds = [kind for kind in KINDS if shape == "chat" or kind not in CHAT_ONLY]
    for number in sorted(rng.sample(range(len(kinds)), rng.randint(1, 6))):
        request.kinds.append(kinds[number].__name__)
        kinds[number](request, rng)
    if shape != "chat":
        request.body, request.plain = in_shape(request.body, shape), in_shape(request.plain, shape)
        if shape == "responses":
            request.named = [name.replace("messages", "input", 1) for name in request.named]
            _provider_item(request, rng)
    return request


def _blank_message(request: UglyRequest, rng: random.Random) -> None:
    """A blank message after an answer. It is the only kind that moves the places of others, so it comes first."""
    turns = request.body["messages"]
    places = [number + 1 for number, turn in enumerate(turns) if turn["role"] == "assistant" and turn["content"]]
    if places:
        place = rng.choice(places)
        turns.insert(place, rng.choice([{"role": "user", "content": " "}, {"role": "assistant", "content": None}]))
        request.named.append(f"messages[{place}] (blank)")


def _foreign_thought(request: UglyRequest, rng: random.Random) -> None:
    for number, turn in enumerate(request.body["messages"]):
        if turn["role"] == "assistant" and isinstance(turn["content"], str):
            kind = rng.choice(["reasoning", "think", "thinking"])
            turn["content"] = [{"type": kind, kind: "Hm."}, {"type": "text", "text": turn["content"]}]
            request.named.append(f"messages[{number}].content[0] ({kind})")


def _text_as_parts(request: UglyRequest, rng: random.Random) -> None:
    for turn in request.body["messages"]:
        if turn["role"] != "tool" and isinstance(turn["content"], str) and turn["content"].strip():
            text = turn["content"]
            turn["content"] = rng.choice(
                [[{"type": "text", "text": text}], [text], [{"type": "text", "text": ""}, text]]
            )


def _parsed_arguments(request: UglyRequest, rng: random.Random) -> None:
    for turn in request.body["messages"]:
        for call in turn.get("tool_calls") or ():
            call["function"]["arguments"] = rng.choice(
                [{"at": "sky"}, '"{\\"at\\": \\"sky\\"}"', "{'at': 'sky'}", [{"at": "sky"}]]
            )


def _no_arguments(request: UglyRequest, rng: random.Random) -> None:
    for turn, plain in zip(_calling(request.body), _calling(request.plain), strict=True):
        turn["tool_calls"][0]["function"]["arguments"] = rng.choice(
            ["null", None, "", " ", [], "[]", "None", "undefined"]
        )
        plain["tool_calls"][0]["function"]["arguments"] = "{}"


def _half_an_emoji(request: UglyRequest, rng: random.Random) -> None:
    for body, half in ((request.body, rng.choice(["\ud83d", "\ude00"])), (request.plain, "\ufffd")):
        turn = body["messages"][-1]
        if isinstance(turn["content"], list):
            last = turn["content"][-1]
            turn["content"][-1] = last + half if isinstance(last, str) else {**last, "text": last["text"] + half}
        else:
            turn["content"] += half
    request.named.append("(half of a surrogate pair)")


def _answer_last(request: UglyRequest, rng: random.Random) -> None:
    request.body["messages"].append({"role": "assistant", "content": rng.choice(["Well", "So "])})
    request.plain["messages"] += [{**request.body["messages"][-1]}, {"role": "user", "content": CONTINUE}]
    request.named.append(f"messages[{len(request.body['messages']) - 1}] (a request to continue was added)")


def _boolean_words(request: UglyRequest, rng: random.Random) -> None:
    request.body["parallel_tool_calls"] = rng.choice([0, "0", "false", "No"])
    request.plain["parallel_tool_calls"] = False
    request.body["stream_options"] = rng.choice(["", [], {"include_usage": "true"}])


def _limit(request: UglyRequest, rng: random.Random) -> None:
    value, meant = rng.choice([(-1, None), ("", None), ("auto", None), ("100", 100), (100.0, 100)])
    request.body["max_tokens"], request.plain["max_tokens"] = value, meant


def _stops(request: UglyRequest, rng: random.Random) -> None:
    stops = [f"\nName{number}:" for number in range(rng.randint(5, 40))]
    request.body["stop"], request.plain["stop"] = ["", *stops, None, stops[0]], stops


def _thinking_off(request: UglyRequest, rng: random.Random) -> None:
    request.plain["reasoning_effort"] = "none"
    request.body |= rng.choice(
        [{"thinking": {"type": "disabled"}}, {"enable_thinking": False}, {"reasoning": {"max_tokens": 0}}]
    )


def _odd_idle_field(request: UglyRequest, rng: random.Random) -> None:
    name = rng.choice(["seed", "logit_bias", "user", "logprobs", "store", "metadata", "temperature"])
    request.body[name] = rng.choice([-7, "odd", ["x"], {"a": 1}])
    request.named.append(name)


def _empty_in_a_wrong_type(request: UglyRequest, rng: random.Random) -> None:
    for name in ("response_format", "functions", "tool_choice", "modalities"):
        request.body[name] = rng.choice(["", [], {}, None, False])


def _refused(request: UglyRequest, rng: random.Random) -> None:
    if rng.random() < 0.3:
        name, value, place = rng.choice(
            [
                ("n", 99, "n"),
                ("modalities", ["audio"], "modalities"),
                ("model", 5, "model"),
                ("stop", [5], "stop[0]"),
                ("tool_choice", {"type": "function", "function": {"name": "gone"}}, "tool_choice"),
            ]
        )
        request.body[name] = value
        request.refused.append(place)


def _null_fields(request: UglyRequest, rng: random.Random) -> None:
    for name in ("model", "stream", "stop", "tool_choice", "max_tokens", "top_p", "metadata", "instructions"):
        request.body.setdefault(name, None)
    for turn in request.body["messages"]:
        turn |= {"name": None, "refusal": None, "function_call": None}


def _stream_word(request: UglyRequest, rng: random.Random) -> None:
    request.body["stream"] = rng.choice([0, "0", "False", "no", "", []])


def _result_as_json(request: UglyRequest, rng: random.Random) -> None:
    for turn, plain in zip(_results(request.body), _results(request.plain), strict=True):
        turn["content"] = rng.choice(
            [{"temp": 5}, [1, None], [{"type": "file", "name": "a"}], 5, 0.5, True, {"type": "text"}, {}]
        )
        plain["content"] = "" if turn["content"] == {"type": "text"} else json.dumps(turn["content"])


def _result_in_part(request: UglyRequest, rng: random.Random) -> None:
    for turn in _results(request.body):
        if isinstance(turn["content"], str) and turn["content"]:
            text = turn["content"]
            turn["content"] = rng.choice([{"type": "text", "text": text}, [text], [{"text": text}]])


def _ids(request: UglyRequest, rng: random.Random) -> None:
    for number, turn in enumerate(_results(request.body)):
        oddity = rng.choice(["number", "missing", "wrong"])
        if oddity == "number":
            _with_id(request, number, 1000 + number)
        elif oddity == "missing":
            turn["tool_call_id"] = rng.choice([None, "", {}])
        else:
            call = turn["tool_call_id"]
            turn["tool_call_id"] = f"lost_{number}"
            request.named.append(f"messages (the result of lost_{number} was taken for {call})")


def _odd_parts(request: UglyRequest, rng: random.Random) -> None:
    """Parts without text, and a part without an array."""
    for turn in request.body["messages"]:
        if turn["role"] in ("user", "assistant") and isinstance(turn["content"], str) and turn["content"].strip():
            text = turn["content"]
            turn["content"] = rng.choice(
                [
                    {"type": "text", "text": text},
                    [{"type": "text", "text": None}, {"text": text}, {"type": "text"}, None],
                    [{"type": "Text", "content": text}],
                ]
            )


def _roles(request: UglyRequest, rng: random.Random) -> None:
    words = {"user": ["human", "User", " USER"], "assistant": ["model", "ASSISTANT ", "bot", "ai"]}
    for number, turn in enumerate(request.body["messages"]):
        # A call of the Responses API has no role.
        has_role = request.shape != "responses" or not turn.get("tool_calls")
        if has_role and turn["role"] in words and rng.random() < 0.5:
            turn["role"] = rng.choice(words[turn["role"]])
            request.named.append(f"messages[{number}].role ({turn['role'].strip()})")


def _provider_item(request: UglyRequest, rng: random.Random) -> None:
    """An item of OpenAI's own tools somewhere in a Responses body; each has the effect of its place only."""
    place = rng.randrange(len(request.body["input"]))
    item: dict[str, Any] = rng.choice(
        [
            {"type": "item_reference", "id": "msg_1"},
            {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": []},
            {"type": "mcp_approval_request", "id": "a", "name": "roll", "arguments": "{}", "server_label": "s"},
            {"type": "web_search_call", "id": "w", "status": "completed"},
            {"type": "image_generation_call", "id": "g", "status": "failed", "result": None},
            {"type": "made_up_tomorrow", "id": "m"},
        ]
    )
    insert_item(request.body, request.named, place, item)
    request.named.append(f"input[{place}] ({item['type']})")


def _with_id(request: UglyRequest, number: int, new: int) -> None:
    """Gives the call and the result `number` a number as their id."""
    for body, id_ in ((request.body, new), (request.plain, str(new))):
        _calling(body)[number]["tool_calls"][0]["id"] = id_
        _results(body)[number]["tool_call_id"] = id_


def _results(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn for turn in body["messages"] if turn["role"] == "tool"]


def _calling(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn for turn in body["messages"] if turn.get("tool_calls")]


KINDS: tuple[Kind, ...] = (
    *(_blank_message, _foreign_thought, _text_as_parts, _parsed_arguments, _no_arguments, _half_an_emoji),
    *(_answer_last, _boolean_words, _limit, _stops, _thinking_off, _odd_idle_field, _empty_in_a_wrong_type, _refused),
    *(_null_fields, _stream_word, _result_as_json, _result_in_part, _ids, _odd_parts, _roles),
)
# Fields that only a chat request has.
CHAT_ONLY: frozenset[Kind] = frozenset({_thinking_off, _odd_idle_field, _empty_in_a_wrong_type, _refused, _stops})
