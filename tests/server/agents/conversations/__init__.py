"""Tests of server.agents.conversations."""
