"""What an agent may do: its launch, its limits of paths, the sandbox, and the hook before each call."""
