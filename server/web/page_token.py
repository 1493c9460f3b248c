"""The token of our own page: it shows the page again without the access key, and lets it use /control."""

import hashlib
import hmac
from dataclasses import replace

from server.web.access.policy import Access
from server.web.interfaces import ControlPort


def page_token(control: ControlPort | None, access: Access) -> str | None:
    """Returns the token with which the page is shown again and stops the server; None if this access may not.

    It is derived from the instance's token, which never leaves its private file, and from the required key: a new key
    ends old pages. Pages of other origins never get it, even if they may use the API.
    """
    if control is None or access.policy.name != "local" or not access.is_trusted or not access.is_own:
        return None
    return token_for_key(control.token, access.policy.key)


def token_for_key(secret: str, key: str | None) -> str:
    """The page's token while `key` is required (None: no key is), of the instance with the token `secret`."""
    return hmac.digest(secret.encode(), f"page {key or ''}".encode(), hashlib.sha256).hex()


def page_access(control: ControlPort | None, access: Access, sent: str) -> Access:
    """`access`, trusted also if our own page `sent` the token that it got with the key or with a ticket."""
    token = page_token(control, replace(access, is_trusted=True))
    is_known = token is not None and hmac.compare_digest(sent.encode(), token.encode())
    return replace(access, is_trusted=True) if is_known else access
