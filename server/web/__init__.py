"""The doors and the routes: HTTP in, HTTP out, nothing decided."""
