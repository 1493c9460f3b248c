"""All that answers requests, opened and closed in order: scratch folders, the launch, the pool, the account."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from server.answering import Answering
from server.answering.canned_replies import local_answer
from server.answering.circuit_breaker import Breaker
from server.claude.cli.locate import account_status, bundled_cli, cli_version, find_cli
from server.claude.cli.models import ModelShelf
from server.claude.cli.sign_in import sign_in
from server.claude.cli.usage import UsageBoard
from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.worker import Worker
from server.config import Config, Isolation
from server.conversation.events import Event
from server.conversation.models import ModelCard
from server.conversation.request import Launch, ModelRequest
from server.errors import EngineError, SignInNeeded
from server.machine.billing import NO_KEY_HINT, environment_for, has_exported_key, insisted
from server.machine.guards import Guard, clean_environment, desktop_environment, guard_for
from server.machine.paths import Folders
from server.machine.temp_folders import Scratch, open_scratch
from server.pool.plan import Limits
from server.pool.pool import Pool
from server.selfcheck.capabilities import Key, key_for
from server.selfcheck.probes import examine
from server.selfcheck.selfcheck import SelfCheck
from server.selfcheck.store import KEPT_FILE, Shelf
from server.standin.demo import open_demo
from server.status import AccountStatus, CircuitStatus, CliStatus, ModelName, SelfCheckStatus, SignInAccount, Status

logger = logging.getLogger(__name__)

ACCOUNT_KEPT_S = 10.0


class Services:
    """One server's engine. `apply` changes its settings while it runs.

    `on_change` is called, in the loop, when `status()` has become another one; who publishes it sets it.
    """

    def __init__(
        self,
        config: Config,
        *,
        environment: Mapping[str, str],
        places: Mapping[str, str],
        shelf: ModelShelf,
        verdicts: Shelf,
        carried: Path | None,
        scratch: Scratch,
        guard: Guard,
    ) -> None:
        self._config = config
        self._environment = environment
        # Where Claude Code is looked for: a demo has another home, and its user's Claude Code.
        self._places = places
        self._shelf = shelf
        self._scratch = scratch
        self._guard = guard
        self._cli = CliStatus()
        self._asked: Key | None = None
        self._account = AccountStatus(payer="demo", detail="a demo: nobody pays", signed_in=True)
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -ACCOUNT_KEPT_S
        self._started_at = time.time()
        self._era = 0
        self.on_change: Callable[[], None] = lambda: None
        self.usage = UsageBoard(on_news=self._changed)
        self._loop = asyncio.get_running_loop()
        # Until the self-check says more; see `_stand`.
        self._in_force = replace(config, isolation="process")
        self.pool: Pool[Worker] = Pool(
            self._new_worker, limits=limits_for(self._in_force), on_change=lambda _: self._changed()
        )
        self.self_check = SelfCheck(
            shelf=verdicts,
            carried=carried,
            examine=partial(examine, inherited=environment, scratch=scratch, guard=guard),
            version_of=self._version_of,
            place=self.pool.aside,
            on_change=self._stand,
        )
        self._footing = self.self_check.footing
        self.breaker = Breaker(on_change=self._changed)
        self._answering = Answering(
            pool=self.pool, config=lambda: self._in_force, cards=lambda: self._shelf.cards, breaker=self.breaker
        )
        if not config.demo:
            self._account = AccountStatus()

    @property
    def config(self) -> Config:
        """The settings in force now."""
        return self._config

    async def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        """The events of one answer; see `Answering.stream`.

        Raises `CliUnfit` where no answer would be right, and `SignInNeeded` where the settings insist on an API key and
        there is none.
        """
        if known := local_answer(turn):
            for event in known:
                yield event
            return
        await self.self_check.known()
        if self._footing.trouble is not None:
            raise self._footing.trouble.fresh()
        await self._insist_on_key()
        async with aclosing(self._answering.stream(turn)) as events:
            async for event in events:
                yield event

    async def _insist_on_key(self) -> None:
        """Nothing is asked of Claude where the plan would pay for it in spite of the settings."""
        if self._config.demo or self._config.payer != "api key" or has_exported_key(self._environment):
            return
        if self._account.payer != "api key":
            await self.refresh()
        if self._account.payer != "api key":
            raise SignInNeeded("The settings have an API key pay, and there is none.", hint=NO_KEY_HINT)

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
            account=self._account_now(),
            pool=self.pool.status(),
            models=tuple(ModelName(card.id, card.name) for card in self._shelf.cards),
            usage=self.usage.windows,
            circuits=tuple(
                CircuitStatus(circuit.cause, circuit.model, circuit.error.title, circuit.since, circuit.until)
                for circuit in self.breaker.circuits
            ),
            trouble=None if self._footing.trouble is None else str(self._footing.trouble),
            engine=SelfCheckStatus(
                checked=self._footing.is_checked,
                isolation=self._in_force.isolation,
                cli=None if self._footing.cli is None else str(self._footing.cli),
                failed=self.self_check.failed,
                words=self._footing.words,
            ),
        )

    async def account(self) -> AccountStatus:
        """Who is signed in and who pays, asked from the CLI at most every 10 s; else what was known last."""
        await self.refresh()
        return self._account_now()

    def _account_now(self) -> AccountStatus:
        # Claude Code says that somebody is signed in long after Claude's API has stopped believing it.
        if not any(circuit.cause == "sign in" for circuit in self.breaker.circuits):
            return self._account
        return replace(self._account, signed_in=False, detail=f"{self._account.detail}, but Claude refuses the sign-in")

    def apply(self, config: Config) -> None:
        """New settings: they hold for the next request, and for the pool at once."""
        is_other_payer = config.payer != self._config.payer
        is_other_cli = (config.cli_path, config.prefer_cli) != (self._config.cli_path, self._config.prefer_cli)
        self._config = config
        self.breaker.reset()
        if is_other_cli:
            self.look()
            self.pool.renew("another Claude Code is named")
        self._stand()
        if is_other_payer:
            self._account_changed()

    def look(self) -> None:
        """Finds the Claude Code at hand. One that was checked before has its footing from now on."""
        with suppress(EngineError):
            self.self_check.look(self._find_cli())

    @property
    def _isolation(self) -> Isolation:
        return "process" if self._config.isolation == "process" else self._footing.isolation

    def _stand(self) -> None:
        """Requests and processes follow the settings and the self-check from now on."""
        before, self._footing = self._footing, self.self_check.footing
        self._in_force = replace(self._config, isolation=self._isolation)
        self.pool.apply(limits_for(self._in_force))
        if (self._footing.cli, self._footing.is_private) != (before.cli, before.is_private):
            self.pool.renew("another Claude Code answers from now on, or from another folder")
        self._changed()

    async def _version_of(self, cli: Path) -> str:
        await self.refresh()
        if self._cli.path == str(cli) and self._known_version(cli) is None:
            # It has updated itself since it was asked: a verdict under its old version would be none tomorrow.
            self._asked_at = -ACCOUNT_KEPT_S
            await self.refresh()
        return self._known_version(cli) or await cli_version(cli, self._child_environment())

    def _known_version(self, cli: Path) -> str | None:
        """The version of the program at `cli` if that is the very one that was asked last; else None."""
        try:
            return self._cli.version if self._asked == key_for(cli) else None
        except OSError:
            return None

    async def sign_in(self, account: SignInAccount, on_url: Callable[[str], None]) -> AccountStatus:
        """Signs in to Claude Code in the browser; see `cli.sign_in`. The next answers are of that account."""
        # An exported key is no business of a sign-in, and the browser needs the folder of the user's session.
        environment = environment_for("plan", desktop_environment(os.environ))
        try:
            await sign_in(self._find_cli(), environment, account, on_url)
        finally:
            self._account_changed()
        return await self.account()

    def _changed(self) -> None:
        # Looked up each time: who publishes comes later than we do.
        self.on_change()

    def _account_changed(self) -> None:
        """What is known of the account is old, and so is who has booted with it."""
        self._era += 1
        self._asked_at = -ACCOUNT_KEPT_S
        self.usage.clear()
        self.breaker.reset()
        self.pool.renew("another account pays from now on")
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_cli())

    async def refresh(self) -> None:
        """Asks the CLI for its version and account, unless that was done a moment ago."""
        while self._asking is not None or time.monotonic() - self._asked_at >= ACCOUNT_KEPT_S:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask_cli())
            await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Ends what `refresh` started."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask_cli(self) -> None:
        before, era = (self._cli, self._account), self._era
        try:
            payer, environment = self._config.payer, self._child_environment()
            path = self._find_cli()
            self._cli = replace(self._cli, path=str(path))
            key = key_for(path)
            self._cli, self._asked = CliStatus(str(path), await cli_version(path, environment)), key
            account = self._account if self._config.demo else insisted(payer, await account_status(path, environment))
            if era == self._era:
                self._account = account
        except (EngineError, OSError) as error:
            logger.warning("asking Claude Code: %s", getattr(error, "message", error))
        finally:
            if era == self._era:
                self._asked_at = time.monotonic()
            self._asking = None
        if (self._cli, self._account) != before:
            self.on_change()

    def _new_worker(self) -> Worker:
        return Worker(
            self._launch,
            scratch=self._scratch,
            guard=self._guard,
            bounds=lambda: Bounds(silence_s=self._config.timeout_s),
            on_models=self._shelf.heard,
            on_limits=self._shelf.learned,
            on_usage=self.usage.heard,
            likely=lambda: self._answering.likely,
        )

    def _launch(self) -> Launch:
        """Asked in a thread. Claude Code updates itself: each process may be the first of another one."""
        environment = self._child_environment()
        cli = self._find_cli()
        self._loop.call_soon_threadsafe(self.self_check.look, cli)
        return launch_for(self._footing.cli or cli, environment, is_private=self._footing.is_private)

    def _find_cli(self) -> Path:
        config = self._config
        return find_cli(config.cli_path, self._places, newest=config.prefer_cli == "newest")

    def _child_environment(self) -> Mapping[str, str]:
        """For who answers and for who is asked about the account: both must see the same payer. A demo has its own."""
        return self._environment if self._config.demo else environment_for(self._config.payer, self._environment)


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
async def open_services(
    config: Config, folders: Folders, *, find_carried: Callable[[], Path | None] = bundled_cli
) -> AsyncIterator[Services]:
    """The services of a server, from the first spawned process to the last removed folder."""
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(open_scratch())
        environment = places = clean_environment(os.environ)
        if config.demo:
            environment = dict((await stack.enter_async_context(open_demo())).environment)
        guard = guard_for()
        stack.callback(guard.close)
        shelf = ModelShelf(folders.data / ("models-demo.json" if config.demo else "models.json"))
        services = Services(
            config,
            environment=environment,
            places=places,
            shelf=shelf,
            verdicts=Shelf(folders.data / KEPT_FILE),
            carried=find_carried(),
            scratch=scratch,
            guard=guard,
        )
        stack.push_async_callback(services.close)
        services.look()
        await stack.enter_async_context(services.pool)
        stack.push_async_callback(services.self_check.close)
        # The first process boots while this thread imports what talks to it.
        await asyncio.to_thread(_import_the_engine)
        asking = asyncio.create_task(services.refresh())
        stack.callback(asking.cancel)
        services.self_check.open()
        yield services


def _import_the_engine() -> None:
    import server.claude.worker.session  # noqa: F401 - for its effect: the first request does not wait for the import
