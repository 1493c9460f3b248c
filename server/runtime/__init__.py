"""The server as a thread: the runner, its listeners, and the engine behind HTTP."""
