"""The warm-up of an unused process: questions that a stand-in answers, so that the first request finds warm code."""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from server.claude.worker.process import Bounds, CliProcess
from server.errors import EngineError, UnexpectedOutput, WorkerDied

logger = logging.getLogger(__name__)

# Later ones change little. A side question is not part of the conversation, and may be asked before `initialize`.
QUESTIONS = 4
_QUESTION = "Hello?"
# Claude Code remembers for each model which headers to send, and they depend on the address. So it must be a model that
# no request uses.
MODEL = "claude-drawbridge-warm-up"
_KEY, _ADDRESS = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
_MODEL_NAMES = re.compile(r"ANTHROPIC_.*MODEL.*")
# Variables of Claude Code that select credentials or an address.
_ROUTING = re.compile(r"CLAUDE_CODE_.*(TOKEN(?!S)|KEY|URL|USE_|DESCRIPTOR|SOCKET|HOST|PROXY|HELPER|REMOTE).*")


@dataclass(frozen=True, slots=True)
class Detour:
    """The address of the stand-in (`away`), and the one before (`back`). `answer` is what only our stand-in answers."""

    away: str
    back: str
    answer: str = field(repr=False)


def detour_for(environment: Mapping[str, str], *, url: str, answer: str) -> Detour | None:
    """The detour of a process with this environment to the stand-in at `url`.

    None unless an API key pays: the questions would carry the token of a sign-in. With a placeholder key in its place,
    the next request with the sign-in may lack the `anthropic-beta` value that the API requires for it. None also where
    the questions might go elsewhere: another provider, other credentials, a proxy for loopback.
    """
    given = {name.upper(): value for name, value in environment.items() if value}
    known = {_KEY, _ADDRESS}
    if _KEY not in given or any(_ROUTING.fullmatch(name) for name in given):
        return None
    if any(name.startswith("ANTHROPIC_") and name not in known and not _MODEL_NAMES.fullmatch(name) for name in given):
        return None
    if _PROXIES & given.keys() and "127.0.0.1" not in given.get("NO_PROXY", ""):
        return None
    # Empty counts as unset. Null would set the text "null".
    return Detour(url, given.get(_ADDRESS, ""), answer)


class WarmUp:
    """One warm-up of an unused process, which then is as before. `run` in a task; `end` before a request uses it.

    `model` is the setting of the process.
    """

    def __init__(self, process: CliProcess, detour: Detour, bounds: Callable[[], Bounds], model: str | None) -> None:
        self._process = process
        self._detour = detour
        self._model = model
        self._bounds = bounds
        self._is_wanted = False
        self._is_over = asyncio.Event()
        self.is_good = False

    async def run(self) -> None:
        """Asks the questions until the process is wanted. `is_good`: the process is as before and may be used."""
        try:
            await self._set(self._detour.away, MODEL)
            for _ in range(QUESTIONS):
                if self._is_wanted:
                    break
                answer = await self._control("side_question", question=_QUESTION)
                if str(answer.get("response")).strip() != self._detour.answer:
                    raise UnexpectedOutput("The question of a warm-up was not answered by the stand-in.")
            # Only now: a question that is not sent yet would go to Claude's API.
            await self._set(self._detour.back, self._model)
            self.is_good = True
        except EngineError as error:
            logger.info("worker %s was not warmed up: %s", self._process.pid, error.message)
        finally:
            self._is_over.set()

    async def end(self) -> None:
        """Ends the warm-up after the question in progress. Raises `WorkerDied` if the process must not be used."""
        self._is_wanted = True
        await self._is_over.wait()
        if not self.is_good:
            raise WorkerDied

    async def is_over(self) -> None:
        """Returns when `run` has ended."""
        await self._is_over.wait()

    async def _set(self, address: str, model: str | None) -> None:
        await self._control("apply_flag_settings", settings={"model": model, "env": {_ADDRESS: address}})

    async def _control(self, subtype: str, **fields: object) -> dict[str, object]:
        return await self._process.control(subtype, timeout_s=self._bounds().control_s, **fields)
