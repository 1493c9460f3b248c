"""JSON on the wire: compact bytes, server-sent events, and newline-delimited JSON."""

import json

SSE_TYPE = "text/event-stream; charset=utf-8"
NDJSON_TYPE = "application/x-ndjson"
SSE_COMMENT = b": drawbridge\n\n"
SSE_DONE = b"data: [DONE]\n\n"  # the end mark of OpenAI's older APIs

# JSON allows these characters unescaped, but clients that split lines by Unicode's rules would break a frame there.
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}

# Created once: `json.dumps` with options would create an encoder for each token.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def json_bytes(value: object) -> bytes:
    """`value` as compact JSON on one line, in UTF-8; an unpaired surrogate, which UTF-8 cannot encode, is escaped."""
    text = _compact(value)
    try:
        return text.translate(_LINE_ENDS).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def sse_frame(value: object, event: str | None = None) -> bytes:
    """One server-sent event with `value` as its data, and `event` as its name if there is one."""
    name = b"" if event is None else b"event: " + event.encode() + b"\n"
    return name + b"data: " + json_bytes(value) + b"\n\n"


def ndjson_line(value: object) -> bytes:
    """One line of newline-delimited JSON."""
    return json_bytes(value) + b"\n"
