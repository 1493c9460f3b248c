"""Creates the ASGI application: all routes over an engine."""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from fastapi import FastAPI

from server.config import Config
from server.dialects.base import Dialect
from server.dialects.common.sealed import Seal
from server.dialects.registry import DIALECTS
from server.dialects.responses.compact_endpoint import CompactEndpoint
from server.machine.files.paths import find_folders
from server.machine.version import own_version
from server.projects.folders import rules_for
from server.projects.store import ProjectStore
from server.sessions.responses import StoredResponses
from server.sessions.store import SessionStore
from server.web.agents import AgentRequests
from server.web.control.approvals import publish_questions
from server.web.control.events import publish_running
from server.web.control.parts import Parts
from server.web.control.router import control_router
from server.web.events.hub import EventHub
from server.web.exception_handlers import add_exception_handlers
from server.web.interfaces import ControlPort, Engine
from server.web.recursion import RecursionGuard
from server.web.routes.conversations.completion_status import completion_status_router
from server.web.routes.conversations.running import running_router
from server.web.routes.conversations.sessions import sessions_router
from server.web.routes.conversations.stored_responses import stored_responses_router
from server.web.routes.dialects import AnsweringParts, dialect_router
from server.web.routes.docs import docs_router
from server.web.routes.embeddings import embeddings_router
from server.web.routes.health import server_router
from server.web.routes.manual import manual_router
from server.web.routes.metrics import metrics_router
from server.web.routes.models import lmstudio_router, models_router
from server.web.routes.ollama import ollama_router
from server.web.routes.openapi import openapi_router
from server.web.routes.projects import projects_router
from server.web.routes.status_json import NAME
from server.web.routes.token_count import count_router
from server.web.routes.tools import tools_router
from server.web.running import RunningRequests
from server.web.sessions import SessionRequests

NO_PARTS = Parts()
_DESCRIPTION = """
The APIs of OpenAI (chat, Responses, completions, embeddings), Anthropic, Ollama, Azure and LM Studio, answered by
Claude through your own Claude Code sign-in. [What to type into which client](/manual/clients)

Point an OpenAI client at the base URL that ends with `/v1`, and a client of Anthropic or Ollama at the address without
it. If the server requires a key, send it as `Authorization: Bearer`, `x-api-key` or `api-key`. Errors have the format
of the API and matching statuses. Every reply carries `x-request-id`, which also marks the log lines of the request.
"""


def create_app(
    config: Config,
    engine: Engine,
    control: ControlPort | None = None,
    *,
    dialects: Sequence[Dialect] = DIALECTS,
    clock: Callable[[], float] = time.time,
    seal: Seal | None = None,
    parts: Parts = NO_PARTS,
) -> FastAPI:
    """Creates the application over `engine`. /control and the page's stop button exist only with `control`.

    `seal` seals what clients keep, for this process only unless one is given; `parts` are what the routes under
    /control and /metrics work on besides the engine.
    """
    app = FastAPI(
        title=f"{NAME} (demo)" if config.demo else NAME,
        version=own_version(),
        description=_DESCRIPTION,
        openapi_url=None,
        redirect_slashes=False,
    )
    add_exception_handlers(app)
    app.add_middleware(RecursionGuard, is_own=engine.is_own_session)
    seal = seal or Seal(secrets.token_bytes(32))
    hub = parts.hub or EventHub()
    parts = replace(parts, hub=hub)
    sessions = parts.sessions or SessionStore(lambda: engine.config, clock=clock)
    responses = StoredResponses(sessions, clock=clock)
    projects = parts.projects or _projects_in_memory(engine)
    parts = replace(parts, projects=projects)
    running = RunningRequests(publish_running(hub, clock))
    engine.approvals.watch(publish_questions(hub))
    engine.follow_sessions(sessions)
    answering = AnsweringParts(
        *(engine, clock, seal, responses, running, SessionRequests(sessions, lambda: engine.config), parts.admit),
        agents=AgentRequests(parts.projects, lambda: engine.config, engine.computer),
    )
    for dialect in (*dialects, CompactEndpoint()):
        app.include_router(dialect_router(dialect, answering))
    app.include_router(running_router(running, clock=clock))
    app.include_router(stored_responses_router(responses))
    app.include_router(completion_status_router(running, sessions, clock=clock))
    app.include_router(tools_router())
    app.include_router(sessions_router(sessions))
    app.include_router(projects_router(projects, lambda: engine.config))
    app.include_router(count_router(engine, seal=seal, responses=responses))
    created = int(clock())
    app.include_router(models_router(engine, created=created))
    app.include_router(lmstudio_router(engine))
    app.include_router(ollama_router(engine, created=created, clock=clock))
    app.include_router(embeddings_router(engine, admit=parts.admit))
    app.include_router(server_router(engine, control=control, clock=clock))
    app.include_router(metrics_router(parts.metrics, running))
    app.include_router(docs_router())
    app.include_router(manual_router())
    if control is not None:
        app.include_router(control_router(engine, control, running, parts, clock=clock))
    app.include_router(openapi_router(app))
    return app


def _projects_in_memory(engine: Engine) -> ProjectStore:
    return ProjectStore(rules=lambda: rules_for(find_folders(engine.config), engine.config.projects_root, os.environ))
