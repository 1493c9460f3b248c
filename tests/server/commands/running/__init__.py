"""Tests of server.commands.running."""
