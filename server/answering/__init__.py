"""Any dialect's turn, answered: which model is meant, a worker from the pool, one retry, the events of the answer."""

from server.answering.service import Answering

__all__ = ["Answering"]
