"""Named keys: one for each app, with rights of its own, and revocable without touching the others."""
