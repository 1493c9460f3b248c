"""Folders and files: where they are, atomic writes, temporary folders, the settings file."""
