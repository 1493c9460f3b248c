"""`python -m tests.bench`: measures Drawbridge beside a bare SDK client and prints a table. Never fails on a clock."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click

from server.claude.cli.versions import cli_version
from tests.bench.costs.app import measure_app
from tests.bench.costs.frozen import measure_frozen
from tests.bench.costs.journal import measure_journal
from tests.bench.costs.resources import measure_idle, measure_memory, measure_tokens
from tests.bench.costs.runtimes import measure_runtimes
from tests.bench.costs.starting import measure_starting
from tests.bench.measuring import Found
from tests.bench.rows.clock import measure_hour
from tests.bench.rows.dialects import measure_dialects
from tests.bench.rows.load import measure_burst, measure_crowd
from tests.bench.rows.peers import measure_peers
from tests.bench.rows.requests import ROWS, measure_growth, measure_rows
from tests.bench.rows.spares import measure_spares
from tests.bench.scene import QUICK, TINY, Scale, Scene, open_scene
from tests.bench.stages.stages import measure_stages
from tests.bench.table import machine, table
from tests.whole.bridge import child_environment

Measure = Callable[[Scene], Awaitable[list[Found]]]

# In this order: memory is measured after many requests, and the bare client's history grows last.
OTHERS: dict[str, Measure] = {
    "stages": measure_stages,
    "start": measure_starting,
    "app": measure_app,
    "frozen": measure_frozen,
    "spares": measure_spares,
    "idle": measure_idle,
    "tokens": measure_tokens,
    "dialects": measure_dialects,
    "burst": measure_burst,
    "memory": measure_memory,
    "crowd": measure_crowd,
    "growth": measure_growth,
    "hour": measure_hour,
    "runtimes": measure_runtimes,
    "journal": measure_journal,
    "peers": measure_peers,
}
KEYS = (*(row.key for row in ROWS), *OTHERS)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rows", nargs=-1, type=click.Choice(KEYS))
@click.option("--quick", is_flag=True, help="Fewer repeats and shorter loads.")
@click.option("--tiny", is_flag=True, help="Everything once: only tests the benchmark itself.")
@click.option("--markdown", is_flag=True, help="Print Markdown tables, as in the manual.")
def bench(rows: Sequence[str], *, quick: bool, tiny: bool, markdown: bool) -> None:
    """Measures ROWS, by default all of them, beside a bare SDK client in the same run."""
    scale = TINY if tiny else QUICK if quick else Scale()
    # No variable of this computer may reach the bare client or our server.
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        clean = child_environment(Path(folder))
        os.environ.clear()
        os.environ.update(clean)
        head, found = asyncio.run(_measure(Path(folder), rows or KEYS, scale))
    click.echo(f"Measured {head}.\n\n{table(found, markdown=markdown)}")


async def _measure(folder: Path, keys: Sequence[str], scale: Scale) -> tuple[str, list[Found]]:
    async with open_scene(folder, scale) as scene:
        found: list[Found] = []
        if any(row.key in keys for row in ROWS):
            click.echo("single requests ...", err=True)
            found += await measure_rows(scene, keys)
        for key, measure in OTHERS.items():
            if key in keys:
                click.echo(f"{key} ...", err=True)
                found += await measure(scene)
        return machine(await cli_version(scene.cli, scene.environment)), found


if __name__ == "__main__":
    sys.exit(bench())
