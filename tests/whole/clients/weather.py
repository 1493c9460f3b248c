"""What the programs of several clients ask for: tools, a form, and a picture."""

from pydantic import BaseModel, Field

QUESTION = "Which is warmer, Paris or Oslo, and by how much?"
WANTS_FORM = "Oslo's weather, as JSON"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAFUlEQVR4nGM8wcXFwMDAwMDAxAADABByAOAp6i43AAAAAElFTkSuQmCC"


def get_weather(city: str) -> str:
    """The temperature in a city, in degrees."""
    return {"Paris": "21", "Oslo": "9"}[city]


def difference(a: int, b: int) -> int:
    """What is left of a when b is taken away."""
    return a - b


class Report(BaseModel):
    """The weather in a city."""

    city: str = Field(description="Its name")
    degrees: int
