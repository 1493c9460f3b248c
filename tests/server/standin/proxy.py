"""Answers of a proxy between Claude Code and the API."""

from server.standin.script import Refusal

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
BAD_GATEWAY = Refusal(status=502, body=_PAGE, content_type="text/html")
