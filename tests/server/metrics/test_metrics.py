"""The metrics of scripted requests, read by Prometheus' own parser."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from server.app import create_app
from server.config import Config
from server.conversation.events import Usage
from server.journal.apps import KNOWN_APPS
from server.journal.record import Record
from server.metrics.metrics import Metrics
from server.status import CircuitStatus, CliStatus, PoolStatus, State, Status, UsageWindow
from server.web.access.middleware import AccessMiddleware
from server.web.access.policy import AccessPolicy, policy_for
from server.web.control.parts import Parts
from tests.server.web.scene import FakeEngine, client

MODELS = {"opus", "claude-opus-5-5[1m]", "claude-haiku-4-5-20251001"}
RECORD = Record(
    id="req_1",
    ended_at=1.0,
    door="local",
    app="Cline",
    path="/v1/messages",
    outcome="answered",
    status=200,
    dialect="messages",
    model="claude-opus-5-5",
    way="continued",
    usage=Usage(input=3, cache_read=100, output=7, thinking=2),
    cost_usd=0.25,
    payer="plan",
    first_ms=900.0,
    total_ms=4000.0,
)
STATUS = Status(
    state=State.RUNNING,
    cli=CliStatus("/usr/bin/claude", "2.1.0"),
    pool=PoolStatus(size=3, ready=2, raw=1, parked=1, answering=1, waiting=4),
    usage=(UsageWindow("5 hours", 0.5, 1_800_000_000.0), UsageWindow("Week", 0.25)),
    circuits=(CircuitStatus("limit", "opus", "A limit is reached", 1.0, 2.0),),
)


def metrics(status: Status = STATUS) -> Metrics:
    return Metrics(lambda: True, status=lambda: status, dropped=lambda: 11)


def samples(page: tuple[bytes, str] | None) -> dict[str, float]:
    """Each sample by its name and labels, as in `name{a=b}`."""
    assert page is not None
    found = {}
    for family in text_string_to_metric_families(page[0].decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def added(*records: Record) -> dict[str, float]:
    board = metrics()
    for record in records:
        board.add(record, MODELS)
    return samples(board.text("", running=2))


def test_a_request_is_counted_with_its_tokens_cost_and_times() -> None:
    found = added(RECORD, RECORD)
    request = "{app=Cline,dialect=messages,model=claude-opus-5-5,outcome=answered}"
    assert found[f"drawbridge_requests_total{request}"] == 2
    tokens = {
        kind: found.get(f"drawbridge_tokens_total{{kind={kind},model=claude-opus-5-5}}")
        for kind in ("input", "cache_creation", "cache_read", "output", "thinking")
    }
    assert tokens == {"input": 6, "cache_creation": None, "cache_read": 200, "output": 14, "thinking": 4}
    assert found["drawbridge_cost_usd_total{model=claude-opus-5-5,payer=plan}"] == 0.5
    assert found["drawbridge_first_output_seconds_sum{way=continued}"] == 1.8
    assert found["drawbridge_first_output_seconds_bucket{le=0.5,way=continued}"] == 0
    assert found["drawbridge_first_output_seconds_bucket{le=1.0,way=continued}"] == 2
    assert found["drawbridge_request_duration_seconds_count{outcome=answered}"] == 2


def test_the_state_is_read_at_each_scrape() -> None:
    found = added()
    assert found["drawbridge_requests_running"] == 2
    assert found["drawbridge_requests_waiting"] == 4
    assert found["drawbridge_processes_limit"] == 3
    for state, count in {"booting": 0, "raw": 1, "parked": 1, "answering": 1}.items():
        assert found[f"drawbridge_processes{{state={state}}}"] == count
    assert found["drawbridge_circuit_open{cause=limit}"] == 1
    assert found["drawbridge_circuit_open{cause=upstream}"] == 0
    assert found["drawbridge_plan_window_used_ratio{window=5 hours}"] == 0.5
    assert found["drawbridge_plan_window_reset_timestamp_seconds{window=5 hours}"] == 1_800_000_000
    assert "drawbridge_plan_window_reset_timestamp_seconds{window=Week}" not in found
    assert found["drawbridge_journal_dropped_total"] == 11


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("claude-opus-5-5-20260701", "claude-opus-5-5"),
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("", "none"),
        ("gpt-4o", "other"),
        ('claude"} 1\n', "other"),
    ],
)
def test_only_models_of_the_account_are_labels(model: str, label: str) -> None:
    found = added(replace(RECORD, model=model))
    assert found[f"drawbridge_requests_total{{app=Cline,dialect=messages,model={label},outcome=answered}}"] == 1


def test_a_thousand_odd_names_add_one_label() -> None:
    odd = [f'odd {number}"\n\\{{}}é' for number in range(1000)]
    assert len(added(*(replace(RECORD, app=name, model=name) for name in odd))) == len(added(replace(RECORD, app="x")))
    known = [*KNOWN_APPS, *odd]
    assert len(added(*(replace(RECORD, app=name) for name in known))) < len(added(RECORD)) + len(KNOWN_APPS) + 1


def test_openmetrics_is_sent_to_a_scraper_that_asks_for_it() -> None:
    board = metrics()
    board.add(RECORD, MODELS)
    page = board.text("application/openmetrics-text; version=1.0.0", running=0)
    assert page is not None
    assert page[1].startswith("application/openmetrics-text")
    names = {family.name for family in open_metrics(page[0].decode())}  # type: ignore[no-untyped-call] # the library lacks its type
    assert {"drawbridge_requests", "drawbridge_first_output_seconds"} <= names


def test_metrics_that_are_off_count_nothing_and_start_from_zero_when_they_are_on_again() -> None:
    switch = [True]
    board = Metrics(lambda: switch[0], status=lambda: STATUS)
    board.add(RECORD, MODELS)
    switch[0] = False
    board.add(RECORD, MODELS)
    assert board.text("", running=0) is None
    switch[0] = True
    assert not [name for name in samples(board.text("", running=0)) if "requests_total" in name]


def run(program: str, **environment: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout))


def test_the_library_is_imported_only_when_the_metrics_are_on_and_shares_no_files(tmp_path: Path) -> None:
    program = """
