"""One kept request with its answer, as a value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from server.contents.transcript import KeptPart
from server.journal.record import Record


@dataclass(frozen=True, slots=True)
class KeptText:
    """A body as text. `size` is that of the whole body in bytes, `is_cut` whether the text is only its beginning."""

    text: str = ""
    size: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A request and its answer. `record` is what the journal has of it; `path` is as the client sent it.

    The answer is `parts` if Claude wrote it, with `stop`, why it ended, or `failure`, what cut it; otherwise the
    `reply`, as for embeddings and errors.
    """

    record: Record
    method: str
    path: str
    request: KeptText = KeptText()
    parts: tuple[KeptPart, ...] = ()
    parts_cut: bool = False
    stop: str = ""
    failure: str = ""
    reply: KeptText = KeptText()
    ignored: str = ""

    @property
    def id(self) -> str:
        """The id of the request."""
        return self.record.id

    @property
    def size(self) -> int:
        """About how many characters it takes."""
        return 1000 + len(self.request.text) + len(self.reply.text) + sum(len(part.text) + 100 for part in self.parts)

    @property
    def has_answer(self) -> bool:
        """Whether anything came back."""
        return bool(self.parts or self.stop or self.failure or self.reply.size)

    def to_json(self) -> dict[str, object]:
        """For /control and for files."""
        return {
            "id": self.id,
            "at": self.record.ended_at,
            "record": asdict(self.record),
            "method": self.method,
            "path": self.path,
            "request": asdict(self.request),
            "answer": {
                "came": self.has_answer,
                "parts": [asdict(part) for part in self.parts],
                "is_cut": self.parts_cut,
                "stop": self.stop,
                "failure": self.failure,
                "reply": asdict(self.reply),
            },
            "ignored": self.ignored,
        }


def summary(kept: Mapping[str, object]) -> dict[str, object]:
    """What a list shows of a kept request in JSON."""
    record = kept["record"]
    assert isinstance(record, dict)
    names = ("app", "dialect", "asked", "model", "status", "outcome")
    return {"id": kept["id"], "at": kept["at"], "path": kept["path"], **{name: record.get(name) for name in names}}
