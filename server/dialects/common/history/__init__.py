"""Reads the messages of a request, in the form of any API, as the conversation that Claude gets."""
