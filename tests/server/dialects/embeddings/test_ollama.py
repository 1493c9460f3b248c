from array import array
from typing import Any

import pytest
from ollama import EmbeddingsResponse, EmbedResponse

from server.conversation.embedding import Embeddings
from server.dialects.embeddings.ollama import OllamaEmbed, OllamaEmbeddings
from server.errors import InvalidRequest

VECTOR = array("f", [0.25, -0.5]).tobytes()
FOUND = Embeddings((VECTOR,), "use-multilingual-v3", 7, load_s=0.5, total_s=0.75)


def test_embed_takes_texts_and_replies_in_ollamas_form() -> None:
    body = {"model": "nomic-embed-text", "input": ["a"], "truncate": False, "dimensions": 2, "keep_alive": "5m"}
    request, reply = OllamaEmbed().parse({**body, "options": {"num_ctx": 5}, "x": 1})
    assert (request.texts, request.cuts, request.dimensions) == (("a",), False, 2)
    assert request.ignored == ("x",)
    sent: dict[str, Any] = reply.body(FOUND)
    read = EmbedResponse.model_validate(sent, strict=True)
    assert (read.model, read.embeddings) == ("nomic-embed-text", [[0.25, -0.5]])
    assert (read.total_duration, read.load_duration, read.prompt_eval_count) == (750_000_000, 500_000_000, 7)


def test_the_older_endpoint_takes_a_prompt() -> None:
    request, reply = OllamaEmbeddings().parse({"model": "m", "prompt": "a"})
    assert (request.texts, request.places) == (("a",), ("prompt",))
    sent: dict[str, Any] = reply.body(FOUND)
    assert EmbeddingsResponse.model_validate(sent, strict=True).embedding == [0.25, -0.5]


@pytest.mark.parametrize("body", [{"model": "m"}, {"model": "m", "input": ""}, {"model": "m", "input": []}])
def test_without_texts_the_model_is_only_loaded_as_by_ollama(body: object) -> None:
    request, reply = OllamaEmbed().parse(body)
    assert request.texts == ()
    assert reply.body(Embeddings((), "m", 0))["embeddings"] == []
    old, old_reply = OllamaEmbeddings().parse({"model": "m", "prompt": ""})
    assert (old.texts, old_reply.body(Embeddings((), "m", 0))) == ((), {"embedding": []})


def test_a_wrong_request_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidRequest, match=r"input\[1\] must not be blank"):
        OllamaEmbed().parse({"model": "m", "input": ["a", " "]})
    with pytest.raises(InvalidRequest, match="prompt must be a string"):
        OllamaEmbeddings().parse({"model": "m", "prompt": 5})
