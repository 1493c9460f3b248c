"""All that answers requests, opened and closed in order: scratch folders, the launch, the pool, the account."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from server.answering import Answering
from server.claude.cli import account_status, cli_version, find_cli
from server.claude.client import Worker
from server.claude.launch import launch_for
from server.claude.models import ModelShelf
from server.claude.process import Bounds
from server.config import Config
from server.demo import open_demo
from server.dialogue import Event, Launch, ModelCard, Turn
from server.errors import EngineError
from server.machine.paths import Folders
from server.machine.processes import Guard, clean_environment, guard_for
from server.machine.scratch import Scratch, open_scratch
from server.pool.plan import Limits
from server.pool.pool import Pool
from server.status import AccountStatus, CliStatus, Status

logger = logging.getLogger(__name__)

ACCOUNT_KEPT_S = 10.0


class Services:
    """One server's engine. `apply` changes its settings while it runs."""

    def __init__(
        self, config: Config, *, environment: Mapping[str, str], shelf: ModelShelf, scratch: Scratch, guard: Guard
    ) -> None:
        self._config = config
        self._environment = environment
        self._shelf = shelf
        self._scratch = scratch
        self._guard = guard
        self._cli = CliStatus()
        self._account = AccountStatus(payer="demo", detail="a demo: nobody pays", signed_in=True)
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -ACCOUNT_KEPT_S
        self._started_at = time.time()
        self.pool: Pool[Worker] = Pool(self._new_worker, limits=limits_for(config))
        self._answering = Answering(pool=self.pool, config=lambda: self._config, cards=lambda: self._shelf.cards)
        if not config.demo:
            self._account = AccountStatus()

    @property
    def config(self) -> Config:
        """The settings in force now."""
        return self._config

    def stream(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """The events of one answer; see `Answering.stream`."""
        return self._answering.stream(turn)

    async def models(self) -> tuple[ModelCard, ...]:
        """The models of this account, as Claude Code last listed them."""
        return self._shelf.cards

    def status(self) -> Status:
        """What is known now; asks nobody and waits for nothing. The runner adds the addresses."""
        return Status(
            model=self._config.model,
            demo=self._config.demo,
            key_required=self._config.api_key is not None,
            started_at=self._started_at,
            cli=self._cli,
            account=self._account,
            pool=self.pool.status(),
        )

    async def account(self) -> AccountStatus:
        """Who is signed in and who pays, asked from the CLI at most every 10 s; else what was known last."""
        await self.refresh()
        return self._account

    def apply(self, config: Config) -> None:
        """New settings: they hold for the next request, and for the pool at once."""
        self._config = config
        self.pool.apply(limits_for(config))

    async def refresh(self) -> None:
        """Asks the CLI for its version and account, unless that was done a moment ago."""
        if self._asking is None and time.monotonic() - self._asked_at >= ACCOUNT_KEPT_S:
            self._asking = asyncio.create_task(self._ask_cli())
        if self._asking is not None:
            await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Ends what `refresh` started."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask_cli(self) -> None:
        try:
            path = find_cli(self._config.cli_path, self._environment)
            self._cli = replace(self._cli, path=str(path))
            self._cli = CliStatus(str(path), await cli_version(path, self._environment))
            if not self._config.demo:
                self._account = await account_status(path, self._environment)
        except EngineError as error:
            logger.warning("asking Claude Code: %s", error.message)
        finally:
            self._asked_at = time.monotonic()
            self._asking = None

    def _new_worker(self) -> Worker:
        return Worker(
            self._launch,
            scratch=self._scratch,
            guard=self._guard,
            bounds=lambda: Bounds(silence_s=self._config.timeout_s),
            on_models=self._shelf.heard,
            on_limits=self._shelf.learned,
        )

    def _launch(self) -> Launch:
        return launch_for(find_cli(self._config.cli_path, self._environment), self._environment)


def limits_for(config: Config) -> Limits:
    """The pool's limits, from the settings."""
    return Limits(
        size=config.pool_size,
        max_waiting=config.max_waiting,
        queue_timeout_s=config.queue_timeout_s,
        idle_shrink_s=config.idle_shrink_s,
        isolation=config.isolation,
    )


@asynccontextmanager
async def open_services(config: Config, folders: Folders) -> AsyncIterator[Services]:
    """The services of a server, from the first spawned process to the last removed folder."""
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(open_scratch())
        environment = clean_environment(os.environ)
        if config.demo:
            environment = dict((await stack.enter_async_context(open_demo())).environment)
        guard = guard_for()
        stack.callback(guard.close)
        shelf = ModelShelf(folders.data / ("models-demo.json" if config.demo else "models.json"))
        services = Services(config, environment=environment, shelf=shelf, scratch=scratch, guard=guard)
        stack.push_async_callback(services.close)
        await stack.enter_async_context(services.pool)
        # The first process boots while this thread imports what talks to it.
        await asyncio.to_thread(_import_the_engine)
        asking = asyncio.create_task(services.refresh())
        stack.callback(asking.cancel)
        yield services


def _import_the_engine() -> None:
    import server.claude.session  # noqa: F401 - for its effect: the first request does not wait for the import
