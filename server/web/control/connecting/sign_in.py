"""Signs in to Claude from the dashboard: Claude Code opens the browser, and the dashboard shows how far it is."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from server.errors import DrawbridgeError, InvalidRequest
from server.status import SignInAccount
from server.status_phrases import account_line
from server.web.control.admission import Admission
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.replies import JsonReply

logger = logging.getLogger(__name__)


@dataclass
class _Attempt:
    """The last sign-in. `state`: none, waiting, done or failed; `text` says who is signed in, or what was wrong."""

    state: str = "none"
    text: str = ""
    account: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


def sign_in_router(admission: Admission, engine: Engine) -> APIRouter:
    """The routes that begin a sign-in, tell how far it is, and cancel it. There is at most one."""
    router = APIRouter(prefix="/sign-in")
    attempt = _Attempt()

    async def run(account: SignInAccount) -> None:
        try:
            signed_in = await engine.sign_in(account, lambda _: None)
            attempt.state, attempt.text = "done", account_line(signed_in)
        except DrawbridgeError as error:
            attempt.state, attempt.text = "failed", str(error)
        except asyncio.CancelledError:
            attempt.state, attempt.text = "none", ""
            raise
        except Exception as error:
            logger.exception("the sign-in failed")
            attempt.state, attempt.text = "failed", f"{type(error).__name__}. The log has the details."

    async def cancel() -> None:
        task, attempt.task = attempt.task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def reply(*, status: int = 200) -> Response:
        return JsonReply({"state": attempt.state, "text": attempt.text, "account": attempt.account}, status=status)

    @router.get("")
    async def state(request: Request) -> Response:
        admission.page(request)
        return reply()

    @router.post("")
    async def begin(request: Request) -> Response:
        admission.page(request)
        account = _account(await json_body(request))
        # The tab of an earlier one may be closed by now.
        await cancel()
        attempt.state, attempt.text, attempt.account = "waiting", "", account
        attempt.task = asyncio.create_task(run(account))
        return reply(status=202)

    @router.delete("")
    async def end(request: Request) -> Response:
        admission.page(request)
        await cancel()
        attempt.state, attempt.text = "none", ""
        return reply()

    return router


def _account(body: object) -> SignInAccount:
    match body:
        case {"account": "console"}:
            return "console"
        case {"account": "claudeai"}:
            return "claudeai"
    raise InvalidRequest("account must be 'claudeai' or 'console'.", param="account")
