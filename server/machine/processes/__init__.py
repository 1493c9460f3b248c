"""Child processes: their environment, their memory, and their end together with Drawbridge's."""
