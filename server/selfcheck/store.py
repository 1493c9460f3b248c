"""Stores check results in the data folder."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.machine.files.atomic_files import replace_file
from server.selfcheck.capabilities import Capability, CheckResult, CliFingerprint, ProbeResult

logger = logging.getLogger(__name__)

STORE_FILE = "selfcheck.json"
# The installed Claude Code, the one before its update, and the bundled one, with room for one more.
MAX_RESULTS = 4


class ResultStore:
    """The check results in the file at `path`. An unreadable file counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def result(self, fingerprint: CliFingerprint) -> CheckResult | None:
        """The result for this program by this check; None if there is none."""
        return next((result for result in self._load() if result.fingerprint.matches(fingerprint)), None)

    def save(self, result: CheckResult) -> None:
        """Stores the result. Never raises: the worst case is another check at the next start."""
        others = [other for other in self._load() if not other.fingerprint.matches(result.fingerprint)]
        rows = [_row(kept) for kept in (result, *others)][:MAX_RESULTS]
        try:
            replace_file(self._path, json.dumps({"results": rows}, indent=1).encode())
        except OSError as error:
            logger.warning("cannot write the self-check's result to %s: %s", self._path, error.strerror or error)

    def _load(self) -> list[CheckResult]:
        try:
            text = self._path.read_bytes()
        except OSError:
            return []
        try:
            return [_result(row) for row in json.loads(text)["results"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.info("ignoring %s, which cannot be read", self._path)
            return []


def _row(result: CheckResult) -> dict[str, object]:
    probes = {probe.capability.name: {"holds": probe.holds, "detail": probe.detail} for probe in result.probes}
    return {"fingerprint": asdict(result.fingerprint), "probes": probes}


def _result(row: Any) -> CheckResult:  # untrusted JSON
    """One row of the file. Raises ValueError, KeyError, TypeError or AttributeError if it is malformed."""
    fingerprint, probes = CliFingerprint(**row["fingerprint"]), row["probes"]
    if not isinstance(fingerprint.version, str) or set(probes) != {capability.name for capability in Capability}:
        raise ValueError
    results = [
        ProbeResult(capability, probes[capability.name]["holds"] is True, str(probes[capability.name]["detail"]))
        for capability in Capability
    ]
    return CheckResult(fingerprint, tuple(results))
