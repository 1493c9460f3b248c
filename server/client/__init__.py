"""A client library for a running Drawbridge: `from server.client import BridgeClient`."""

from server.client.bridge_client import BridgeClient

__all__ = ["BridgeClient"]
