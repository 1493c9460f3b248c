"""The list of requests, without their words."""
