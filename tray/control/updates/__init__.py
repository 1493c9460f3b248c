"""The check for newer versions."""
