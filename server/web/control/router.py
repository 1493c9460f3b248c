"""Puts the routes under /control together."""

import time
from collections.abc import Callable

from fastapi import APIRouter

from server.web.control.admission import Admission
from server.web.control.approvals import approvals_router
from server.web.control.computer import computer_router
from server.web.control.connecting.clients import clients_router
from server.web.control.connecting.cursor import cursor_router
from server.web.control.connecting.phone import phone_router
from server.web.control.connecting.sign_in import sign_in_router
from server.web.control.connecting.tunnel import tunnel_router
from server.web.control.events import events_router
from server.web.control.extra_usage import extra_usage_router
from server.web.control.keys import keys_router
from server.web.control.parts import Parts
from server.web.control.projects import projects_control_router
from server.web.control.records.contents import contents_router, kept_request_router
from server.web.control.records.journal import JournalReader, journal_router
from server.web.control.records.usage import usage_router
from server.web.control.session import session_router
from server.web.control.settings import settings_router
from server.web.control.status import status_router
from server.web.interfaces import ControlPort, Engine
from server.web.running import RunningRequests


def control_router(
    engine: Engine,
    control: ControlPort,
    running: RunningRequests,
    parts: Parts,
    *,
    clock: Callable[[], float] = time.time,
) -> APIRouter:
    """The routes under /control, which are for our own page and commands and not in the API's document."""
    router = APIRouter(prefix="/control", include_in_schema=False)
    admission = Admission(control)
    router.include_router(session_router(admission, clock=clock))
    router.include_router(status_router(admission, engine, running, clock=clock))
    reader = JournalReader(parts.journal)
    router.include_router(journal_router(admission, reader))
    router.include_router(usage_router(admission, reader, clock=clock))
    router.include_router(extra_usage_router(admission, engine))
    router.include_router(contents_router(admission, parts.contents))
    router.include_router(kept_request_router(admission, engine, reader, parts.contents))
    router.include_router(approvals_router(admission, engine, running, clock=clock))
    router.include_router(computer_router(admission, engine))
    router.include_router(events_router(admission, engine, running, parts, clock=clock))
    router.include_router(clients_router(admission, engine, parts, running, clock=clock))
    router.include_router(sign_in_router(admission, engine))
    router.include_router(settings_router(admission, engine, parts))
    router.include_router(keys_router(admission, engine, parts))
    router.include_router(projects_control_router(admission, engine, parts))
    router.include_router(tunnel_router(admission, engine, parts))
    router.include_router(phone_router(admission, engine, parts))
    router.include_router(cursor_router(admission, engine))
    return router
