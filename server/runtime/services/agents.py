"""Makes the agents of an engine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from server.agents.agents import AgentContext, Agents
from server.agents.asking.questions import Approvals
from server.agents.conversations.conversation import ProcessContext
from server.agents.conversations.kept import KeptConversations
from server.agents.rules.launch import Resumption, Sandbox, agent_launch
from server.agents.rules.sandbox import find_sandbox
from server.answering import Answering
from server.claude.cli.models import DEFAULT
from server.conversation.models import ModelCard
from server.conversation.request import Launch, ModelSettings
from server.desktop_tools.session import ComputerSession
from server.errors import DrawbridgeError
from server.projects.project import Project
from server.selfcheck.fallback import ServingMode


@dataclass(frozen=True, slots=True)
class Launching:
    """How processes are started now. `private_folders`: Drawbridge's own, which no command of an agent may read."""

    find_cli: Callable[[], Path]
    environment: Callable[[], Mapping[str, str]]
    mode: Callable[[], ServingMode]
    private_folders: tuple[Path, ...]

    def launch(self, project: Project, sandbox: Sandbox | None, resumption: Resumption | None) -> Launch:
        """The launch of a process for `project`. Called in a thread. Raises `CliMissing`."""
        mode = self.mode()
        return agent_launch(
            mode.cli or self.find_cli(),
            self.environment(),
            project,
            sandbox=sandbox,
            resumption=resumption,
            is_private=mode.is_private,
        )


def new_agents(
    launching: Launching,
    process_context: ProcessContext,
    *,
    cards: Callable[[], tuple[ModelCard, ...]],
    answering: Answering,
    approvals: Approvals,
    admit: Callable[[], Awaitable[None]],
    explain: Callable[[DrawbridgeError], DrawbridgeError],
    computer: Callable[[], ComputerSession | None],
    kept: Path,
) -> Agents:
    """The agents, which begin nothing before the first request. `kept`: the folder for kept conversations."""

    def model_id(settings: ModelSettings) -> str:
        name = settings.model or DEFAULT
        return next((card.resolved for card in cards() if card.id == name), name)

    return Agents(
        AgentContext(
            process_context=process_context,
            launch=launching.launch,
            settings_for=answering.settings_for,
            model_id=model_id,
            enter=answering.enter,
            admit=admit,
            explain=explain,
            find_sandbox=partial(find_sandbox, launching.private_folders),
            computer=computer,
            kept=KeptConversations(kept),
            # Claude Code's files of a process without a folder of its own are among the user's.
            keeps=lambda: process_context.config().sessions == "disk" and launching.mode().is_private,
        ),
        approvals,
    )
