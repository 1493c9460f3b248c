"""What the menu, the icon and notifications say while agents ask."""

from dataclasses import replace

from server.desktop_tools.words import QUESTION_PROJECT, QUESTION_TOOL
from server.status import ApprovalsStatus, State, Status
from tests.tray.states import RUNNING
from tray.commands import Open
from tray.menu.approvals import QuestionNews
from tray.menu.item import Item
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.model import Notice, Picture

BASH = ApprovalsStatus(1, "q1", "Bash", "site")


class Scene:
    def __init__(self) -> None:
        self.news = QuestionNews()

    def of(self, waiting: int, id_: str = "q1") -> list[Notice]:
        approvals = replace(BASH, waiting=waiting, id=id_) if waiting else ApprovalsStatus()
        return list(self.news.of(Status(approvals=approvals)))


def test_a_new_question_is_told_once_and_a_click_only_opens_it() -> None:
    scene = Scene()
    assert scene.of(0) == []
    (notice,) = scene.of(1)
    assert (notice.title, notice.action, notice.label) == (
        "An agent asks: Bash in site",
        Open("question"),
        "Show the question",
    )
    assert scene.of(1) == []


def test_each_further_question_is_told_but_not_that_one_was_decided() -> None:
    scene = Scene()
    scene.of(1)
    (notice,) = scene.of(2)
    assert notice.title == "2 questions of agents wait for you"
    assert scene.of(1, "q2") == []
    assert [one.title for one in scene.of(1, "q3")] == ["An agent asks: Bash in site"]
    assert scene.of(0) == []
    assert len(scene.of(1, "q4")) == 1


def test_the_icon_and_the_menu_show_it() -> None:
    snapshot = replace(RUNNING, status=replace(RUNNING.status, approvals=BASH))
    assert picture_for(snapshot) is Picture.WARNING
    assert "An agent asks: Bash in site" in tooltip_for(snapshot)
    assert Item("An agent asks: Bash in site...", Open("question")) in menu_for(snapshot)
    stopped = replace(snapshot, status=replace(snapshot.status, state=State.STOPPED, base_url=None))
    assert not [item for item in menu_for(stopped) if item.command == Open("question") and item.enabled]


def test_a_question_of_computer_use_is_about_a_window() -> None:
    asks = replace(BASH, tool=QUESTION_TOOL, project=QUESTION_PROJECT)
    snapshot = replace(RUNNING, status=replace(RUNNING.status, approvals=asks))
    assert Item("An agent asks: use of a window...", Open("question")) in menu_for(snapshot)


def test_long_and_strange_names_leave_the_line_whole() -> None:
    strange = replace(BASH, tool="mcp__a_server_with_a_long_name__tool", project="\u202ea project with a long name")
    snapshot = replace(RUNNING, status=replace(RUNNING.status, approvals=strange))
    (item,) = [item for item in menu_for(snapshot) if item.command == Open("question")]
    assert item.text.startswith("An agent asks: mcp__a_server")
    assert item.text.endswith("...")
    assert len(item.text) < 60
    assert item.text.isprintable()
