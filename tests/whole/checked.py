"""The self-check's result for the bundled Claude Code, made once in a test process and copied for each server."""

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from server.claude.cli.locate import bundled_cli
from server.claude.cli.versions import cli_version
from server.machine.files.temp_folders import open_scratch
from server.machine.processes.guards import guard_for
from server.selfcheck.capabilities import Capability, CheckInconclusive, CheckResult, fingerprint_of
from server.selfcheck.probes import run_probes
from server.selfcheck.store import STORE_FILE, ResultStore


async def keep_verdict(data: Path, cli: Path | None = None, *, is_live: bool = True) -> None:
    """Copies the result into a server's data folder. The first call runs the check. `is_live` False changes it.

    `cli`: a program of the test that runs the bundled one, and gets its result.
    """
    kept = Path(_folder().name) / STORE_FILE
    if not kept.exists():
        await _check(kept)
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(kept, data)
    carried = bundled_cli()
    assert carried is not None
    verdict = ResultStore(kept).result(fingerprint_of(carried))
    assert verdict is not None
    if not is_live:
        probes = (replace(probe, holds=probe.capability is not Capability.LIVE) for probe in verdict.probes)
        ResultStore(data / STORE_FILE).save(replace(verdict, probes=tuple(probes)))
    if cli is not None:
        key = fingerprint_of(cli, verdict.fingerprint.version)
        ResultStore(data / STORE_FILE).save(CheckResult(key, verdict.probes))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="drawbridge-tests-")


async def _check(kept: Path) -> None:
    cli = bundled_cli()
    assert cli is not None
    findings = None
    for _ in range(3):
        # It may time out on a busy machine. The server retries, too.
        with suppress(CheckInconclusive), open_scratch(kept.parent) as scratch:
            findings = await run_probes(cli, os.environ, scratch=scratch, guard=guard_for())
            break
    assert findings is not None
    verdict = CheckResult(fingerprint_of(cli, await cli_version(cli, os.environ)), findings)
    assert verdict.is_live, verdict
    ResultStore(kept).save(verdict)
