"""Streamed responses: from events to bytes on the socket."""
