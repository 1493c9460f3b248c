"""A stand-in for the Messages API, as strict as the real one: the upstream of the demo and of the tests."""
