"""What connecting a client needs: which clients are seen, Cursor, a phone, the tunnel, and signing in."""
