"""Signals that end a program."""

import os
import queue
import signal
import threading

import pytest

from tray.desktop.signals import handling_termination

TIMEOUT_S = 60.0
pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no kill: Ctrl+C there needs a console")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_is_told_on_another_thread_and_ends_nothing(name: str) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with handling_termination(lambda: told.put(threading.current_thread().name)):
        for _ in range(2):
            os.kill(os.getpid(), signal.Signals[name])
            assert told.get(timeout=TIMEOUT_S) == "drawbridge-signals"


def test_afterwards_everything_is_as_before() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    threads = set(threading.enumerate())
    with handling_termination(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before
    assert signal.set_wakeup_fd(-1) == -1
    assert set(threading.enumerate()) <= threads


def test_a_signal_that_is_ignored_on_purpose_stays_ignored() -> None:
    """As under nohup, whose programs outlive their terminal."""
    told: queue.SimpleQueue[None] = queue.SimpleQueue()
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handling_termination(lambda: told.put(None)):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
            told.get(timeout=TIMEOUT_S)
        assert told.empty()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)


def test_other_signals_are_not_told() -> None:
    told: queue.SimpleQueue[None] = queue.SimpleQueue()
    old = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with handling_termination(lambda: told.put(None)):
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)
            told.get(timeout=TIMEOUT_S)
        assert told.empty()
    finally:
        signal.signal(signal.SIGUSR1, old)
