"""Text that says nothing: white space, or an invisible byte order mark."""

import re

_BLANK = re.compile(r"[\s\ufeff]*")


def is_blank(text: str) -> bool:
    """Whether `text` holds no visible character. Claude's API refuses such a text block."""
    return _BLANK.fullmatch(text) is not None
