"""Access control of the listeners: policy and middleware."""
