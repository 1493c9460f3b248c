"""Answers a request of any dialect: model routing, a worker from the pool, retries, and the events of the answer."""

from server.answering.service import Answering

__all__ = ["Answering"]
