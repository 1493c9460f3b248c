"""Whether a text is blank."""

import re

_BLANK = re.compile(r"[\s\ufeff]*")


def is_blank(text: str) -> bool:
    """Whether `text` is only whitespace or byte order marks. Claude's API refuses such a text block."""
    return _BLANK.fullmatch(text) is not None
