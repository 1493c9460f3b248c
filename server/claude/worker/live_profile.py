"""The profile of a live process: its system prompt is one of Claude Code's agents, its tools are listed while it runs.

An agent's prompt takes the place of the system prompt in `initialize`, and the request upstream is the same. The first
agent is part of `initialize`, the later ones belong to a plugin.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable

from server.claude.protocol.frames import SERVER, Frame
from server.claude.protocol.tool_names import legal_name
from server.claude.protocol.tools import TOOL, OpenCalls
from server.claude.worker.applied_settings import APPLY
from server.claude.worker.plugin import DESCRIPTION, Plugin
from server.claude.worker.process import Bounds, CliProcess
from server.conversation.request import Profile, Tool
from server.errors import UnexpectedOutput

# How many prompts a process knows at most, and how long they are together: each new one sends all of them again.
MOST_KNOWN = 8
LONGEST_KNOWN = 500_000
_FIRST = "first"
_RELOAD = "reload_plugins"
# Claude Code's own tools. If it lists a tool named `Bash`, `Agent` or `Skill`, it adds a note about it to the
# conversation. As aliases of another tool, the client's tools of these names arrive without one.
_OWN_TOOLS = frozenset(
    {
        *("Agent", "AskUserQuestion", "Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read"),
        *("Skill", "Task", "TodoWrite", "ToolSearch", "WebFetch", "WebSearch", "Write"),
    }
)


class LiveProfile:
    """The system prompts and tools that one live process knows."""

    def __init__(self, process: CliProcess, calls: OpenCalls, bounds: Callable[[], Bounds]) -> None:
        self._process = process
        self._calls = calls
        self._bounds = bounds
        self._numbers = itertools.count(1)
        self._first = ""
        self._aliases = _OWN_TOOLS
        # The agents by their prompts, the least recently used first.
        self._known: dict[str, str] = {}
        # The agents that the process has named, or accepted before; None is the one without a prompt. Before the first
        # one there is no other that a refusal could leave.
        self.confirmed: set[str | None] = {_FIRST}

    def initial_fields(self, profile: Profile) -> Frame:
        """The fields of `initialize` for the first profile. They leave any system prompt unchanged."""
        self._first = profile.system
        # Results of aliases and of listed tools reach Claude in either order, those of aliases in that of the calls.
        self._aliases |= _names(profile.tools)
        agents = {_FIRST: {"description": DESCRIPTION, "prompt": profile.system}} if profile.system else {}
        return {"sdkMcpServers": [SERVER], "toolAliases": dict.fromkeys(self._aliases, TOOL), "agents": agents}

    async def agent_with(self, profile: Profile) -> str | None:
        """The agent with this system prompt, once the process knows it and the tools.

        Raises `UnexpectedOutput` or `WorkerDied`.
        """
        agent, _ = await asyncio.gather(self._agent_for(profile.system), self._list_tools(profile.tools))
        return agent

    async def _agent_for(self, system: str) -> str | None:
        """The agent with this prompt. Claude Code reads it if it is new."""
        if not system:
            return None
        if system == self._first:
            return _FIRST
        plugin = self._process.plugin
        assert plugin is not None
        if (name := self._known.pop(system, None)) is not None:
            self._known[system] = name
        else:
            self._known[system] = name = f"prompt-{next(self._numbers)}"
            await self._read_agents(plugin, name)
        return plugin.agent(name)

    async def _read_agents(self, plugin: Plugin, new: str) -> None:
        """Has Claude Code read the agents: also the `new` one, and no longer those that were not used for longest."""
        while len(self._known) > MOST_KNOWN or (len(self._known) > 1 and sum(map(len, self._known)) > LONGEST_KNOWN):
            plugin.remove(self._known.pop(next(iter(self._known))))
        plugin.add(new)
        settings = plugin.settings({name: system for system, name in self._known.items()})
        timeout_s = self._bounds().control_s
        apply, is_applied = self._process.control_frame(APPLY, settings=settings)
        reload, agents = self._process.control_frame(_RELOAD)
        await self._process.write(apply, reload)
        await self._process.answer_to(is_applied, APPLY, timeout_s=timeout_s)
        answer = await self._process.answer_to(agents, _RELOAD, timeout_s=timeout_s)
        self.confirmed = (self.confirmed & {None}) | _agents_in(answer)

    async def _list_tools(self, tools: Iterable[Tool]) -> None:
        """Has Claude Code list these tools too."""
        names = _names(tools) - self._aliases
        if self._calls.are_listed(names):
            return
        self._calls.offer(names)
        message = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        timeout_s = self._bounds().control_s
        await self._process.control("mcp_message", timeout_s=timeout_s, server_name=SERVER, message=message)
        if not await self._calls.listed(names, timeout_s=timeout_s):
            raise UnexpectedOutput("Claude Code did not ask for the list of the client's tools.")


def _agents_in(answer: Frame) -> set[str | None]:
    """The names of the agents in the answer to `reload_plugins`."""
    agents = answer.get("agents")
    return {str(agent["name"]) for agent in agents if "name" in agent} if isinstance(agents, list) else set()


def _names(tools: Iterable[Tool]) -> frozenset[str]:
    return frozenset(legal_name(tool.name) for tool in tools)
