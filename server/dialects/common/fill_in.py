"""Asks for the text of a gap: what editors request with a prompt before the gap and a suffix behind it."""

FILL_IN = (
    "The user's message is a text with a gap, marked <gap/>. Answer with the text that belongs in the gap, and with"
    " nothing else: no explanation, no code fence, none of the text around the gap. Write the white space and line"
    " breaks that the gap needs."
)
"""The instruction, for the system prompt."""


def fill_in_prompt(before: str, after: str) -> str:
    """Returns the text with its gap."""
    return f"{before}<gap/>{after}"