import json, os, sys
import server.app, server.runtime.services.journal, server.runtime.application
from server.metrics.metrics import Metrics
from server.status import Status
Metrics(lambda: False, status=Status).text("", running=0)
before = "prometheus_client" in sys.modules
from server.journal.record import Record
Metrics(lambda: True, status=Status).add(Record("req_1", 1.0, "local", "curl", "/v1/models", "failed"), ())
print(json.dumps({"before": before, "kept": os.environ["PROMETHEUS_MULTIPROC_DIR"]}))
"""
    found = run(program, PROMETHEUS_MULTIPROC_DIR=str(tmp_path), PYTHONPATH=str(Path.cwd()))
    assert found == {"before": False, "kept": str(tmp_path)}
    assert list(tmp_path.iterdir()) == []


def scrapable(config: Config, policy: AccessPolicy, *, has_metrics: bool = True) -> AccessMiddleware:
    engine = FakeEngine(config=config)
    board = Metrics(lambda: engine.config.metrics, status=engine.status)
    return AccessMiddleware(create_app(config, engine, parts=Parts(metrics=board if has_metrics else None)), policy)


async def scraped(config: Config, policy: AccessPolicy, **headers: str) -> tuple[int, str]:
    async with client(scrapable(config, policy), **headers) as c:
        reply = await c.get("/metrics")
        return reply.status_code, reply.text


async def test_metrics_answer_on_the_local_listener_while_they_are_on() -> None:
    status, text = await scraped(Config(metrics=True), AccessPolicy())
    assert status == 200
    assert "# TYPE drawbridge_requests_total counter" in text
    status, text = await scraped(Config(), AccessPolicy())
    assert (status, "metrics = true" in text) == (404, True)


async def test_metrics_need_the_key_where_other_paths_do_and_are_not_for_other_devices() -> None:
    config = Config(metrics=True, api_key="sk-1", reach="lan", require_key=True)
    assert (await scraped(config, policy_for(config)))[0] == 401
    assert (await scraped(config, policy_for(config), authorization="Bearer sk-1"))[0] == 200
    assert (await scraped(config, policy_for(config, "lan"), authorization="Bearer sk-1"))[0] == 404
