"""The examples of requests in the OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """A request to send as it is. `content` is the documented content of its successful reply, by content type."""

    method: str
    path: str
    name: str
    body: Any
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}, {self.name}"


def examples_in(document: dict[str, Any]) -> Iterator[Example]:
    """Every example of every operation, with the examples of the path's parameters in their places."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            given = {each["name"]: each["schema"].get("examples", [""])[0] for each in operation.get("parameters", ())}
            filled = path
            for name, value in given.items():
                filled = filled.replace(f"{{{name}}}", value)
            bodies = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            content = operation["responses"]["200"].get("content", {})
            for name, example in bodies.get("examples", {"no body": {"value": None}}).items():
                yield Example(method.upper(), filled, name, example["value"], content)
