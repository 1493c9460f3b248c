"""The questions of agents: what waits for the user, and the decisions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import get_args

from fastapi import APIRouter, Request, Response

from server.agents.asking.approvals import Change, QuestionClosed
from server.agents.asking.questions import Decision, Question
from server.errors import InvalidRequest
from server.web.control.admission import Admission
from server.web.events.hub import EventHub
from server.web.interfaces import Engine
from server.web.journaling import Entry
from server.web.json_body import json_body
from server.web.replies import JsonReply, error_response
from server.web.running import RunningRequests

DECISIONS: tuple[Decision, ...] = get_args(Decision)


def approvals_router(
    admission: Admission, engine: Engine, running: RunningRequests, *, clock: Callable[[], float] = time.time
) -> APIRouter:
    """The routes over the open questions of `engine`; `running` has the requests that ask."""
    router = APIRouter()

    @router.get("/approvals")
    async def waiting(request: Request) -> Response:
        admission.page(request)
        approvals = engine.approvals
        asking = {entry.record.id: entry for entry in running.of(None)}
        data = [question_json(question, asking) for question in approvals.open_questions()]
        return JsonReply({"data": data, "now": clock(), "limit_s": approvals.limit_s})

    @router.post("/approvals/{question_id}")
    async def decide(request: Request, question_id: str) -> Response:
        admission.page(request)
        decision = _decision_in(await json_body(request))
        try:
            engine.approvals.decide(question_id, decision)
        except QuestionClosed as error:
            reply = error_response(error, request.scope)
            reply.status_code = 409
            return reply
        return JsonReply({"id": question_id, "decision": decision})

    return router


def question_json(question: Question, asking: Mapping[str, Entry]) -> dict[str, object]:
    """An open question as JSON, with the app and the name of its access key if the request is among those `asking`."""
    entry = asking.get(question.request_id)
    shown = {name: value for name, value in asdict(question).items() if name != "owner"}
    return {
        **shown,
        "app": None if entry is None else entry.record.app,
        "key": None if entry is None else entry.record.key,
    }


def publish_questions(hub: EventHub) -> Callable[[Change], None]:
    """What `OpenQuestions` calls when a question is opened or closed. The event has no contents: the hub keeps it."""

    def publish(change: Change) -> None:
        phase = "opened" if change.outcome is None else "closed"
        hub.publish("approval", {"phase": phase, "id": change.question.id, "outcome": change.outcome})

    return publish


def _decision_in(body: object) -> Decision:
    given = body.get("decision") if isinstance(body, dict) else None
    for decision in DECISIONS:
        if given == decision:
            return decision
    raise InvalidRequest(f'"decision" must be one of: {", ".join(DECISIONS)}.', param="decision")
