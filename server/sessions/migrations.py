"""The versions of the file that keeps sessions and responses."""

# Each step is a version of the file. Old steps never change: files of their version exist.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE session (
            number TEXT PRIMARY KEY, owner TEXT NOT NULL, id TEXT NOT NULL, created_at REAL NOT NULL,
            used_at REAL NOT NULL, system TEXT NOT NULL, messages INTEGER NOT NULL, size INTEGER NOT NULL,
            UNIQUE (owner, id)
        ) STRICT
        """,
        "CREATE INDEX session_by_time ON session (used_at, size)",
        """
        CREATE TABLE message (
            session TEXT NOT NULL, place INTEGER NOT NULL, content TEXT NOT NULL, size INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX message_by_place ON message (session, place)",
    ),
    (
        """
        CREATE TABLE response (
            owner TEXT NOT NULL, id TEXT NOT NULL, created_at REAL NOT NULL, used_at REAL NOT NULL, body TEXT NOT NULL,
            items TEXT NOT NULL, inputs INTEGER NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (owner, id)
        ) STRICT
        """,
        "CREATE INDEX response_by_time ON response (used_at, size)",
        "CREATE INDEX response_by_age ON response (created_at)",
        """
        CREATE TABLE item (
            number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, id TEXT NOT NULL, digest BLOB NOT NULL,
            content TEXT NOT NULL, size INTEGER NOT NULL, uses INTEGER NOT NULL, until REAL NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX item_by_content ON item (owner, id, digest)",
        "CREATE INDEX item_by_size ON item (size)",
    ),
    (
        "ALTER TABLE session ADD COLUMN forked_from TEXT",
        # 1: an edited history replaced it, and no request has continued it yet.
        "ALTER TABLE session ADD COLUMN is_branch INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX branch ON session (owner, forked_from) WHERE is_branch = 1",
        "CREATE INDEX branch_by_time ON session (used_at, size) WHERE is_branch = 1",
    ),
)
