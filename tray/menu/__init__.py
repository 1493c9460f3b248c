"""The menu and its texts: pure functions of a snapshot."""
