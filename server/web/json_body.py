"""Parses the JSON body of a request, within limits that hold before the work is done."""

import json
import math
from typing import Any  # parsed JSON

from starlette.requests import Request

from server.errors import InvalidRequest
from server.large_json import MOST_VALUES, has_more_values, loads
from server.offload import LARGE, is_large, offload
from server.web.path_aliases import DEPLOYMENT

# OpenAI's API takes 128.
MOST_TOOLS = 2_000
# Claude Code takes a conversation message by message, some milliseconds each.
MOST_MESSAGES = 10_000
_LIMITS = {"messages": MOST_MESSAGES, "input": MOST_MESSAGES, "tools": MOST_TOOLS, "functions": MOST_TOOLS}


async def json_body(request: Request) -> object:
    """The parsed body of the request, with the model of an Azure path.

    Raises `InvalidRequest` if it is not JSON, or too much of it.
    The rest of the work on a large body is offloaded too: see `server.offload`.
    """
    raw = await request.body()
    is_large.set(len(raw) > LARGE)
    body = await offload(parse_json, raw)
    deployment = request.scope.get(DEPLOYMENT)
    return {**body, "model": deployment} if deployment and isinstance(body, dict) else body


def parse_json(raw: bytes) -> object:
    """`raw` as JSON. Raises `InvalidRequest`."""
    if not raw.strip():
        raise InvalidRequest("The body is empty.", hint="Send a JSON object.")
    try:
        text = raw.decode(json.detect_encoding(raw), "surrogatepass")
        if has_more_values(text):
            raise InvalidRequest(f"The body contains more than {MOST_VALUES:,} JSON values.")
        return _bounded(loads(text, parse_constant=_refuse_constant, parse_float=_finite))
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid JSON in UTF-8.") from error
    except ValueError as error:
        # Python limits the length of integers, because their conversion takes quadratic time.
        raise InvalidRequest("The body contains a number with too many digits.") from error


def _bounded(body: Any) -> object:
    for name, most in _LIMITS.items() if isinstance(body, dict) else ():
        items = body.get(name)
        if isinstance(items, list) and len(items) > most:
            raise InvalidRequest(
                f"{name} has {len(items):,} entries; at most {most:,} are allowed.",
                param=name,
                hint="Leave out those that are not needed.",
            )
    return body


def _refuse_constant(name: str) -> object:
    raise InvalidRequest(f"The body is not valid JSON: {name} is not a JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidRequest(f"The body contains the number {digits[:40]}, which is too large.")
    return number
