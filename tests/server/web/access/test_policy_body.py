"""Which bodies a policy lets in: type, encoding and length."""

import pytest

from server.errors import BodyAmbiguous, BodyNotJson, BodyTooLarge
from server.web.access.policy import AccessPolicy, authorize
from tests.server.web.access.heads import LOCAL, head, posted


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "application/json;"]
)
def test_json_content_types_are_accepted(kind: str) -> None:
    authorize(posted(content_type=kind), LOCAL)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/json",
        "application/jsonx",
        "",
    ],
)
def test_a_body_with_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(BodyNotJson):
        authorize(posted(content_type=kind), LOCAL)
    chunked = head("PUT", transfer_encoding="chunked", content_type=kind)
    with pytest.raises(BodyNotJson):
        authorize(chunked, LOCAL)


def test_a_request_without_a_body_needs_no_content_type() -> None:
    authorize(head("POST", content_length="0"), LOCAL)
    authorize(head("POST"), LOCAL)
    authorize(head("DELETE"), LOCAL)


def test_an_upload_to_an_unbuilt_endpoint_passes_so_that_it_gets_its_error() -> None:
    authorize(posted("/v1/audio/transcriptions", content_type="multipart/form-data; boundary=x"), LOCAL)


@pytest.mark.parametrize("length", ["1001", "99999999999999999999999999", "-1", "1e3", "\xb2"])
def test_a_content_length_over_the_limit_is_refused(length: str) -> None:
    with pytest.raises(BodyTooLarge):
        authorize(posted(content_length=length), AccessPolicy(body_limit=1000))


def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    authorize(posted(content_length="1000"), AccessPolicy(body_limit=1000))


def test_a_body_of_two_lengths_is_refused() -> None:
    with pytest.raises(BodyAmbiguous):
        authorize(posted(content_length="5", transfer_encoding="chunked"), LOCAL)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "identity", ""])
def test_a_known_content_encoding_is_taken(encoding: str) -> None:
    authorize(posted(content_length="5", content_encoding=encoding), LOCAL)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_unknown_content_encoding_is_named(encoding: str) -> None:
    with pytest.raises(BodyNotJson, match=encoding):
        authorize(posted(content_length="5", content_encoding=encoding), LOCAL)
