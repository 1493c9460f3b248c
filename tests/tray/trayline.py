"""The lines of a menu that was read from the bus."""

from typing import Any

from tests.tray.menutext import Mark, menu_line


class Line:
    """A line of the menu, with its submenu in `children`."""

    def __init__(self, raw: tuple[Any, ...]) -> None:
        self.id: int = raw[0]
        self.props: dict[str, Any] = {name: value for name, (_, value) in raw[1].items()}
        self.children = tuple(Line(child) for _, child in raw[2])

    @property
    def label(self) -> str:
        """The label as the user sees it."""
        return str(self.props.get("label", "")).replace("__", "\0").replace("_", "").replace("\0", "_")

    @property
    def enabled(self) -> bool:
        return bool(self.props.get("enabled", True))

    @property
    def checked(self) -> bool:
        return self.props.get("toggle-state") == 1

    @property
    def mark(self) -> Mark:
        marks: dict[str | None, Mark] = {"checkmark": "check", "radio": "radio"}
        return marks.get(self.props.get("toggle-type"))

    @property
    def separator(self) -> bool:
        return self.props.get("type") == "separator"

    def find(self, *labels: str) -> "Line":
        """The line with these labels, the submenus' first. Raises LookupError with the menu.

        "Port" also finds "Port: 8082", and "4000" the choice "4000 (LiteLLM's)".
        """
        line = self
        for label in labels:
            exact = (child for child in line.children if child.label == label)
            longer = (child for child in line.children if child._is_named(label))
            found = next(exact, None) or next(longer, None)
            if found is None:
                raise LookupError(f"there is no {label!r} in:\n{self.text()}")
            line = found
        return line

    def _is_named(self, name: str) -> bool:
        is_choice = self.mark == "radio" and self.label.startswith(f"{name} (")
        return is_choice or self.label.startswith(f"{name}: ")

    def text(self, level: int = 0) -> str:
        """Its children as text, one on each line."""
        lines = []
        for child in self.children:
            if child.props.get("visible", True):
                line = menu_line(
                    child.label,
                    level=level,
                    enabled=child.enabled,
                    mark=child.mark,
                    checked=child.checked,
                    separator=child.separator,
                )
                lines.append(f"{line}\n{child.text(level + 1)}")
        return "".join(lines)
