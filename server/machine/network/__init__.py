"""Sockets: listeners, who owns a port or a connection, and Drawbridge's own addresses."""
