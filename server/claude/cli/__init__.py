"""The Claude Code program on this computer: where it is, its version, account, models and usage."""
