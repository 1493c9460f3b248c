"""Tests of server.agents.running."""
