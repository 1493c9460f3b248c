"""Answers as bytes: JSON, and the frames of a server-sent event stream."""

import json

STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # nginx and its like would hold the stream back.
    (b"x-accel-buffering", b"no"),
)
JSON_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
COMMENT = b": drawbridge\n\n"
DONE = b"data: [DONE]\n\n"

# JSON allows these in a text as they are, but clients that split lines the Unicode way would break a frame there.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}

# Made once: `json.dumps` would make one for each token.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def json_bytes(value: object) -> bytes:
    """`value` as compact JSON on one line in UTF-8. Half a surrogate pair, which UTF-8 has no bytes for, is escaped."""
    text = _compact(value)
    try:
        return text.translate(_LINE_ENDS).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def data_frame(value: object) -> bytes:
    """One event of a stream."""
    return b"data: " + json_bytes(value) + b"\n\n"
