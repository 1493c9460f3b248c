"""Decides which spare is warmed up next."""

from collections.abc import Collection, Sequence

from server.pool.types import Limits, Slot, Waiter, WorkerState


def next_to_warm_up(
    slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, *, warmed: Collection[int], warming: int
) -> int | None:
    """The oldest raw worker that is not among the `warmed`, if nothing else needs the CPU; `warming` are running.

    Nothing else needs it when no request waits or has yet to get its first token, and no worker boots. A worker in a
    warm-up is raw: a request may lease it, and the worker ends the warm-up at once.
    """
    if not limits.warms_spares or warming or waiting or any(_is_busy(slot) for slot in slots):
        return None
    raw = [slot for slot in slots if slot.state is WorkerState.RAW and slot.key not in warmed]
    return min(raw, key=lambda slot: (slot.last_used, slot.key)).key if raw else None


def _is_busy(slot: Slot) -> bool:
    is_beginning = slot.state is WorkerState.ANSWERING and not slot.has_first_token
    return is_beginning or slot.state is WorkerState.BOOTING
