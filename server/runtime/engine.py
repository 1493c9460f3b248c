"""Everything behind HTTP, opened and closed in order: temporary folders, process launch, pool, self-check, account."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from pathlib import Path

from server.agents.agents import Agents
from server.agents.asking.approvals import OpenQuestions
from server.agents.conversations.conversation import ProcessContext
from server.agents.running.process import Reports
from server.answering import Answering
from server.answering.circuit_breaker import CircuitBreaker
from server.answering.extra_usage import ExtraUsage
from server.answering.model_routing import with_aliases
from server.claude.cli.locate import bundled_cli, find_cli
from server.claude.cli.models import ModelCache
from server.claude.cli.sign_in import sign_in
from server.claude.cli.usage import UsageBoard
from server.claude.worker.launch import SMALL, launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.warm_ups import WarmUps
from server.claude.worker.worker import Worker
from server.config import Config, Isolation
from server.conversation.events import Event
from server.conversation.models import ModelCard
from server.conversation.request import Launch, ModelRequest
from server.embeddings import Embedder
from server.errors import DrawbridgeError, EngineError, SignInNeeded
from server.machine.billing import NO_KEY_HINT, has_exported_key
from server.machine.credentials import Refusal, refusal_of
from server.machine.files.paths import Folders
from server.machine.files.temp_folders import Scratch, open_scratch
from server.machine.keychain import EMBEDDINGS_KEY, stored_key
from server.machine.processes.environment import clean_environment
from server.machine.processes.guards import Guard, guard_for
from server.pool.pool import Pool
from server.runtime.account import AccountCache, explained
from server.runtime.child_environments import ChildEnvironments
from server.runtime.limits import limits_for
from server.runtime.own_sessions import OwnSessions
from server.runtime.services.agents import Launching, new_agents
from server.runtime.services.computer import new_computer_use
from server.selfcheck.fallback import ServingMode
from server.selfcheck.probes import run_probes
from server.selfcheck.selfcheck import SelfCheck
from server.selfcheck.store import STORE_FILE, ResultStore
from server.sessions.store import SessionStore
from server.standin.demo import open_demo
from server.status import AccountStatus, ModelName, SelfCheckStatus, Serving, SignInAccount, Status

logger = logging.getLogger(__name__)


class Engine:
    """Implements `server.web.interfaces.Engine` with a pool of Claude Code processes."""

    def __init__(
        self,
        config: Config,
        *,
        environment: Mapping[str, str],
        search_environment: Mapping[str, str],
        models: ModelCache,
        results: ResultStore,
        bundled: Path | None,
        scratch: Scratch,
        guard: Guard,
        embeddings_key: Callable[[], str | None],
        kept_agents: Path,
        private_folders: tuple[Path, ...] = (),
    ) -> None:
        """`private_folders`: Drawbridge's own, which no command of an agent may read.

        `kept_agents`: where the conversations of agents are kept.
        """
        self._config = config
        self.embedder = Embedder(lambda: self._config, embeddings_key)
        self._environments = ChildEnvironments(environment, lambda: self._config)
        # Where Claude Code is searched: a demo has another HOME, but runs the user's Claude Code.
        self._search_environment = search_environment
        self._models = models
        self._scratch = scratch
        self._guard = guard
        self._started_at = time.time()
        self._loop = asyncio.get_running_loop()
        self.on_change: Callable[[], None] = lambda: None
        self._serving = Serving()
        self._sessions = OwnSessions()
        self.approvals = OpenQuestions()
        self.approvals.watch(lambda _: self._changed())
        self.computer = new_computer_use(lambda: self._config, self.approvals, self._changed)
        self.usage = UsageBoard(on_change=self._changed)
        self.extra_usage = ExtraUsage(lambda: self._config.on_extra_usage == "stop", on_change=self._changed)
        self._account = AccountCache(
            config=lambda: self._config,
            find_cli=self._find_cli,
            environment=self._environments.answering,
            on_change=self._changed,
        )
        # A process for each conversation until the self-check has passed; see `_reconfigure`.
        self._in_force = replace(config, isolation="process")
        self.pool: Pool[Worker] = Pool(
            self._new_worker, limits=limits_for(self._in_force), on_change=lambda _: self._changed()
        )
        self.self_check = self._new_self_check(results, bundled, environment)
        self._mode = self.self_check.mode
        self._warm_ups = WarmUps()
        self.breaker = CircuitBreaker(on_change=self._changed)
        self._answering = self._new_answering()
        self.agents = self._new_agents(kept_agents, (*private_folders, scratch.root))

    def _new_self_check(self, results: ResultStore, bundled: Path | None, inherited: Mapping[str, str]) -> SelfCheck:
        return SelfCheck(
            store=results,
            bundled=bundled,
            run_probes=partial(run_probes, inherited=inherited, scratch=self._scratch, guard=self._guard),
            version_of=self._account.version_of,
            open_slot=self.pool.reserve_place,
            on_change=self._reconfigure,
        )

    def _new_answering(self) -> Answering:
        return Answering(
            pool=self.pool,
            config=lambda: self._in_force,
            cards=lambda: self._models.cards,
            breaker=self.breaker,
            extra_usage=self.extra_usage,
            admit=self._admit,
            explain=self._explain,
            is_live=lambda: self._mode.is_live,
        )

    def _new_agents(self, kept: Path, hidden: tuple[Path, ...]) -> Agents:
        """`hidden`: folders that no command of an agent may read."""
        reports = Reports(self.usage.update, self.extra_usage.observe, self._sessions.note)
        return new_agents(
            Launching(self._find_cli, self._environments.answering, lambda: self._mode, hidden),
            ProcessContext(lambda: self._in_force, self._scratch, self._guard, reports),
            cards=lambda: self._models.cards,
            answering=self._answering,
            approvals=self.approvals,
            admit=self._admit,
            explain=self._explain,
            computer=lambda: self.computer.session,
            kept=kept,
        )

    def follow_sessions(self, sessions: SessionStore) -> None:
        """Forgets an agent's conversation when its session in `sessions` is deleted or has expired."""
        self.agents.sessions, sessions.on_delete = sessions, self.agents.forget

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._config

    @property
    def serving(self) -> Serving:
        """The server's state and addresses, which the runner sets."""
        return self._serving

    @serving.setter
    def serving(self, serving: Serving) -> None:
        self._serving = serving
        if self._environments.update(serving.own_addresses):
            self.pool.renew("the server's address has changed, and the environment names it")
            self._account.invalidate()

    def is_own_session(self, session: str, /) -> bool:
        """Whether `session` is the id of a session of our own Claude Code processes."""
        return session in self._sessions

    def stream(self, request: ModelRequest, /) -> AsyncGenerator[Event, None]:
        """Streams the answer; see `Answering.stream` and, for a request with `work`, `Agents.stream`."""
        return self._answering.stream(request) if request.work is None else self.agents.stream(request, request.work)

    async def _admit(self) -> None:
        """Waits for the self-check. Raises `CliUnfit` if it failed, `SignInNeeded` if the required API key is missing.

        Without the latter the plan would pay although the settings say "api key".
        """
        await self.self_check.decided()
        if self._mode.error is not None:
            raise self._mode.error.fresh()
        if self._config.demo or self._config.payer != "api key" or has_exported_key(self._environments.answering()):
            return
        if self._account.account.payer != "api key":
            await self._account.refresh()
        if self._account.account.payer != "api key":
            raise SignInNeeded("The settings say to bill an API key, but none is set.", hint=NO_KEY_HINT)

    async def models(self) -> tuple[ModelCard, ...]:
        """Returns the models of this account, as Claude Code last listed them, and the user's aliases."""
        return with_aliases(self._models.cards, self._config)

    def status(self) -> Status:
        """Returns what is known now, without waiting."""
        return Status(
            **{field.name: getattr(self.serving, field.name) for field in fields(Serving)},
            model=self._config.model,
            demo=self._config.demo,
            key_required=self._config.local_key is not None,
            started_at=self._started_at,
            cli=self._account.cli,
            account=self._account_now(),
            pool=self.pool.status(),
            models=tuple(ModelName(card.id, card.name, card.resolved) for card in self._models.cards),
            usage=self.usage.windows,
            extra_usage=self.extra_usage.status,
            circuits=self.breaker.status,
            trouble=None if self._mode.error is None else str(self._mode.error),
            own_address=self._environments.own,
            approvals=self.approvals.status,
            computer=self.computer.status,
            engine=SelfCheckStatus(
                checked=self._mode.is_checked,
                isolation=self._in_force.isolation,
                cli=None if self._mode.cli is None else str(self._mode.cli),
                failed=self.self_check.failed,
                words=self._mode.summary,
            ),
        )

    def allow_extra_usage(self, *, is_allowed: bool = True) -> None:
        """Continues with paid extra usage until the plan resets, although the settings say to stop; or stops again."""
        change = self.extra_usage.allow if is_allowed else self.extra_usage.withdraw
        change()

    async def account(self) -> AccountStatus:
        """Asks Claude Code for the account, at most every 10 s; if that fails, returns the last known one."""
        await self._account.refresh()
        return self._account_now()

    def _account_now(self) -> AccountStatus:
        account = self._account.account
        # Claude Code reports a sign-in long after Claude's API has stopped accepting it.
        if not any(circuit.cause == "sign in" for circuit in self.breaker.circuits):
            return account
        if (refusal := self._refusal()) is not None:
            return replace(account, refused=refusal.title, cure=refusal.cure)
        return replace(account, signed_in=False, detail=f"{account.detail}, but Claude rejects the sign-in")

    def _refusal(self) -> Refusal | None:
        return None if self._config.demo else refusal_of(self._account.account, self._environments.answering())

    def _explain(self, error: DrawbridgeError) -> DrawbridgeError:
        """Names credentials that Claude's API refuses, if a sign-in would not help."""
        return explained(error, self._refusal)

    async def sign_in(self, account: SignInAccount, on_url: Callable[[str], None], /) -> AccountStatus:
        """Signs in to Claude Code in the browser; see `cli.sign_in`. Later answers use that account."""
        try:
            await sign_in(self._find_cli(), self._environments.signing_in(), account, on_url)
        finally:
            self._account_changed()
        return await self.account()

    def apply(self, config: Config) -> None:
        """Changes the settings: for the pool at once, for requests from the next one on."""
        is_other_payer = config.payer != self._config.payer
        is_stopping = config.on_extra_usage == "stop" != self._config.on_extra_usage
        is_other_memory = config.memory != self._config.memory
        is_other_cli = (config.cli_path, config.prefer_cli) != (self._config.cli_path, self._config.prefer_cli)
        self._config = config
        self.breaker.reset()
        self.computer.follow_settings()
        if is_other_cli:
            self.find_cli()
            self.pool.renew("the settings select another Claude Code")
        if is_stopping:
            self.extra_usage.withdraw()
        if self._environments.update():
            self.pool.renew("the settings change the proxy")
            self._account.invalidate()
        if is_other_memory:
            self.pool.renew("the settings change the memory of processes")
        self._reconfigure()
        if is_other_payer:
            self._account_changed()
        self.agents.follow_settings()

    def find_cli(self) -> None:
        """Finds the installed Claude Code. One that was checked before is used at once."""
        with suppress(EngineError):
            self.self_check.use(self._find_cli())

    async def open(self, stack: AsyncExitStack) -> None:
        """Starts the pool, the self-check and the first account query; `stack` ends them."""
        stack.push_async_callback(self._account.close)
        stack.callback(self.embedder.close)
        self.find_cli()
        stack.push_async_callback(self._warm_ups.close)
        stack.push_async_callback(self.agents.close)
        stack.push_async_callback(self.computer.close)
        await stack.enter_async_context(self.pool)
        stack.push_async_callback(self.self_check.close)
        # The first process boots while a thread imports the SDK.
        await asyncio.to_thread(import_module, "server.claude.worker.session")
        for task in (self._account.refresh(), self.agents.keep_tidy()):
            stack.callback(asyncio.create_task(task).cancel)
        self.self_check.open()

    def _reconfigure(self) -> None:
        """Applies the settings and the self-check's result to requests and processes."""
        before, self._mode = self._mode, self.self_check.mode
        self._in_force = replace(self._config, isolation=self._isolation)
        warms = self._config.warm_spares and self._mode.may_warm_up
        limits = limits_for(self._in_force)
        self.pool.apply(replace(limits, keeps_spare=not self._mode.is_live, warms_spares=warms))
        if _launch_of(self._mode) != _launch_of(before):
            self.pool.renew("processes are started in another way from now on")
        self._changed()

    @property
    def _isolation(self) -> Isolation:
        return "process" if self._config.isolation == "process" else self._mode.isolation

    def _changed(self) -> None:
        # Looked up on each call: the runner replaces `on_change`.
        self.on_change()

    def _account_changed(self) -> None:
        """Drops everything that belongs to the earlier account, including the processes booted with it."""
        self.usage.clear()
        self.extra_usage.clear()
        self.breaker.reset()
        self.pool.renew("another account is used from now on")
        self.agents.release()
        self._account.invalidate()

    def _new_worker(self) -> Worker:
        return Worker(
            self._launch,
            scratch=self._scratch,
            guard=self._guard,
            bounds=lambda: Bounds(silence_s=self._config.timeout_s),
            on_models=self._models.set_cards,
            on_limits=self._models.set_limits,
            on_usage=self.usage.update,
            on_extra_usage=self.extra_usage.observe,
            on_session=self._sessions.note,
            likely=lambda: self._answering.likely,
            warm_ups=self._warm_ups,
        )

    def _launch(self) -> Launch:
        """Called in a thread. Claude Code updates itself, so each process may be the first of a new version."""
        environment = {**self._environments.answering(), **(SMALL if self._config.memory == "small" else {})}
        cli = self._find_cli()
        self._loop.call_soon_threadsafe(self.self_check.use, cli)
        return launch_for(
            self._mode.cli or cli, environment, is_private=self._mode.is_private, is_live=self._mode.is_live
        )

    def _find_cli(self) -> Path:
        config = self._config
        return find_cli(config.cli_path, self._search_environment, newest=config.prefer_cli == "newest")


def _launch_of(mode: ServingMode) -> tuple[object, ...]:
    """What the mode changes about the start of processes."""
    return mode.cli, mode.is_private, mode.is_live


@asynccontextmanager
async def open_engine(
    config: Config, folders: Folders, *, find_bundled: Callable[[], Path | None] = bundled_cli
) -> AsyncIterator[Engine]:
    """Opens a server's engine; on exit all processes have ended and all temporary folders are removed."""
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(open_scratch())
        environment = search_environment = clean_environment(os.environ)
        if config.demo:
            environment = dict((await stack.enter_async_context(open_demo())).environment)
        guard = guard_for()
        stack.callback(guard.close)
        engine = Engine(
            config,
            environment=environment,
            search_environment=search_environment,
            models=ModelCache(folders.data / ("models-demo.json" if config.demo else "models.json")),
            results=ResultStore(folders.data / STORE_FILE),
            bundled=find_bundled(),
            scratch=scratch,
            guard=guard,
            embeddings_key=partial(stored_key, folders.config, EMBEDDINGS_KEY),
            kept_agents=folders.data / ("agents-demo" if config.demo else "agents"),
            private_folders=(folders.config, folders.data, folders.logs),
        )
        await engine.open(stack)
        yield engine
