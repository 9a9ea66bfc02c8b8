CREATE TABLE host (
    id         INTEGER PRIMARY KEY,
    hostname   TEXT NOT NULL UNIQUE,
    -- active, idle, offline, throttled or banned
    status     TEXT NOT NULL DEFAULT 'active',
    -- every event of the host up to here is settled
    cursor     INTEGER NOT NULL DEFAULT 0,
    -- accounts that are not deleted
    accounts   INTEGER NOT NULL DEFAULT 0,
    -- why the last connection ended, where that was a fault
    fault      TEXT,
    -- seconds since 1970
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
    id              INTEGER PRIMARY KEY,
    did             TEXT NOT NULL UNIQUE,
    host            INTEGER NOT NULL REFERENCES host (id),
    -- the newest event of that host about this account
    host_seq        INTEGER NOT NULL DEFAULT 0,
    rev             TEXT,
    data            BLOB,
    head            BLOB,
    -- what the host says
    active          INTEGER NOT NULL DEFAULT 1,
    status          TEXT,
    -- what the operator says
    taken_down      INTEGER NOT NULL DEFAULT 0,
    -- the last #identity that was passed on, and when
    identity        BLOB,
    identity_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX account_by_takedown ON account (id) WHERE taken_down;

CREATE TABLE collection (
    collection TEXT NOT NULL,
    account    INTEGER NOT NULL REFERENCES account (id),
    PRIMARY KEY (collection, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX collection_by_account ON collection (account);

-- one row: everything in the log up to here is in the tables above
CREATE TABLE position (applied INTEGER NOT NULL) STRICT;
INSERT INTO position (applied) VALUES (0);

PRAGMA user_version = 1;
