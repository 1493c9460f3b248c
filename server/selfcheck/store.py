"""The verdicts of earlier checks, kept in the data folder."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.machine.atomic_files import replace_file
from server.selfcheck.capabilities import Capability, Finding, Key, Verdict

logger = logging.getLogger(__name__)

KEPT_FILE = "selfcheck.json"
# The one at hand, the one that was there before its update, and the one that we carry.
MOST_KEPT = 4


class Shelf:
    """The verdicts in the file at `path`. What cannot be read there counts as never checked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def verdict(self, key: Key) -> Verdict | None:
        """The verdict on this very program by this very check; None if there is none."""
        return next((verdict for verdict in self._load() if verdict.key.is_same(key)), None)

    def keep(self, verdict: Verdict) -> None:
        """Writes it down. Never raises: the worst is another check at the next start."""
        others = [other for other in self._load() if not other.key.is_same(verdict.key)]
        rows = [_row(kept) for kept in (verdict, *others)][:MOST_KEPT]
        try:
            replace_file(self._path, json.dumps({"verdicts": rows}, indent=1).encode())
        except OSError as error:
            logger.warning("the self-check's verdict cannot be kept at %s: %s", self._path, error.strerror or error)

    def _load(self) -> list[Verdict]:
        try:
            text = self._path.read_bytes()
        except OSError:
            return []
        try:
            return [_verdict(row) for row in json.loads(text)["verdicts"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.info("%s cannot be read and is not used", self._path)
            return []


def _row(verdict: Verdict) -> dict[str, object]:
    findings = {found.capability.name: {"holds": found.holds, "words": found.words} for found in verdict.findings}
    return {"key": asdict(verdict.key), "findings": findings}


def _verdict(row: Any) -> Verdict:  # whatever stands in a file
    """One row of the file. Raises one of several errors where it is not as `_row` writes it."""
    key, found = Key(**row["key"]), row["findings"]
    if not isinstance(key.version, str) or set(found) != {capability.name for capability in Capability}:
        raise ValueError
    findings = [
        Finding(capability, found[capability.name]["holds"] is True, str(found[capability.name]["words"]))
        for capability in Capability
    ]
    return Verdict(key, tuple(findings))
