"""Images and files: recognized by their bytes, never fetched, and refused with their place."""

import base64
import re
from urllib.parse import quote

import pytest

from server.conversation.parts import Document, Image, Message, ToolResult
from server.dialects.common.content.attachments import (
    check_total_size,
    document_from_base64,
    document_from_text,
    document_from_url,
    image_from_base64,
    image_from_url,
)
from server.errors import InvalidRequest
from tests.pictures import PICTURES, PNG

PLACE = "messages[3].content[1].image_url.url"
KINDS = PICTURES
PDF = b"\n%PDF-1.7 ..."


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("claimed", ["", "image/", "image/png", "image/jpg", "application/octet-stream", "text/plain"])
def test_the_bytes_decide_the_type_of_an_image(kind: str, claimed: str) -> None:
    content = KINDS[kind]
    expected = Image(media_type=kind, data=b64(content))
    assert image_from_url(f"data:{claimed};base64,{b64(content)}", PLACE) == expected
    assert image_from_base64(b64(content), claimed, PLACE) == expected
    assert document_from_base64(b64(content), claimed, PLACE) == expected


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;charset=utf-8;base64,{b64(PNG)}",
        f"DATA:image/png;BASE64,{b64(PNG)}",
        f"data:;base64,{b64(PNG).rstrip('=')}",
        f"data:image/png;base64,{quote(b64(PNG), safe='')}",
        f"data:image/png;base64,{base64.urlsafe_b64encode(PNG).decode()}",
        f"data:image/png;base64,{base64.encodebytes(PNG).decode()}",
        f"data:image/png,{quote(PNG)}",
        b64(PNG),
        f"  data:image/png;base64,{b64(PNG)}\n",
    ],
)
def test_one_image_in_many_forms(url: str) -> None:
    assert image_from_url(url, PLACE) == Image(media_type="image/png", data=b64(PNG))


def test_a_pdf_becomes_a_document() -> None:
    assert image_from_url(f"data:;base64,{b64(PDF)}", PLACE) == Document("application/pdf", b64(PDF))
    assert document_from_url(f"data:;base64,{b64(PDF)}", PLACE, title="a.pdf") == Document(
        "application/pdf", b64(PDF), title="a.pdf"
    )
    assert document_from_base64(f"data:application/pdf;base64,{b64(PDF)}", None, PLACE).data == b64(PDF)


def test_a_text_file_becomes_a_document() -> None:
    found = document_from_url("data:text/csv;base64," + b64("\ufeffa,b\r\né".encode()), PLACE, title="t.csv")
    assert found == Document("text/plain", "a,b\r\né", title="t.csv")
    assert document_from_text(" a ", PLACE) == Document("text/plain", " a ")


@pytest.mark.parametrize("url", ["https://example.org/a.png", "HTTPS://example.org:8443/%20?q=1", "https://8.8.8.8/a"])
def test_an_https_url_is_unchanged(url: str) -> None:
    assert image_from_url(url, PLACE) == Image(url=url)
    assert document_from_url(url, PLACE) == Document(url=url)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "printer.local", "router", "db.internal", "nas.lan"),
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"),
    ],
)
def test_a_local_address_is_refused(host: str) -> None:
    for read in (image_from_url, document_from_url):
        with pytest.raises(InvalidRequest, match=f"{re.escape(PLACE)} is on this computer") as caught:
            read(f"https://{host}/a.png", PLACE)
        assert caught.value.param == PLACE


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://example.org/a.png", "http URL"),
        ("ftp://example.org/a.png", "must be a data URL or an https URL"),
        ("file:///etc/passwd", "must be a data URL or an https URL"),
        ("https://", "not a complete https URL"),
        ("https://[", "not a complete https URL"),
        ("", "is empty"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png;base64", "without a comma"),
        ("data:image/png;base64,*", "valid base64"),
        ("data:image/png;base64,AAAAA", "valid base64"),
        ("data:image/svg+xml;base64," + b64(b"<svg/>"), "not a PNG, JPEG, GIF or WebP"),
        ("data:image/bmp;base64," + b64(b"BM123456"), "not a PNG, JPEG, GIF or WebP"),
        ("hello, there", "valid base64"),
    ],
)
def test_a_bad_image_is_refused(url: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=text) as caught:
        image_from_url(url, PLACE)
    assert caught.value.param == PLACE
    assert PLACE in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_without_dimensions_is_refused(kind: str) -> None:
    """Claude Code would replace it by a sentence of its own, and Claude would answer that."""
    with pytest.raises(InvalidRequest, match="damaged image") as caught:
        image_from_base64(b64(KINDS[kind][: 7 if kind == "image/gif" else 15]), None, PLACE)
    assert caught.value.param == PLACE


@pytest.mark.parametrize("content", [b"", b" \n", b"\0\1", b"\xff\xfe\x00", b"PK\x03\x04\xff"])
def test_a_bad_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        document_from_base64(b64(content), "application/msword", PLACE)
    assert caught.value.param == PLACE
    with pytest.raises(InvalidRequest, match="not a PDF"):
        document_from_base64(b64(b"words"), "application/pdf", PLACE)


def test_images_are_limited_each_and_in_total() -> None:
    # The data ends early, so that a larger one cannot be made smaller.
    most = PNG[:40] + bytes(5 * 1024 * 1024 // 4 * 3 - 40)
    found = image_from_base64(b64(most), None, PLACE)
    with pytest.raises(InvalidRequest, match=r"5\.0 MB in base64"):
        image_from_base64(b64(most + b"x"), None, PLACE)
    six = Message("user", (*[found] * 5, ToolResult("c", (found,))))
    check_total_size([six], field="messages")
    with pytest.raises(InvalidRequest, match="32 MB"):
        check_total_size([six, Message("user", (found,))], field="messages")


@pytest.mark.parametrize("url", ["data:;base64," * 2000 + "AAAA", "data:;base64,data:%FF,AA", "data:;base64,data:x,AA"])
def test_a_data_url_inside_a_data_url_is_refused(url: str) -> None:
    for read in (image_from_url, document_from_url):
        with pytest.raises(InvalidRequest) as caught:
            read(url, PLACE)
        assert caught.value.param == PLACE
