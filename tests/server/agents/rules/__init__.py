"""Tests of server.agents.rules."""
