"""Commands that ask a running server, and tell it what to do."""
