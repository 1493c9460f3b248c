"""Answers Claude Code's questions about calls: by the project's rules, and by the person at the computer."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from server.agents.asking.details import detail_of, key_of
from server.agents.asking.questions import LIMIT_S, Approvals, Question
from server.agents.rules.hook import NO_OTHERS, Judgement, OtherTools, judged
from server.agents.rules.launch import SECRET_VARIABLES
from server.claude.protocol.frames import Frame
from server.errors import DrawbridgeError, RequestStopped
from server.projects.project import Project

logger = logging.getLogger(__name__)

_UNANSWERED = (
    "There was no decision within five minutes, so this was not allowed."
    " Continue without it, or say what you need and why."
)
_REFUSED = "The user does not allow this. Go on without it, or ask the user what to do instead."
_STOPPED = "The user does not allow this and stopped the answer."
# Before each command that runs without a sandbox.
_UNSET = f"unset {' '.join(SECRET_VARIABLES)}\n"


@dataclass(slots=True)
class Answering:
    """The answer that is given now: whose it is, and how to end it. `check` raises if it has reached a limit."""

    owner: str
    request_id: str
    check: Callable[[], Awaitable[None]]
    fail: Callable[[DrawbridgeError], None]


@dataclass(slots=True)
class CallPermissions:
    """The questions of one process. `post` writes an answer to it; `answering` is None between two answers.

    What was allowed for the conversation is remembered exactly: the same command, or the same file for the same tool.
    """

    project: Project
    approvals: Approvals | None
    is_sandboxed: bool
    others: OtherTools = NO_OTHERS
    post: Callable[[Frame], None] = lambda _: None
    answering: Answering | None = None
    _allowed: set[tuple[str, str]] = field(default_factory=set)
    _open: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def take(self, frame: Frame) -> bool:
        """Handles a control request of Claude Code. Returns False for one that is not about a call."""
        request_id = str(frame.get("request_id"))
        if frame.get("type") == "control_cancel_request":
            task = self._open.get(request_id)
            if task is not None:
                task.cancel()
            return task is not None
        request = frame.get("request")
        if not isinstance(request, dict):
            return False
        handlers = {"hook_callback": self._judge, "can_use_tool": self._ask}
        handler = handlers.get(str(request.get("subtype")))
        if handler is None:
            return False
        task = asyncio.get_running_loop().create_task(self._handled(handler, request_id, request))
        self._open[request_id] = task
        task.add_done_callback(lambda _: self._open.pop(request_id, None))
        return True

    async def close(self) -> None:
        """Withdraws all questions."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _handled(
        self,
        handler: Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]],
        request_id: str,
        request: Mapping[str, object],
    ) -> None:
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            raise
        except Exception:
            # Without an answer Claude Code would wait, or go on by itself.
            logger.exception("cannot decide about a call of an agent")
            response = _hook_answer(Judgement("deny", "Drawbridge could not decide about this call."))
            if request.get("subtype") == "can_use_tool":
                response = {"behavior": "deny", "message": "Drawbridge could not decide about this call."}
        self.post(
            {
                "type": "control_response",
                "response": {"subtype": "success", "request_id": request_id, "response": response},
            }
        )

    async def _judge(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """The hook's answer, before each call."""
        event = request.get("input")
        event = event if isinstance(event, dict) else {}
        tool, given = str(event.get("tool_name")), event.get("tool_input")
        given = given if isinstance(given, dict) else {}
        judgement = await asyncio.to_thread(
            judged, self.project, tool, given, is_sandboxed=self.is_sandboxed, others=self.others
        )
        if self.answering is not None and judgement.verdict != "deny":
            try:
                await self.answering.check()
            except DrawbridgeError as error:
                self.answering.fail(error)
                # With any answer Claude Code would send another request. This wait ends with the process.
                await asyncio.Event().wait()
        changed: Mapping[str, object] | None = None
        if judgement.verdict != "deny" and key_of(tool, given) in self._allowed:
            judgement = Judgement("allow", "The user has allowed this for the conversation.")
            changed = self._input(tool, given)
        # Never what is in the call: commands and files belong to the user.
        logger.info(
            "agent in %r: %s%s", self.project.name, tool, f" ({judgement.verdict})" if judgement.verdict else ""
        )
        return _hook_answer(judgement, changed)

    async def _ask(self, request: Mapping[str, object]) -> Mapping[str, object]:
        """The person's answer to a question of Claude Code."""
        tool, given = str(request.get("tool_name")), request.get("input")
        given = _as_asked(tool, given if isinstance(given, dict) else {})
        # Claude Code asks about a call whose input the hook has changed, although the hook allows it.
        if key_of(tool, given) in self._allowed:
            return {"behavior": "allow", "updatedInput": self._input(tool, given)}
        if self.approvals is None or self.answering is None:
            return {"behavior": "deny", "message": "No one can be asked, so this is not allowed."}
        now = time.time()
        question = Question(
            id=secrets.token_hex(8),
            owner=self.answering.owner,
            request_id=self.answering.request_id,
            project=self.project.name,
            tool=tool,
            description=str(request.get("description") or given.get("description") or ""),
            detail=await asyncio.to_thread(detail_of, tool, given, self.project.folder),
            reason=str(request.get("decision_reason") or ""),
            path=str(request.get("blocked_path") or given.get("file_path") or self.project.folder),
            may_remember=key_of(tool, given) is not None,
            asked_at=now,
            expires_at=now + LIMIT_S,
        )
        decision = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LIMIT_S):
                    decision = await self.approvals.ask(question)
        except DrawbridgeError as error:
            return {"behavior": "deny", "message": str(error)}
        logger.info("agent in %r: %s: %s", self.project.name, tool, decision or "not answered")
        if decision == "stop":
            self.answering.fail(RequestStopped())
            return {"behavior": "deny", "message": _STOPPED, "interrupt": True}
        if decision in {"once", "conversation"}:
            if decision == "conversation" and (key := key_of(tool, given)) is not None:
                self._allowed.add(key)
            return {"behavior": "allow", "updatedInput": self._input(tool, given)}
        return {"behavior": "deny", "message": _UNANSWERED if decision is None else _REFUSED}

    def _input(self, tool: str, given: Mapping[str, object]) -> Mapping[str, object]:
        """What runs: an unsandboxed command first drops the variables that lead to an account."""
        if tool != "Bash" or self.is_sandboxed:
            return given
        return {**given, "command": f"{_UNSET}{given.get('command', '')}"}


def _as_asked(tool: str, given: Mapping[str, object]) -> Mapping[str, object]:
    """The input of the call before the hook changed it."""
    command = given.get("command")
    return {**given, "command": command.removeprefix(_UNSET)} if tool == "Bash" and isinstance(command, str) else given


def _hook_answer(judgement: Judgement, changed: Mapping[str, object] | None = None) -> Mapping[str, object]:
    if not judgement.verdict:
        return {}
    answer = {
        "hookEventName": "PreToolUse",
        "permissionDecision": judgement.verdict,
        "permissionDecisionReason": judgement.reason,
    }
    return {"hookSpecificOutput": answer | ({} if changed is None else {"updatedInput": changed})}
