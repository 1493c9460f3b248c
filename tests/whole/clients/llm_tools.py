"""The two functions that `llm --functions` offers."""


def get_weather(city: str) -> str:
    """The temperature in a city, in degrees."""
    return {"Paris": "21", "Oslo": "9"}[city]


def difference(a: int, b: int) -> int:
    """What is left of a when b is taken away."""
    return a - b
