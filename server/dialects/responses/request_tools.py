"""Reads the tools of a Responses request: in `tools`, among the items, and inside namespaces."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from server.conversation.request import Tool
from server.dialects.common.tools.conversion import WantedChoice, unique_tools, wire_tool
from server.dialects.common.tools.tool_types import WireTool
from server.dialects.responses.output import ClientTool
from server.dialects.responses.request_types import ResponsesRequest, ResponsesTool, ToolsItem

_NAMESPACE = "namespace"


@dataclass(frozen=True, slots=True)
class RequestTools:
    """The tools that Claude gets, and how the client knows each. `ignored` names the tools that were left out."""

    tools: tuple[Tool, ...] = ()
    origins: Mapping[str, ClientTool] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def claudes_name(self, name: str, namespace: str | None) -> str:
        """Claude's name of the client's tool; the same name if there is none."""
        names = [
            claudes
            for claudes, tool in self.origins.items()
            if tool.name == name and namespace in (None, tool.namespace)
        ]
        return name if name in names or not names else names[0]

    def chosen(self, wanted: WantedChoice) -> WantedChoice:
        """The choice with Claude's names; the name of a namespace allows all of its tools."""
        if wanted.only is not None:
            only = (
                claudes
                for claudes, tool in self.origins.items()
                if wanted.only & {claudes, tool.name, tool.namespace or ""}
            )
            return replace(wanted, only=frozenset(only))
        return replace(wanted, name=self.claudes_name(wanted.name, None)) if wanted.name else wanted


@dataclass(frozen=True, slots=True)
class _Placed:
    place: str
    tool: WireTool
    namespace: str | None = None
    about: str = ""


def tools_from(request: ResponsesRequest) -> RequestTools:
    """Returns the tools of `request`. Raises `InvalidRequest` that names a bad one.

    A tool of a namespace keeps its name, unless another tool has it too.
    """
    placed = list(_placed(request))
    offered = [(entry, _tool(entry)) for entry in placed if entry.tool.is_clients]
    spaces: dict[str, set[str | None]] = {}
    for entry, tool in offered:
        spaces.setdefault(tool.name, set()).add(entry.namespace)
    origins: dict[str, ClientTool] = {}
    tools: list[tuple[str, Tool]] = []
    for entry, tool in offered:
        is_unique = len(spaces[tool.name]) == 1 or entry.namespace is None
        name = tool.name if is_unique else f"{entry.namespace}__{tool.name}"
        origins.setdefault(name, ClientTool(tool.name, entry.namespace, tool.takes_text))
        tools.append((entry.place, replace(tool, name=name)))
    ignored = (f"{entry.place} ({entry.tool.type})" for entry in placed if not entry.tool.is_clients)
    return RequestTools(unique_tools(tools), origins, tuple(ignored))


def _placed(request: ResponsesRequest) -> Iterator[_Placed]:
    yield from _flat(request.tools or (), "tools")
    for number, item in enumerate(request.input):
        if isinstance(item, ToolsItem):
            yield from _flat(item.tools or (), f"input[{number}].tools")


def _flat(tools: Iterable[ResponsesTool], place: str) -> Iterator[_Placed]:
    for number, tool in enumerate(tools):
        where = f"{place}[{number}]"
        if tool.type != _NAMESPACE:
            yield _Placed(where, tool)
            continue
        for position, inner in enumerate(tool.tools or ()):
            yield _Placed(f"{where}.tools[{position}]", inner, tool.name or "", tool.description)


def _tool(entry: _Placed) -> Tool:
    tool = wire_tool(entry.tool, entry.place)
    if entry.about:
        return replace(tool, description=f"{entry.about}\n\n{tool.description}".strip())
    return tool
