"""Decides: the controller, its settings, and the server it keeps running."""
