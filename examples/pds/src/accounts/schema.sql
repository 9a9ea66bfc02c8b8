-- The accounts of this server.

CREATE TABLE account (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    did           TEXT NOT NULL UNIQUE,
    handle        TEXT UNIQUE COLLATE NOCASE,
    email         TEXT UNIQUE COLLATE NOCASE,
    password_hash TEXT,
    status        TEXT NOT NULL,
    created_at    TEXT NOT NULL
);

-- The keys that sign the accounts' commits and service tokens.
CREATE TABLE signing_key (
    did    TEXT PRIMARY KEY REFERENCES account (did) ON DELETE CASCADE,
    curve  TEXT NOT NULL,
    secret BLOB NOT NULL
);
