-- Logging in, and what else belongs to an account beside its repository.

-- The status that comes back when a takedown ends, and the operator's reference for it.
ALTER TABLE account ADD COLUMN status_below TEXT;
ALTER TABLE account ADD COLUMN takedown_ref TEXT;

-- Handles, addresses and uses of invite codes that a change of the directory is under way
-- for: of an account that is being made, or of an existing one that takes another handle.
-- What is in here at a start was interrupted and is settled by asking the directory.
CREATE TABLE reservation (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    handle      TEXT NOT NULL UNIQUE COLLATE NOCASE,
    email       TEXT UNIQUE COLLATE NOCASE,
    did         TEXT NOT NULL,
    invite_code TEXT
);

CREATE TABLE invite_code (
    code        TEXT PRIMARY KEY,
    available   INTEGER NOT NULL,
    uses_left   INTEGER NOT NULL CHECK (uses_left >= 0),
    for_account TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  TEXT NOT NULL
);
CREATE INDEX invite_code_for ON invite_code (for_account);

CREATE TABLE invite_use (
    code    TEXT NOT NULL REFERENCES invite_code (code) ON DELETE CASCADE,
    used_by TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (code, used_by)
) WITHOUT ROWID;

-- Tokens by which sessions are continued, by their `jti`; the access tokens of a pair have
-- the same. A session is a family of them: each but the newest has been used for the next.
-- Times are Unix seconds.
CREATE TABLE refresh_token (
    id           TEXT PRIMARY KEY,
    did          TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
    family       TEXT NOT NULL,
    scope        TEXT NOT NULL,
    app_password TEXT,
    expires      INTEGER NOT NULL,
    used         INTEGER,
    next_id      TEXT
);
CREATE INDEX refresh_token_did ON refresh_token (did);
CREATE INDEX refresh_token_family ON refresh_token (family);

-- The hash needs no work factor: app passwords are made here and have 80 random bits.
CREATE TABLE app_password (
    did        TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    privileged INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (did, name)
) WITHOUT ROWID;

-- Clients' settings, each the JSON of one preference; `kind` is its `$type`.
CREATE TABLE preference (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    did  TEXT NOT NULL REFERENCES account (did) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX preference_did ON preference (did);
