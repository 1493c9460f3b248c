import base64
from array import array
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from server.conversation.embedding import EmbeddingRequest, Embeddings
from server.dialects.embeddings.openai import OpenAIEmbeddings, embeddings_from, openai_body
from server.dialects.embeddings.texts import check_tokens
from server.errors import EndpointFailed, InvalidRequest

FORM = OpenAIEmbeddings()
VECTORS = tuple(array("f", numbers).tobytes() for numbers in ([0.25, -0.5], [1.0, 0.1]))
FOUND = Embeddings(VECTORS, "use-multilingual-v3", 7)


def parsed(body: object) -> EmbeddingRequest:
    return FORM.parse(body)[0]


@pytest.mark.parametrize(
    ("given", "texts", "places"),
    [
        ("a", ("a",), ("input",)),
        (["a", "b"], ("a", "b"), ("input[0]", "input[1]")),
        ({"text": "a"}, ("a",), ("input[0]",)),
        ([{"type": "text", "text": "a"}, "b"], ("a", "b"), ("input[0]", "input[1]")),
        (" a\n", (" a\n",), ("input",)),
    ],
)
def test_texts_are_taken_in_every_form(given: object, texts: tuple[str, ...], places: tuple[str, ...]) -> None:
    request = parsed({"model": "m", "input": given})
    assert (request.texts, request.places) == (texts, places)
    assert request.ignored == ()


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ([], "must be a JSON object", None),
        ({}, "input is required", "input"),
        ({"input": None}, "input is required", "input"),
        ({"input": ""}, "input must not be blank", "input"),
        ({"input": " \n"}, "input must not be blank", "input"),
        ({"input": []}, "input must not be empty", "input"),
        ({"input": ["a", ""]}, r"input\[1\] must not be blank", "input[1]"),
        ({"input": ["a", None]}, r"input\[1\] must be a string", "input[1]"),
        ({"input": 5}, "input must be a string or an array", "input"),
        ({"input": [True]}, r"input\[0\] must be a string", "input[0]"),
        ({"input": [{"image": "x"}]}, r"input\[0\] must be a string", "input[0]"),
        ({"input": [1, 2]}, "check_embedding_ctx_length=False", "input"),
        ({"input": [[1, 2], [3]]}, "check_embedding_ctx_length=False", "input"),
        ({"input": ["a"] * 2049}, "input has 2,049 entries; at most 2,048", "input"),
        ({"input": "a", "dimensions": 0}, "dimensions must be at least 1", "dimensions"),
        ({"input": "a", "dimensions": -1}, "dimensions must be at least 1", "dimensions"),
        ({"input": "a", "dimensions": 1.5}, "dimensions must be an integer", "dimensions"),
        ({"input": "a", "dimensions": True}, "dimensions must be an integer", "dimensions"),
        ({"input": "a", "dimensions": "many"}, "dimensions must be an integer", "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format must be one of", "encoding_format"),
        ({"input": "a", "model": 5}, "model must be a string", "model"),
    ],
)
def test_what_cannot_be_embedded_is_refused_with_its_place(body: object, message: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        parsed(body)
    assert caught.value.param == param


def test_2048_texts_are_taken() -> None:
    assert len(parsed({"input": ["a"] * 2048}).texts) == 2048


@pytest.mark.parametrize(("given", "meant"), [(256, 256), (256.0, 256), ("256", 256), (None, None), (9999, 9999)])
def test_dimensions_are_read(given: object, meant: int | None) -> None:
    assert parsed({"input": "a", "dimensions": given}).dimensions == meant


def test_fields_without_effect_and_broken_characters_are_named() -> None:
    body = {"input": ["a", "b\ud83d"], "user": "u", "input_type": "query", "empty": "", "no": False}
    request = parsed(body)
    assert request.texts == ("a", "b\ufffd")
    assert request.ignored == ("input[1] (half of a surrogate pair)", "user", "input_type")


def test_a_request_need_not_name_a_model() -> None:
    assert parsed({"input": "a", "model": "body"}).model == "body"
    assert parsed({"input": "a"}).model == "use-multilingual-v3"


@pytest.mark.parametrize("raw", [b'{"input": [1, 2]}', b'{"model":"m","input":[[1,2]]}', b'{"input" : [ [ 7 ] ]}'])
def test_a_long_body_of_tokens_is_noticed_before_it_is_parsed(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="check_embedding_ctx_length=False"):
        check_tokens(raw)


@pytest.mark.parametrize("raw", [b'{"input": ["1"]}', b'{"input": "[1]"}', b"{}", b"", b'{"input": [{"text": "1"}]}'])
def test_texts_are_not_taken_for_tokens(raw: bytes) -> None:
    check_tokens(raw)


def test_floats_and_base64_are_the_same_numbers_in_openais_form() -> None:
    _, reply = FORM.parse({"input": ["a", "b"], "model": "text-embedding-3-small"})
    _, packed = FORM.parse({"input": ["a", "b"], "encoding_format": "base64"})
    body: dict[str, Any] = reply.body(FOUND)
    CreateEmbeddingResponse.model_validate(body, strict=True)
    assert body["model"] == "text-embedding-3-small"
    assert body["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert [row["index"] for row in body["data"]] == [0, 1]
    other: dict[str, Any] = packed.body(FOUND)
    for row, same in zip(body["data"], other["data"], strict=True):
        assert row["embedding"] == array("f", base64.b64decode(same["embedding"])).tolist()


def test_another_endpoint_gets_the_request_and_its_reply_is_read_in_order() -> None:
    request = parsed({"input": ["a", "b"], "model": "m", "dimensions": 2})
    assert openai_body(request, None) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 2,
    }
    assert openai_body(request, "other")["model"] == "other"
    rows = [{"index": 1, "embedding": [1.0, 0.1]}, {"index": 0, "embedding": [0.25, -0.5]}]
    found = embeddings_from({"data": rows, "model": "real", "usage": {"prompt_tokens": 3}}, request)
    assert found == Embeddings(VECTORS, "real", 3)


@pytest.mark.parametrize("body", [None, {}, {"data": None}, {"data": [{"index": 0}]}, {"data": []}, {"data": ["x"]}])
def test_a_reply_without_embeddings_is_an_error(body: object) -> None:
    with pytest.raises(EndpointFailed, match="embeddings"):
        embeddings_from(body, parsed({"input": "a"}))
