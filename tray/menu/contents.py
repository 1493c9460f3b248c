"""The menu's lines about keeping the contents of requests."""

from collections.abc import Iterator

from server.status_phrases import contents_line
from tray.commands import ChangeSetting, KeepContents
from tray.menu.item import SEPARATOR, Item, text_line
from tray.menu.phrases import set_by
from tray.model import Snapshot

# For how many days the menu's line has the disk keep them.
DAYS = 7


def contents_item(snapshot: Snapshot) -> Item:
    """Whether contents are kept, and the switches."""
    contents = snapshot.status.contents
    is_running = snapshot.status.base_url is not None
    is_timed = contents.is_on and contents.until is not None
    return Item(
        contents_line(contents, snapshot.now) or "Keep contents of requests: off",
        items=(
            Item("Keep for the next 15 minutes", KeepContents("15 minutes"), is_timed, enabled=is_running),
            Item(
                "Keep until I stop",
                KeepContents("until stopped"),
                contents.is_on and not is_timed,
                enabled=is_running,
            ),
            Item("Stop keeping", KeepContents("stop"), enabled=contents.is_on),
            Item("Forget what was kept", KeepContents("forget"), enabled=contents.has_kept),
            SEPARATOR,
            _disk(snapshot),
            *_trouble(snapshot),
            text_line("What apps sent and Claude answered, on the dashboard"),
        ),
    )


def _disk(snapshot: Snapshot) -> Item:
    days = snapshot.contents_days
    if pinned := set_by(snapshot, "contents_days"):
        return text_line(f"On the disk too: {f'{days} days' if days else 'no'}{pinned}")
    text = f"On the disk too, for {days or DAYS} days"
    return Item(text, ChangeSetting("contents_days", 0 if days else DAYS), bool(days))


def _trouble(snapshot: Snapshot) -> Iterator[Item]:
    if trouble := snapshot.status.contents.trouble:
        yield text_line(f"The disk does not take them: {trouble}")
