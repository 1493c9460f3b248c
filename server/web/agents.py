"""Which requests an agent answers: those that name a project, if their sender may use it."""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from server.config import Config
from server.conversation.request import Work
from server.desktop_tools.current import ComputerUse
from server.errors import AgentDenied, InvalidRequest, NotFound
from server.projects.project import DESKTOP_ONLY, Project
from server.web.access.policy import Access

FIELD = "project_id"
# Names of models on Google's platform have their date behind an `@`.
_DATED = re.compile(r"\d{8}|default|latest")
_LONGEST = 200


class Projects(Protocol):
    """Where projects are found."""

    async def find(self, name_or_id: str) -> Project | None:
        """The project with this id or name; None if there is none."""
        ...

    async def check_folder(self, project: Project) -> None:
        """Raises `FolderRefused` if the project's folder cannot be used now."""
        ...


class AgentRequests:
    """The requests for agents. Without `projects` there are none, and a request that names one is refused."""

    def __init__(self, projects: Projects | None, config: Callable[[], Config], computer: ComputerUse) -> None:
        self._projects = projects
        self._config = config
        self._computer = computer

    async def work_in(self, body: object, access: Access, *, request_id: str) -> tuple[Work | None, object]:
        """The work that the request asks for, None for a chat, and the body without the project.

        Raises `InvalidRequest`, `AgentDenied` if the sender may not use an agent, `NotFound` without the project, and
        `FolderRefused` if its folder is gone or leads elsewhere now.
        """
        if not isinstance(body, dict):
            return None, body
        name, rest = self._named(body)
        if not name:
            return None, rest
        project = await self._projects.find(name) if self._projects is not None else None
        if project is None and name.casefold() == DESKTOP_ONLY.name:
            self._check_desktop(access)
            return Work(DESKTOP_ONLY, request_id=request_id, uses_desktop=True), rest
        self._check_mode(access)
        if self._projects is None or project is None:
            raise NotFound(
                f"There is no project '{name[:_LONGEST]}'.", hint="'drawbridge projects' lists the projects there are."
            )
        self._check_project(access, project)
        await self._projects.check_folder(project)
        is_here = access.policy.name == "local" and self._config().computer_use
        return Work(project, request_id=request_id, uses_desktop=project.computer_use and is_here), rest

    def without_effect(self, work: Work | None) -> tuple[str, ...]:
        """What the project has been given that this request cannot use, as names for the reply."""
        if work is None or not work.project.computer_use:
            return ()
        is_offered = work.uses_desktop and self._computer.session is not None
        return () if is_offered else ("project.computer_use (not started in Drawbridge's menu)",)

    def _named(self, body: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        """The name or id of the project, by the field or behind the model's name; empty if there is none."""
        rest = {field: value for field, value in body.items() if field != FIELD}
        given_model = body.get("model")
        whole = given_model if isinstance(given_model, str) else ""
        model, at, behind = whole.rpartition("@")
        is_alias = any(whole.lower() == alias.name.lower() for alias in self._config().aliases)
        name = "" if not at or is_alias or _DATED.fullmatch(behind) else behind.strip()
        if name:
            rest["model"] = model
        given = body.get(FIELD)
        if given in (None, ""):
            return name, rest
        if not isinstance(given, str):
            raise InvalidRequest(f"{FIELD} must be the id or the name of a project.", param=FIELD)
        return given.strip(), rest

    def _check_mode(self, access: Access) -> None:
        if not self._config().agent_mode:
            raise AgentDenied(
                "Agent mode is off, so no project can be used.",
                hint="Turn it on in Drawbridge's settings (agent_mode).",
            )
        if access.key is not None and not access.key.rights.agent:
            raise AgentDenied(
                f"The access key '{access.key.name}' may not use agents.",
                hint="Allow agent mode for it in the section Keys of Drawbridge's dashboard, or with "
                f"'drawbridge keys set \"{access.key.name}\" --agent'.",
            )
        if access.policy.name != "local" and access.key is None:
            raise AgentDenied(
                "From other devices and through a tunnel, an agent needs an access key of the app's own.",
                hint="Create one in the section Keys of Drawbridge's dashboard, and give it the project in the section "
                "Projects.",
            )

    def _check_desktop(self, access: Access) -> None:
        if access.policy.name != "local" or (access.key is not None and not access.key.rights.agent):
            raise AgentDenied(
                "This request may not use the desktop.",
                hint="Only programs on this computer may, and an app's own key needs the right to use agents.",
            )
        if not self._config().computer_use:
            raise AgentDenied(
                "Computer use is off.", hint="Turn it on in Drawbridge's settings (computer_use), then start it."
            )
        if self._computer.session is None:
            raise AgentDenied(
                "Claude does not use the desktop now.",
                hint="Start it in Drawbridge's menu: 'Let Claude use the desktop'. Only you can, for a limited time.",
            )

    def _check_project(self, access: Access, project: Project) -> None:
        if access.policy.name == "local":
            return
        if access.key is None or access.key.id not in project.remote_keys:
            raise AgentDenied(
                "This project can be used from this computer only.",
                hint="Its owner can give it to an access key, under 'Use from elsewhere' in the section Projects.",
            )
