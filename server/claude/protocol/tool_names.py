"""Makes tool names legal for Claude's API."""

import hashlib
import re

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_STEM = 100


def legal_name(name: str) -> str:
    """`name` if Claude's API accepts it; else a legal name, unique to it and always the same."""
    if _LEGAL.fullmatch(name):
        return name
    stem = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_STEM]
    return f"{stem}_{hashlib.blake2b(name.encode(), digest_size=6).hexdigest()}"
