"""Tests of server.agents.asking."""
