"""Who may use /control: our own commands, with the instance's token, and our own page, with a token of its own."""

import hmac
from dataclasses import replace

from fastapi import Request

from server.errors import AccessDenied, NotFound
from server.machine.instance import TOKEN_HEADER
from server.web.access.policy import Access, access_of
from server.web.interfaces import ControlPort
from server.web.page_token import page_token


class Admission:
    """Admits requests on the local listener that send one of the tokens in the header `x-drawbridge-token`."""

    def __init__(self, control: ControlPort) -> None:
        self.control = control

    def command(self, request: Request) -> Access:
        """Admits our own commands only. Raises `AccessDenied`, or `NotFound` on any other listener."""
        return _admit(request, self.control.token)

    def page(self, request: Request) -> Access:
        """Admits our own page and our own commands. Raises `AccessDenied`, or `NotFound` on any other listener."""
        token = page_token(self.control, replace(access_of(request), is_trusted=True))
        return _admit(request, self.control.token, token)


def local_only(request: Request) -> Access:
    """The access of a request on the local listener. Raises `NotFound` on any other."""
    access = access_of(request)
    if access.policy.name != "local":
        raise NotFound(f"There is nothing at {request.url.path}.")
    return access


def _admit(request: Request, *tokens: str | None) -> Access:
    access = local_only(request)
    sent = request.headers.get(TOKEN_HEADER, "").encode()
    if not any(token is not None and hmac.compare_digest(sent, token.encode()) for token in tokens):
        raise AccessDenied(
            "This needs the token of the running server.", hint="Use Drawbridge's own dashboard or its commands."
        )
    return access
