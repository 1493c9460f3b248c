"""The icon and its menu on each operating system."""
