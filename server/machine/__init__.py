"""Ports to this computer: folders, settings, the running instance, processes."""
