"""Creates the ASGI application: all routes over an engine."""

import secrets
import time
from collections.abc import Callable, Sequence

from fastapi import FastAPI

from server.config import Config
from server.dialects.base import Dialect
from server.dialects.common.response_store import MemoryStore, ResponseStore
from server.dialects.common.sealed import Seal
from server.dialects.registry import DIALECTS
from server.dialects.responses.compact_endpoint import CompactEndpoint
from server.machine.version import own_version
from server.web.exception_handlers import add_exception_handlers
from server.web.interfaces import ControlPort, Engine
from server.web.recursion import RecursionGuard
from server.web.routes.control import control_router
from server.web.routes.dialects import dialect_router
from server.web.routes.docs import docs_router
from server.web.routes.embeddings import embeddings_router
from server.web.routes.health import server_router
from server.web.routes.manual import manual_router
from server.web.routes.models import lmstudio_router, models_router
from server.web.routes.ollama import ollama_router
from server.web.routes.openapi import openapi_router
from server.web.routes.running import running_router
from server.web.routes.status_json import NAME
from server.web.routes.stored_responses import stored_responses_router
from server.web.routes.token_count import count_router
from server.web.running import RunningRequests

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
    store: ResponseStore | None = None,
) -> FastAPI:
    """Creates the application over `engine`. /control and the page's stop button exist only with `control`.

    `seal` seals what clients keep, for this process only unless one is given; `store` keeps responses.
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
    store = store or MemoryStore(clock=clock)
    running = RunningRequests()
    for dialect in (*dialects, CompactEndpoint()):
        app.include_router(dialect_router(dialect, engine, clock=clock, seal=seal, store=store, running=running))
    app.include_router(running_router(running, clock=clock))
    app.include_router(stored_responses_router(store))
    app.include_router(count_router(engine, seal=seal, store=store))
    created = int(clock())
    app.include_router(models_router(engine, created=created))
    app.include_router(lmstudio_router(engine))
    app.include_router(ollama_router(engine, created=created, clock=clock))
    app.include_router(embeddings_router(engine))
    app.include_router(server_router(engine, control=control, clock=clock))
    app.include_router(docs_router())
    app.include_router(manual_router())
    if control is not None:
        app.include_router(control_router(engine, control, running, clock=clock))
    app.include_router(openapi_router(app))
    return app
