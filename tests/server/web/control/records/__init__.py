"""Tests of what the list of requests tells."""
