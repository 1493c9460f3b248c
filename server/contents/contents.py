"""Keeps what requests and answers contain, from when the user switches it on until its time is over.

Rendering, and writing to the disk, is done by one thread, which exists from the first switching on.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, assert_never  # Any: a kept request as JSON

from server.contents.disk import KeptOnDisk
from server.contents.keeper import Budget, Keeper
from server.contents.kept import summary
from server.contents.memory import KeptInMemory
from server.journal.record import Record
from server.status import ContentsStatus, ContentsWish

logger = logging.getLogger(__name__)

# Bytes of bodies that are held for running requests and for those that wait to be rendered.
MOST_WAITING = 64_000_000
_QUEUED = 200
_CLOSE_S = 5.0
# How often the thread looks whether the time is over: a sleeping computer's timers are late.
_LOOK_S = 5.0
# How often it deletes what has become too old on the disk.
_TIDY_S = 600.0

Missing = Literal["not kept", "dropped", "running"]


class Contents:
    """The switch, and what is kept. Works from any thread.

    `days` returns the setting: for how many days requests are kept on the disk too. `on_change` is called, in any
    thread, when `status` changes.
    """

    def __init__(
        self,
        file: Path,
        days: Callable[[], int],
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._days = days
        self._on_change = on_change
        self._clock = clock
        self._disk = KeptOnDisk(file, on_trouble=on_change, clock=clock)
        self._memory = KeptInMemory()
        self._lock = threading.Lock()
        self._budget = Budget(MOST_WAITING)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_on = False
        self._until: float | None = None
        self._running: set[str] = set()
        # How often everything was forgotten.
        self._forgotten = 0
        self._tidied_at = 0.0

    @property
    def is_on(self) -> bool:
        """Whether a request that arrives now is kept."""
        return self._is_on and (self._until is None or self._clock() < self._until)

    @property
    def status(self) -> ContentsStatus:
        """For the menu and the page."""
        is_on = self.is_on
        has_kept = len(self._memory) > 0 or self._disk.file.exists()
        return ContentsStatus(is_on, self._until if is_on else None, has_kept, self._days(), self._disk.trouble)

    def open(self) -> None:
        """Deletes a file that the settings no longer want, and what is too old in one that they do."""
        self.follow_settings()

    def keep(self, seconds: float | None) -> None:
        """Keeps requests for so many seconds, or until `stop` is called."""
        with self._lock:
            self._until = None if seconds is None else self._clock() + seconds
            self._is_on = True
        self._start()
        self._wake()
        self._on_change()

    def stop(self) -> None:
        """Keeps no further requests. What is kept stays until it is forgotten, or the server ends."""
        self._is_on = False
        self._on_change()

    def obey(self, wish: ContentsWish) -> None:
        """Carries out a command of the menu."""
        match wish:
            case "15 minutes":
                self.keep(900.0)
            case "until stopped":
                self.keep(None)
            case "stop":
                self.stop()
            case "forget":
                self.forget()
            case _:
                assert_never(wish)

    def follow_settings(self) -> None:
        """Deletes the file if the settings want none, else what is older than they say."""
        if self._thread is not None or self._disk.has_files:
            self._later(self._tidy)

    def forget(self) -> None:
        """Forgets everything that is kept: in memory at once, on the disk soon (see `flush`).

        Requests that are being answered, or wait to be rendered, are not kept either: they came before.
        """
        with self._lock:
            self._memory.clear()
            self._forgotten += 1
            self._running.clear()
        if self._thread is not None or self._disk.has_files:
            self._later(self._delete_file)
        self._on_change()

    def forget_one(self, id_: str) -> bool:
        """Forgets one request; returns whether it was kept."""
        was_kept = isinstance(self.get(id_), Mapping)
        with self._lock:
            self._memory.drop(id_)
        self._later(lambda: self._disk.drop(id_))
        self.flush()
        return was_kept

    def keeper(self, id_: str, method: str, path: str) -> Keeper | None:
        """Collects the contents of a request that arrives; None if they are not kept. Always pass it to `end`."""
        if not self.is_on:
            return None
        self._running.add(id_)
        return Keeper(method, path, self._budget, self._forgotten)

    def end(self, keeper: Keeper, record: Record) -> None:
        """Keeps the request, which has ended, in a moment."""
        self._running.discard(record.id)
        if not keeper.is_worth_keeping or self._is_forgotten(keeper) or self._work.qsize() >= _QUEUED:
            keeper.release()
        else:
            self._later(lambda: self._keep(keeper, record))

    def drop(self, keeper: Keeper, id_: str) -> None:
        """Does not keep the request, which has ended."""
        self._running.discard(id_)
        keeper.release()

    def get(self, id_: str) -> Mapping[str, Any] | Missing:
        """The kept request, or why there is none. Reads the disk if it is not in memory."""
        with self._lock:
            found = self._memory.get(id_)
            missing: Missing = "dropped" if self._memory.was_kept(id_) else "not kept"
        if found is None and id_ in self._running:
            return "running"
        return found or self._disk.get(id_) or missing

    def all(self, most: int = 200) -> list[dict[str, object]]:
        """A line for each kept request, the newest first."""
        with self._lock:
            kept = self._memory.all()
        known = {one["id"] for one in kept}
        stored = [dict(one) for one in self._disk.newest(most) if one["id"] not in known]
        return [*map(summary, kept), *stored][:most]

    def flush(self) -> None:
        """Waits until everything that has ended is kept."""
        done = threading.Event()
        if self._thread is not None:
            self._later(done.set)
            done.wait(_CLOSE_S)
        self._disk.flush()

    def close(self) -> None:
        """Forgets what is in memory, and closes the file."""
        self._is_on = False
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(_CLOSE_S)
        self._disk.close()
        with self._lock:
            self._memory.clear()

    def _is_forgotten(self, keeper: Keeper) -> bool:
        return keeper.period != self._forgotten

    def _tidy(self) -> None:
        """Deletes what the settings do not want on the disk."""
        self._tidied_at = self._clock()
        if days := self._days():
            self._disk.prune(days)
        else:
            self._delete_file()

    def _delete_file(self) -> None:
        self._disk.delete()
        self._on_change()

    def _keep(self, keeper: Keeper, record: Record) -> None:
        try:
            kept = keeper.kept(record)
        finally:
            keeper.release()
        row, days = kept.to_json(), self._days()
        with self._lock:
            if self._is_forgotten(keeper):
                return
            was_empty = len(self._memory) == 0
            self._memory.add(kept.id, row, kept.size)
        if days:
            self._disk.add(kept.id, row, days)
        if was_empty:
            self._on_change()

    def _later(self, work: Callable[[], None]) -> None:
        """Queues the work for the thread."""
        self._start()
        self._work.put(work)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="drawbridge-contents", daemon=True)
                self._thread.start()

    def _wake(self) -> None:
        """Wakes the thread, so that it sees the new end time."""
        self._later(lambda: None)

    def _run(self) -> None:
        while True:
            is_timed = self._is_on and self._until is not None
            waits_s = _LOOK_S if is_timed else _TIDY_S if self._disk.has_files else None
            try:
                work = self._work.get(timeout=waits_s)
            except queue.Empty:
                self._look()
                continue
            if work is None:
                return
            try:
                work()
            except Exception:
                logger.exception("a request's contents could not be kept")

    def _look(self) -> None:
        """Ends the keeping when its time is over, and deletes what has become too old on the disk."""
        if self._clock() - self._tidied_at >= _TIDY_S and self._disk.has_files:
            self._tidy()
        with self._lock:
            is_over = self._is_on and not self.is_on
            if is_over:
                self._is_on = False
        if is_over:
            self._on_change()
