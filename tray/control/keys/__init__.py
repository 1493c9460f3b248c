"""The access key and the keys of apps."""
