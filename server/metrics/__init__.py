"""Counts and times of requests, for Prometheus."""
