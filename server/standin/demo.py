"""The demo: the real Claude Code, answered by the stand-in on this computer, without an account."""

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.machine.files.temp_folders import open_scratch
from server.standin.environment import standin_environment
from server.standin.sample_values import sample
from server.standin.script import Block, Reply, Script, StopReason, Text, Usage, call, with_gaps
from server.standin.server import Recorded, Standin, open_standin, token_count

DEMO_KEY = "drawbridge-demo-no-account"
GAP_S = 0.015

# What the CLI adds before our system prompt and before the user's text.
_PREAMBLES = ("x-anthropic-billing-header:", "You are a Claude agent", "You are Claude Code")
_REMINDER = "<system-reminder>"
_MAX_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo. `environment` is the complete environment for Claude Code; it must inherit nothing else."""

    environment: Mapping[str, str]
    standin: Standin


@asynccontextmanager
async def open_demo(
    environment: Mapping[str, str] | None = None, *, gap_s: float = GAP_S, keep: int | None = 0
) -> AsyncIterator[Demo]:
    """Runs the demo's stand-in. `environment`: what Claude Code inherits; `gap_s`: the pause between words."""
    inherited = os.environ if environment is None else environment
    with open_scratch() as scratch:
        async with open_standin(lambda recorded: demo_answer(recorded, gap_s=gap_s), keep=keep) as standin:
            home = str(scratch.folder())
            yield Demo(standin_environment(inherited, home=home, url=standin.url, key=DEMO_KEY), standin)


def demo_answer(recorded: Recorded, *, gap_s: float = GAP_S) -> Script:
    """Describes the request; calls forced tools and fills JSON schemas with made-up values."""
    body = recorded.body
    forced = _forced_tool(body)
    if forced is not None:
        name, schema = forced
        return _reply(body, call(name, _object(sample(schema))), "tool_use", written=1)
    words = _words(json.dumps(sample(_format(body))) if _format(body) is not None else _sentence(body))
    return _limited(body, words, gap_s)


def _limited(body: Mapping[str, object], words: list[str], gap_s: float) -> Reply:
    """The words, cut at a stop sequence or `max_tokens`, with the matching stop reason."""
    reason: StopReason = "end_turn"
    stop: str | None = None
    text = "".join(words)
    stops = [word for word in _list(body.get("stop_sequences")) if isinstance(word, str) and word in text]
    if stops:
        stop, reason = min(stops, key=text.index), "stop_sequence"
        words = _words(text[: text.index(stop)])
    most = body.get("max_tokens")
    if isinstance(most, int) and len(words) > most:
        # Counts a word as a token, which is close enough to show that the limit arrived.
        words, reason, stop = words[:most], "max_tokens", None
    block = Text(with_gaps(tuple(words), gap_s)) if words else None
    return _reply(body, block, reason, stop=stop, written=len(words))


def _reply(
    body: Mapping[str, object], block: Block | None, reason: StopReason, *, stop: str | None = None, written: int
) -> Reply:
    usage = Usage(
        input_tokens=token_count(dict(body)),
        cache_creation_input_tokens=0,
        cache_read_input_tokens=0,
        output_tokens=written,
    )
    return Reply((block,) if block else (), stop_reason=reason, stop_sequence=stop, usage=usage)


def _sentence(body: Mapping[str, object]) -> str:
    messages = [one for one in _list(body.get("messages")) if _object(one).get("role") in ("user", "assistant")]
    question = _texts(_object(messages[-1]).get("content")) if messages else []
    quote = " ".join(" ".join(question).split())
    quote = quote if len(quote) <= _MAX_QUOTE else f"{quote[:_MAX_QUOTE]}..."
    earlier = max(0, len(messages) - 1)
    system = sum(len(text) for text in _texts(body.get("system")) if not text.startswith(_PREAMBLES))
    tools = len(_list(body.get("tools")))
    facts = [
        f"{earlier} earlier {'turn' if earlier == 1 else 'turns'}",
        f"a system prompt of {system} characters" if system else "no system prompt",
        *([f"{tools} {'tool' if tools == 1 else 'tools'}"] if tools else []),
    ]
    listed = " and ".join([", ".join(facts[:-1]), facts[-1]])
    return (
        "This is Drawbridge's demo: no Claude model answered. "
        f"Your message arrived through Claude Code, for the model {body.get('model')}, with {listed}. "
        + (f'You wrote: "{quote}" ' if quote else "It holds no text of yours. ")
        + "For answers from Claude, sign in with `drawbridge login`, then start Drawbridge without --demo."
    )


def _texts(content: object) -> list[str]:
    """The texts of a content, without what the CLI adds."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else _list(content)
    texts = [str(_object(block).get("text", "")) for block in blocks if _object(block).get("type") == "text"]
    return [text for text in texts if text and not text.startswith(_REMINDER)]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


def _forced_tool(body: Mapping[str, object]) -> tuple[str, object] | None:
    """The name and schema of the tool that `tool_choice` forces, if any."""
    choice = _object(body.get("tool_choice"))
    tools = [_object(tool) for tool in _list(body.get("tools")) if _object(tool).get("input_schema")]
    if choice.get("type") not in ("any", "tool"):
        return None
    wanted = [tool for tool in tools if choice["type"] == "any" or tool.get("name") == choice.get("name")]
    return (str(wanted[0]["name"]), wanted[0]["input_schema"]) if wanted else None


def _format(body: Mapping[str, object]) -> object:
    """The JSON schema that the answer must match, or None."""
    return _object(_object(body.get("output_config")).get("format")).get("schema")


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
