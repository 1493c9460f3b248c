"""What apps sent lately, and what was wrong with it: how the page tells that an app is connected."""
