"""The versions of the journal's file."""

# For requests without a facet: those of an older file, and of an older server that writes into a newer file.
FILL_FACETS = (
    """
    INSERT INTO facet (app, path, outcome, status, asked, model, way, error, trouble, key)
        SELECT DISTINCT app, path, outcome, ifnull(status, 0), asked, model, way, error, trouble, key
        FROM request WHERE facet = 0 ON CONFLICT DO NOTHING
    """,
    """
    UPDATE request SET facet = (
        SELECT number FROM facet WHERE facet.app = request.app AND facet.path = request.path
        AND facet.outcome = request.outcome AND facet.status = ifnull(request.status, 0)
        AND facet.asked = request.asked AND facet.model = request.model AND facet.way = request.way
        AND facet.error = request.error AND facet.trouble = request.trouble AND facet.key = request.key
    ) WHERE facet = 0
    """,
)

# Each step is a version of the file. Old steps never change: files of their version exist.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE request (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL, ended_at REAL NOT NULL, door TEXT NOT NULL, app TEXT NOT NULL, path TEXT NOT NULL,
            outcome TEXT NOT NULL, status INTEGER, dialect TEXT NOT NULL, asked TEXT NOT NULL, model TEXT NOT NULL,
            way TEXT NOT NULL, error TEXT NOT NULL, trouble TEXT NOT NULL, input INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL, cache_read INTEGER NOT NULL, output INTEGER NOT NULL,
            thinking INTEGER NOT NULL, cost_usd REAL, payer TEXT NOT NULL, leased_ms REAL, first_ms REAL,
            total_ms REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX request_by_time ON request (ended_at)",
        """
        CREATE TABLE day (
            day TEXT NOT NULL, app TEXT NOT NULL, model TEXT NOT NULL, payer TEXT NOT NULL,
            requests INTEGER NOT NULL, failed INTEGER NOT NULL, input INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL, cache_read INTEGER NOT NULL, output INTEGER NOT NULL,
            thinking INTEGER NOT NULL, cost_usd REAL NOT NULL,
            PRIMARY KEY (day, app, model, payer)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE request ADD COLUMN key TEXT NOT NULL DEFAULT ''",
        # Part of the primary key, which no statement can change.
        "ALTER TABLE day RENAME TO day_without_key",
        """
        CREATE TABLE day (
            day TEXT NOT NULL, app TEXT NOT NULL, model TEXT NOT NULL, payer TEXT NOT NULL,
            key TEXT NOT NULL DEFAULT '', requests INTEGER NOT NULL, failed INTEGER NOT NULL, input INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL, cache_read INTEGER NOT NULL, output INTEGER NOT NULL,
            thinking INTEGER NOT NULL, cost_usd REAL NOT NULL,
            PRIMARY KEY (day, app, model, payer, key)
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO day SELECT day, app, model, payer, '', requests, failed, input, cache_creation, cache_read, output,
            thinking, cost_usd FROM day_without_key
        """,
        "DROP TABLE day_without_key",
    ),
    (
        "ALTER TABLE request ADD COLUMN param TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE request ADD COLUMN ignored TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE request ADD COLUMN read_ms REAL",
        "ALTER TABLE request ADD COLUMN sent_ms REAL",
        # What many requests have in common, so that a filter reads some hundred rows and not all requests.
        """
        CREATE TABLE facet (
            number INTEGER PRIMARY KEY,
            app TEXT NOT NULL, path TEXT NOT NULL, outcome TEXT NOT NULL, status INTEGER NOT NULL, asked TEXT NOT NULL,
            model TEXT NOT NULL, way TEXT NOT NULL, error TEXT NOT NULL, trouble TEXT NOT NULL, key TEXT NOT NULL,
            UNIQUE (app, path, outcome, status, asked, model, way, error, trouble, key)
        ) STRICT
        """,
        "ALTER TABLE request ADD COLUMN facet INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX request_by_facet ON request (facet)",
        *FILL_FACETS,
        "CREATE INDEX request_by_id ON request (id)",
        # As in 2026-11-28T09, local time, for the chart of a day.
        """
        CREATE TABLE hour (
            hour TEXT PRIMARY KEY, requests INTEGER NOT NULL, failed INTEGER NOT NULL, input INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL, cache_read INTEGER NOT NULL, output INTEGER NOT NULL,
            thinking INTEGER NOT NULL, billed_usd REAL NOT NULL, would_be_usd REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        # How much of a plan's limit was used, from 0 to 1.
        """
        CREATE TABLE plan (
            name TEXT NOT NULL, at REAL NOT NULL, used REAL NOT NULL, resets_at REAL, PRIMARY KEY (name, at)
        ) STRICT, WITHOUT ROWID
        """,
    ),
)
