"""The stand-in: a strict double of the Messages API, the upstream of the demo, the self-check and the tests."""
