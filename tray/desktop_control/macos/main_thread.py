"""Runs jobs on the main thread, whose event loop is the icon's.

macOS ends a program that asks for the keyboard's layout on another thread.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    AppHelper: Any
else:
    from PyObjCTools import AppHelper

T = TypeVar("T")

_WAIT_S = 5.0


def on_main(job: Callable[[], T]) -> T:
    """Runs the job on the main thread and returns its result. Raises TimeoutError if that thread is busy."""
    if threading.current_thread() is threading.main_thread():
        return job()
    done: Future[T] = Future()
    AppHelper.callAfter(_run, job, done)
    try:
        return done.result(_WAIT_S)
    finally:
        # A job that has not started is not wanted any more.
        done.cancel()


def _run(job: Callable[[], T], done: "Future[T]") -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(job())
    except BaseException as error:  # noqa: BLE001 # raised again for the caller
        done.set_exception(error)
