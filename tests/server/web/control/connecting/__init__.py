"""Tests of what connecting a client needs."""
