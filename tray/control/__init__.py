"""The app's event loop, its settings, and the supervision of the server."""
