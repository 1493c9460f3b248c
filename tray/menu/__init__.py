"""The menu and its texts, made from a snapshot. Pure functions."""
