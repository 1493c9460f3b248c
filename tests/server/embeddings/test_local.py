"""The thread of the local model: loading, turns, cancellation, unloading."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence

import pytest

from server.embeddings import install
from server.embeddings.local import LocalEmbedder
from server.embeddings.model import LocalModel, Tokens
from server.errors import EmbeddingsMissing, InvalidRequest, ShuttingDown
from tests.server.embeddings.kit import asked


class FakeModel:
    """Notes what it embeds, and by which thread; waits for `gate` at a text that begins with "wait"."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.waits = threading.Event()

    def tokens(self, text: str) -> Tokens:
        self.threads.add(threading.current_thread().name)
        self.seen.append(text)
        if text.startswith("wait"):
            self.waits.set()
            self.gate.wait(30)
        return Tokens((1, 5, 2), is_cut=False, is_known=True, foreign=0.0)

    def vectors(self, texts: Sequence[Tokens], dimensions: int | None) -> list[bytes]:
        return [b"\0\0\x80\x3f" for _ in texts]


class Loading:
    """Loads fakes, which nothing but the embedder keeps."""

    def __init__(self) -> None:
        self.count = 0
        self.last: weakref.ref[FakeModel] | None = None

    def __call__(self) -> LocalModel:
        self.count += 1
        model = FakeModel()
        self.last = weakref.ref(model)
        return model  # type: ignore[return-value] # a fake


def over(fake: FakeModel) -> LocalEmbedder:
    return LocalEmbedder(idle_s=lambda: 3600, load=lambda: fake)  # type: ignore[arg-type, return-value] # a fake


async def test_it_is_loaded_at_first_use_in_its_own_thread_and_kept() -> None:
    fake = FakeModel()
    embedder = over(fake)
    was_loaded = embedder.is_loaded
    first = await embedder.embed(asked("a"))
    second = await embedder.embed(asked("b", "c"))
    assert (was_loaded, embedder.is_loaded) == (False, True)
    assert (len(first.vectors), len(second.vectors), second.tokens, second.load_s) == (1, 2, 2, 0.0)
    assert {name.rpartition("_")[0] for name in fake.threads} == {"embeddings"}
    embedder.close()


async def test_it_is_dropped_when_idle_and_loaded_again() -> None:
    loading = Loading()
    embedder = LocalEmbedder(idle_s=lambda: 0.01, load=loading)
    await embedder.embed(asked("a"))
    assert loading.last is not None
    async with asyncio.timeout(30):
        while loading.last() is not None:
            gc.collect()
            await asyncio.sleep(0.01)
    assert not embedder.is_loaded
    await embedder.embed(asked("a"))
    assert loading.count == 2
    embedder.close()


async def test_it_is_not_dropped_while_it_works() -> None:
    fake = FakeModel()
    embedder = LocalEmbedder(idle_s=lambda: 0.0, load=lambda: fake)  # type: ignore[arg-type, return-value] # a fake
    slow = asyncio.create_task(embedder.embed(asked("wait")))
    await asyncio.to_thread(fake.waits.wait, 30)
    quick = asyncio.create_task(embedder.embed(asked("b")))
    await asyncio.sleep(0.05)
    assert embedder.is_loaded
    fake.gate.set()
    assert len((await slow).vectors) == len((await quick).vectors) == 1
    embedder.close()


async def test_a_small_request_gets_its_turn_within_a_large_one() -> None:
    fake = FakeModel()
    embedder = over(fake)
    large = asyncio.create_task(embedder.embed(asked("wait", *(f"large {number}" for number in range(1000)))))
    await asyncio.to_thread(fake.waits.wait, 30)
    small = asyncio.create_task(embedder.embed(asked("small")))
    await asyncio.sleep(0)
    fake.gate.set()
    await small
    assert not large.done()
    assert len((await large).vectors) == 1001
    assert fake.seen.index("small") < 300
    embedder.close()


async def test_the_rest_of_a_cancelled_request_is_not_computed() -> None:
    fake = FakeModel()
    embedder = over(fake)
    task = asyncio.create_task(embedder.embed(asked("wait", *(f"more {number}" for number in range(1000)))))
    await asyncio.to_thread(fake.waits.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    fake.gate.set()
    await embedder.embed(asked("next"))
    # The run that was being computed, and nothing more.
    assert len(fake.seen) == 64 + 1
    embedder.close()


async def test_a_model_that_cannot_be_loaded_fails_its_requests_and_is_tried_again() -> None:
    answers = [MemoryError(), None]
    fake = FakeModel()

    def load() -> LocalModel:
        if (error := answers.pop(0)) is not None:
            raise error
        return fake  # type: ignore[return-value] # a fake

    embedder = LocalEmbedder(idle_s=lambda: 3600, load=load)
    with pytest.raises(MemoryError):
        await embedder.embed(asked("a"))
    assert len((await embedder.embed(asked("a"))).vectors) == 1
    embedder.close()


async def test_too_many_dimensions_are_refused_without_loading_it() -> None:
    loading = Loading()
    embedder = LocalEmbedder(idle_s=lambda: 3600, load=loading)
    with pytest.raises(InvalidRequest, match="512"):
        await embedder.embed(asked("a", dimensions=1536))
    assert loading.count == 0


async def test_after_its_end_it_takes_no_requests() -> None:
    embedder = over(FakeModel())
    await embedder.embed(asked("a"))
    embedder.close()
    with pytest.raises(ShuttingDown):
        await embedder.embed(asked("a"))


async def test_without_the_package_the_error_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_MODULE", "no_such_package")
    embedder = LocalEmbedder(idle_s=lambda: 3600)
    with pytest.raises(EmbeddingsMissing, match="uv run --no-dev --extra embeddings drawbridge"):
        await embedder.embed(asked("a"))
    embedder.close()
