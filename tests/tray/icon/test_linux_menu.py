"""The Linux menu on a real bus, as a panel reads it."""

import pytest

from tests.tray.icon.shown import shown
from tests.tray.trayhost import CallFailed, TrayHost
from tray.icon.pystray_types import Menu, MenuItem


def test_the_menu_is_published_completely(host: TrayHost) -> None:
    with shown() as one:
        one.change(
            one.line("Running on port 8082", enabled=False),
            Menu.SEPARATOR,
            one.line("Stop"),
            MenuItem(
                "Default model",
                Menu(one.radio("Opus", False), one.radio("Sonnet", True)),
            ),
            one.line("Start at login", checked=True),
            MenuItem("hidden", None, visible=False),
            Menu.SEPARATOR,
            one.line("Quit"),
        )
        assert host.wait_item().menu().text() == (
            "~Running on port 8082\n---\nStop\nDefault model\n  ( ) Opus\n  (o) Sonnet\n[x] Start at login\n---\nQuit\n"
        )


def test_clicks_reach_lines_at_any_depth(host: TrayHost) -> None:
    with shown() as one:
        one.change(
            one.line("Stop"),
            MenuItem("Connect", Menu(one.line("curl"), MenuItem("More", Menu(one.line("Cline"))))),
        )
        item = host.wait_item()
        for labels in (("Connect", "More", "Cline"), ("Stop",), ("Connect", "curl")):
            item.click(*labels)
            assert one.next_click() == labels[-1]


def test_a_click_on_a_submenu_a_disabled_line_or_a_separator_does_nothing(host: TrayHost) -> None:
    with shown() as one:
        greyed = one.line("Status", enabled=False)
        one.change(MenuItem("Port", Menu(one.line("8082"))), greyed, Menu.SEPARATOR, one.line("Quit"))
        item = host.wait_item()
        for line in item.menu().children[:3]:
            item.click_id(line.id)
        item.click("Quit")
        assert one.next_click() == "Quit"


def test_radio_and_check_marks_move(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.radio("1", True), one.radio("2", False), one.line("On", checked=False))
        item = host.wait_item()
        one.change(one.radio("1", False), one.radio("2", True), one.line("On", checked=True))
        menu = item.wait_menu(lambda menu: menu.find("2").checked)
        assert menu.text() == "( ) 1\n(o) 2\n[x] On\n"


def test_only_changes_are_signalled(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Running"), one.line("Stop"), one.line("Quit"))
        item = host.wait_item()
        one.settle()
        number = item.layout().find("Stop").id
        # Messages arrive in the order in which they were sent.
        host.signals.clear()
        one.change(one.line("Running"), one.line("Stop", enabled=False), one.line("Quit"))
        changed = host.wait_signal("ItemsPropertiesUpdated")
        one.change(one.line("Running"), one.line("Stop", enabled=False), one.line("Quit"))
        one.settle()
        item.layout()
    assert changed == ([(number, {"enabled": ("b", False)})], [])
    assert [member for member, _ in host.signals] == ["ItemsPropertiesUpdated"]


def test_a_new_layout_is_signalled_and_old_lines_keep_their_numbers(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Start"), one.line("Quit"))
        item = host.wait_item()
        one.settle()
        before = item.layout()
        host.signals.clear()
        one.change(one.line("The port is taken"), one.line("Start"), one.line("Quit"))
        revision, parent = host.wait_signal("LayoutUpdated")
        one.settle()
        after = item.layout()
    assert (revision > 1, parent) == (True, 0)
    assert [member for member, _ in host.signals] == ["LayoutUpdated"]
    assert [line.label for line in after.children] == ["The port is taken", "Start", "Quit"]
    assert [line.id for line in after.children[1:]] == [line.id for line in before.children]


def test_a_click_on_an_outdated_menu_does_what_was_shown_or_nothing(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Use port 8083"), one.line("Quit"))
        item = host.wait_item()
        seen = item.menu()
        one.change(one.line("New line"), one.line("Quit"))
        one.settle()
        with pytest.raises(CallFailed, match="InvalidArgs"):
            item.click_id(seen.find("Use port 8083").id)
        item.click_id(seen.find("Quit").id)
        assert one.next_click() == "Quit"


@pytest.mark.parametrize("text", ["a_b __c_", "R&D && more", "Zürich 東京 🏰", "<b>&amp;", " ", "x" * 2000])
def test_text_is_shown_unchanged(host: TrayHost, text: str) -> None:
    with shown() as one:
        one.change(one.line(text))
        host.wait_item().click(text)
        assert one.next_click() == text


def test_a_menu_is_updated_before_it_is_shown(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("old"))
        item = host.wait_item()
        one.settle()
        one.items = (one.line("new"),)
        assert item.layout().text() == "old\n"
        assert item.call_menu("AboutToShow", "i", 0) == (True,)
        assert item.layout().text() == "new\n"
        assert item.call_menu("AboutToShow", "i", 0) == (False,)
        assert item.call_menu("AboutToShowGroup", "ai", [0, 999]) == ([], [999])


def test_parts_of_the_menu_can_be_requested(host: TrayHost) -> None:
    with shown() as one:
        one.change(MenuItem("Port", Menu(one.line("8082", checked=True))), one.line("Quit"))
        item = host.wait_item()
        menu = item.menu()
        port, quit_ = (line.id for line in menu.children)
        inner = menu.find("Port", "8082").id
        _, root = item.call_menu("GetLayout", "iias", 0, 1, ["label"])
        assert root == (
            0,
            {},
            [
                ("(ia{sv}av)", (port, {"label": ("s", "Port")}, [])),
                ("(ia{sv}av)", (quit_, {"label": ("s", "Quit")}, [])),
            ],
        )
        _, (number, _, below) = item.call_menu("GetLayout", "iias", port, -1, [])
        assert (number, len(below)) == (port, 1)
        assert item.call_menu("GetGroupProperties", "aias", [inner, 999], ["toggle-state"]) == (
            [(inner, {"toggle-state": ("i", 1)})],
        )
        assert len(item.call_menu("GetGroupProperties", "aias", [], [])[0]) == 4
        assert item.call_menu("GetProperty", "is", quit_, "label") == (("s", "Quit"),)
        events = [(quit_, "clicked", ("s", ""), 0), (999, "clicked", ("s", ""), 0), (port, "opened", ("s", ""), 0)]
        assert item.call_menu("EventGroup", "a(isvu)", events) == ([999],)
        assert one.next_click() == "Quit"
