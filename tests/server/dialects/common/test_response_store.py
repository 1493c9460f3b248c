"""The memory store: by owner, within its limits, each shared item counted once."""

from server.dialects.common.response_store import MAX_AGE_S, MemoryStore, NoStore, StoredResponse


def response(number: int, *input_: str, size: int = 10) -> StoredResponse:
    items = tuple({"id": name, "text": "x" * size} for name in input_)
    return StoredResponse(f"resp_{number}", {"id": f"resp_{number}"}, items, ({"id": f"msg_{number}"},))


def test_a_response_and_its_items_are_found_by_their_owner_only() -> None:
    store = MemoryStore()
    store.put("ann", response(1, "a"))
    assert store.get("ann", "resp_1") == response(1, "a")
    assert store.item("ann", "a") == {"id": "a", "text": "x" * 10}
    assert store.item("ann", "msg_1") == {"id": "msg_1"}
    assert store.get("bob", "resp_1") is None
    assert store.item("bob", "a") is None
    assert not store.delete("bob", "resp_1")


def test_an_item_is_kept_while_a_response_contains_it() -> None:
    store = MemoryStore()
    store.put("ann", response(1, "a"))
    store.put("ann", response(2, "a", "b"))
    assert store.delete("ann", "resp_1")
    assert store.item("ann", "a") is not None
    assert store.item("ann", "msg_1") is None
    assert store.delete("ann", "resp_2")
    assert store.item("ann", "a") is None
    assert not store.delete("ann", "resp_2")


def test_the_response_used_longest_ago_is_dropped() -> None:
    store = MemoryStore(max_responses=2)
    for number in (1, 2):
        store.put("ann", response(number))
    store.get("ann", "resp_1")
    store.put("ann", response(3))
    assert [store.get("ann", f"resp_{number}") is None for number in (1, 2, 3)] == [False, True, False]


def test_a_shared_item_counts_once_and_too_large_a_response_is_not_kept() -> None:
    store = MemoryStore(max_bytes=1000)
    store.put("ann", response(1, "a", size=600))
    store.put("ann", response(2, "a", size=600))
    assert store.get("ann", "resp_1")
    store.put("ann", response(3, "c", size=600))
    assert [store.get("ann", f"resp_{number}") is None for number in (1, 2, 3)] == [True, True, False]
    store.put("ann", response(4, "d", size=2000))
    assert store.get("ann", "resp_4") is None
    assert store.item("ann", "d") is None


def test_a_response_is_dropped_after_a_day() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now)
    store.put("ann", response(1))
    now = MAX_AGE_S
    assert store.get("ann", "resp_1")
    now += 1
    assert store.get("ann", "resp_1") is None
    assert store.item("ann", "msg_1") is None


def test_a_response_stored_again_replaces_itself() -> None:
    store = MemoryStore()
    store.put("ann", response(1, "a"))
    store.put("ann", response(1, "b"))
    assert store.item("ann", "a") is None
    assert store.item("ann", "b") is not None


def test_no_store_keeps_nothing() -> None:
    store = NoStore()
    store.put("ann", response(1, "a"))
    assert store.get("ann", "resp_1") is None
    assert store.item("ann", "a") is None
    assert not store.delete("ann", "resp_1")
