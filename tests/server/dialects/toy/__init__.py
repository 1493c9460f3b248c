"""A dialect made for the tests: it shows that a new dialect needs one folder and one registration."""
