"""Tool names that Claude's API takes, for those that it does not."""

import hashlib
import re

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_STEM = 100


def legal_name(name: str) -> str:
    """`name` itself where Claude's API takes it; else one that it takes, always the same, and no other name's."""
    if _LEGAL.fullmatch(name):
        return name
    stem = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_STEM]
    return f"{stem}_{hashlib.blake2b(name.encode(), digest_size=6).hexdigest()}"
