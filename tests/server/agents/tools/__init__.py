"""Tests of server.agents.tools."""
