"""What an agent may do: its launch, its walls, and the hook before each call."""
