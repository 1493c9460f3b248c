"""`drawbridge approvals`: the questions of agents that wait for the user, and the answers."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any  # the fields of a JSON object

import click

from server.commands.options import settings_options, settle
from server.commands.output import note, say
from server.commands.running.status_and_stop import running_instance
from server.errors import DrawbridgeError
from server.machine.instance import Instance, request_approvals, request_decision

Question = Mapping[str, Any]

_POLL_S = 1.0
_DECISIONS = {"o": "once", "c": "conversation", "r": "refuse", "s": "stop"}
_OUTCOMES = {
    "once": "Allowed once.",
    "conversation": "Allowed for this conversation.",
    "refuse": "Refused.",
    "stop": "Refused, and the answer is stopped.",
}
# Printable, but without a picture of their own.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@click.group("approvals", invoke_without_command=True)
@click.option("--watch", is_flag=True, help="Wait for questions, and ask here for each decision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@settings_options("data_dir")
@click.pass_context
def approvals(context: click.Context, /, *, watch: bool, as_json: bool, **flags: object) -> int | None:
    """List the questions that agents ask before they act. Answer one by its ID: allow, refuse or stop."""
    if context.invoked_subcommand is not None:
        return None
    instance = running_instance(settle(flags, unprefixed=False).folders)
    if watch:
        return _watch(instance)
    answer = request_approvals(instance)
    if as_json:
        say(json.dumps(answer, indent=2))
    elif answer["data"]:
        say("\n\n".join(card(question, answer["now"]) for question in answer["data"]))
    else:
        note("No agent asks anything.")
    return 0


@approvals.command()
@click.argument("question_id", metavar="ID")
@click.option("--conversation", is_flag=True, help="Allow the same for the rest of the conversation.")
@settings_options("data_dir")
def allow(*, question_id: str, conversation: bool, **flags: object) -> int:
    """Allow what question ID asks once, or with --conversation for the rest of the conversation."""
    return _decide(flags, question_id, "conversation" if conversation else "once")


@approvals.command()
@click.argument("question_id", metavar="ID")
@settings_options("data_dir")
def refuse(*, question_id: str, **flags: object) -> int:
    """Refuse it. Claude gets the refusal, and continues without it."""
    return _decide(flags, question_id, "refuse")


@approvals.command()
@click.argument("question_id", metavar="ID")
@settings_options("data_dir")
def stop(*, question_id: str, **flags: object) -> int:
    """Refuse it, and end the answer."""
    return _decide(flags, question_id, "stop")


def _decide(flags: Mapping[str, object], question_id: str, decision: str) -> int:
    request_decision(running_instance(settle(flags, unprefixed=False).folders), question_id, decision)
    note(_OUTCOMES[decision])
    return 0


def card(question: Question, now: float) -> str:
    """One question in lines. What comes from the agent cannot look like ours: each of its lines has a bar."""
    left = max(0, round(question["expires_at"] - now))
    app = inert(question["app"] or "an unknown app") + (f" ({inert(question['key'])})" if question["key"] else "")
    return "\n".join(
        (
            f"{question['id']}  {inert(question['tool'])} in {inert(question['project'])}",
            f"  asked for {app}, {left // 60}:{left % 60:02} left",
            *_lines("what", question["description"]),
            *_lines("why", question["reason"]),
            *_lines("where", question["path"]),
            *(f"  | {line}" for line in inert(question["detail"], keep="\n\t").split("\n") if question["detail"]),
        )
    )


def inert(text: str, keep: str = "") -> str:
    """`text` with the code of each character that cannot be seen or that a terminal would obey in its place."""

    def shown(letter: str) -> str:
        is_hidden = not letter.isprintable() or letter in _BLANK or "\ufe00" <= letter <= "\ufe0e"
        is_selector = "\U000e0100" <= letter <= "\U000e01ef"
        return f"<U+{ord(letter):04X}>" if (is_hidden or is_selector) and letter not in keep else letter

    return "".join(map(shown, text))


def _lines(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"  {name}: {inert(text)}"


def _watch(instance: Instance) -> int:
    """Shows each question once, and asks for the decision if there is a terminal. Ends with the server, or Ctrl+C."""
    is_asking = sys.stdin is not None and sys.stdin.isatty()
    note("Waiting for questions of agents. Ctrl+C ends this." if is_asking else "Waiting for questions of agents.")
    seen: set[str] = set()
    while True:
        answer = request_approvals(instance)
        for question in _new(answer["data"], seen):
            say(card(question, answer["now"]))
            if is_asking:
                _ask(instance, question)
        time.sleep(_POLL_S)


def _new(questions: Iterable[Question], seen: set[str]) -> Iterator[Question]:
    for question in questions:
        if question["id"] not in seen:
            seen.add(question["id"])
            yield question


def _ask(instance: Instance, question: Question) -> None:
    remember = ", [c] allow for this conversation" if question["may_remember"] else ""
    choices = [choice for choice in _DECISIONS if choice != "c" or question["may_remember"]]
    note(f"[o] allow once{remember}, [r] refuse, [s] refuse and stop, [l] leave it open")
    choice = click.prompt("Your decision", type=click.Choice([*choices, "l"]), show_choices=False, err=True)
    if choice == "l":
        return
    try:
        request_decision(instance, question["id"], _DECISIONS[choice])
    except DrawbridgeError as error:
        # It may have been closed meanwhile.
        note(str(error))
    else:
        note(_OUTCOMES[_DECISIONS[choice]])
