"""Termination signals."""

import os
import queue
import signal
import threading

import pytest

from tray.desktop.signals import handling_termination

TIMEOUT_S = 60.0
pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no kill: Ctrl+C there needs a console")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_calls_back_on_another_thread_and_does_not_end_the_program(name: str) -> None:
    calls: queue.SimpleQueue[str] = queue.SimpleQueue()
    with handling_termination(lambda: calls.put(threading.current_thread().name)):
        for _ in range(2):
            os.kill(os.getpid(), signal.Signals[name])
            assert calls.get(timeout=TIMEOUT_S) == "drawbridge-signals"


def test_all_handlers_are_restored() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    threads = set(threading.enumerate())
    with handling_termination(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before
    assert signal.set_wakeup_fd(-1) == -1
    assert set(threading.enumerate()) <= threads


def test_a_signal_that_is_ignored_on_purpose_stays_ignored() -> None:
    """As under nohup."""
    calls: queue.SimpleQueue[None] = queue.SimpleQueue()
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handling_termination(lambda: calls.put(None)):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
            calls.get(timeout=TIMEOUT_S)
        assert calls.empty()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)


def test_other_signals_do_not_call_back() -> None:
    calls: queue.SimpleQueue[None] = queue.SimpleQueue()
    old = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with handling_termination(lambda: calls.put(None)):
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)
            calls.get(timeout=TIMEOUT_S)
        assert calls.empty()
    finally:
        signal.signal(signal.SIGUSR1, old)
