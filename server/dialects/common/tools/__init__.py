"""The tools of a request: their conversion, their schemas, and the pairing of calls with results."""
