"""What the clients of the Responses API are put through: questions, tools, a form, a picture, an error, a cancel."""

import json
import sys
from typing import Any

from llm_tools import difference, get_weather
from pydantic import BaseModel, Field

URL, PICTURE = sys.argv[1:3]
QUESTION = "Which is warmer, Paris or Oslo, and by how much?"
FORM = "Oslo's weather, as JSON"
TOOLS = (get_weather, difference)


class Report(BaseModel):
    """The weather in a city."""

    city: str = Field(description="Its name")
    degrees: int


def report(**found: Any) -> None:
    """Prints one JSON line with what the client gave to its user."""
    print(json.dumps(found))
