"""Computes embeddings in a thread of its own, which loads the model at first use and drops it when it is idle."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from server.conversation.embedding import LOCAL_MODEL, EmbeddingRequest, Embeddings
from server.embeddings.install import install_hint, is_installed
from server.embeddings.model import LocalModel, batches, check_dimensions, load_model, notes_on
from server.errors import EmbeddingsMissing, ShuttingDown
from server.offload import SWITCH_S

logger = logging.getLogger(__name__)

T = TypeVar("T")


class LocalEmbedder:
    """Embeds with the local model. `idle_s` says after how many idle seconds the model is dropped.

    The thread takes the requests' batches in turn, so a small request need not wait for a large one, and the rest of
    a request that is cancelled is never computed.
    """

    def __init__(self, *, idle_s: Callable[[], float], load: Callable[[], LocalModel] = load_model) -> None:
        self._idle_s = idle_s
        self._load = load
        # Used in the thread only.
        self._model: LocalModel | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._model is not None

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Returns the vectors of the texts. Raises `InvalidRequest` and `EmbeddingsMissing`."""
        check_dimensions(request.dimensions)
        if self._is_closed:
            raise ShuttingDown
        self._begin()
        try:
            load_s = await self._in_thread(self._loaded)
            found = Embeddings((), LOCAL_MODEL, 0, load_s=load_s)
            for run in batches(request.texts):
                found = await self._in_thread(partial(self._extended, found, request, run))
        finally:
            self._end()
        logger.info("embedded: %d texts, %d tokens", len(found.vectors), found.tokens)
        return found

    def close(self) -> None:
        """Ends the thread after the batch that it computes, and drops the model."""
        self._is_closed = True
        self._drop()

    def _begin(self) -> None:
        self._running += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._thread is None:
            # It shares the interpreter with the event loop, which therefore gets its turn early: see server/offload.
            self._thread = ThreadPoolExecutor(
                1, thread_name_prefix="embeddings", initializer=sys.setswitchinterval, initargs=(SWITCH_S,)
            )

    def _end(self) -> None:
        self._running -= 1
        if not self._running and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(self._idle_s(), self._drop)

    def _drop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        thread, self._thread, self._timer = self._thread, None, None
        if thread is not None:
            thread.submit(self._forget)
            thread.shutdown(wait=False)
            logger.info("the model for embeddings is unloaded")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise ShuttingDown
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _loaded(self) -> float:
        """In the thread: loads the model if needed. Returns the seconds that it took."""
        if self._model is not None:
            return 0.0
        if not is_installed():
            raise EmbeddingsMissing("This installation has no model for embeddings.", hint=install_hint())
        began = time.monotonic()
        self._model = self._load()
        took_s = time.monotonic() - began
        logger.info("the model for embeddings is loaded (%.1f s)", took_s)
        return took_s

    def _extended(self, found: Embeddings, request: EmbeddingRequest, run: slice) -> Embeddings:
        """In the thread: `found` with the vectors of one more run of texts."""
        assert self._model is not None
        texts = [self._model.tokens(text) for text in request.texts[run]]
        notes = notes_on(texts, request.places[run], cuts=request.cuts)
        return Embeddings(
            (*found.vectors, *self._model.vectors(texts, request.dimensions)),
            found.model,
            found.tokens + sum(text.count for text in texts),
            (*found.notes, *notes),
            found.load_s,
        )

    def _forget(self) -> None:
        self._model = None
