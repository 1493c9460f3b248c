"""The pool: boots Claude Code processes ahead of requests and leases one to each request."""
