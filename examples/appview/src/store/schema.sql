-- The truth is `record`: every record seen, of whatever lexicon, as it was signed. All other
-- tables of records are derived from it and can be dropped and rebuilt.

CREATE TABLE actor (
    did        TEXT PRIMARY KEY,
    -- NULL until resolved; a handle that does not point back is stored as handle.invalid.
    handle     TEXT,
    -- Upstream's word: active accounts have NULL, others their status.
    status     TEXT,
    -- Whether its records were removed for good when upstream said that it was deleted.
    purged     INTEGER NOT NULL DEFAULT 0,
    indexed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX actor_by_handle ON actor (handle);

CREATE TABLE record (
    uri        TEXT PRIMARY KEY,
    did        TEXT NOT NULL,
    collection TEXT NOT NULL,
    cid        TEXT NOT NULL,
    rev        TEXT NOT NULL,
    body       BLOB NOT NULL,
    indexed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX record_by_did ON record (did, collection);

-- Records that their own lexicon refuses: kept, counted, never shown.
CREATE TABLE dead_letter (
    uri    TEXT PRIMARY KEY,
    cid    TEXT NOT NULL,
    reason TEXT NOT NULL,
    body   BLOB NOT NULL,
    seq    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE profile (
    did          TEXT PRIMARY KEY,
    display_name TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE post (
    uri          TEXT PRIMARY KEY,
    did          TEXT NOT NULL,
    sort_at      TEXT NOT NULL,
    reply_root   TEXT,
    reply_parent TEXT,
    quote        TEXT
) WITHOUT ROWID;
CREATE INDEX post_by_parent ON post (reply_parent, sort_at) WHERE reply_parent IS NOT NULL;
CREATE INDEX post_by_quote ON post (quote) WHERE quote IS NOT NULL;
CREATE INDEX post_by_author ON post (did);

-- What an author's followers see: posts and reposts in one order.
CREATE TABLE feed_item (
    uri     TEXT PRIMARY KEY,
    did     TEXT NOT NULL,
    post    TEXT NOT NULL,
    sort_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX feed_item_by_author ON feed_item (did, sort_at DESC, uri DESC);

-- Likes, reposts, follows and blocks: an edge from an actor to a post or an actor.
CREATE TABLE edge (
    uri     TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,
    did     TEXT NOT NULL,
    subject TEXT NOT NULL,
    sort_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX edge_by_subject ON edge (kind, subject, sort_at DESC, uri DESC);
CREATE INDEX edge_by_actor ON edge (kind, did, sort_at DESC, uri DESC);
CREATE INDEX edge_between ON edge (kind, did, subject);

CREATE TABLE notification (
    -- The record that caused it; it may notify several people.
    uri       TEXT NOT NULL,
    recipient TEXT NOT NULL,
    author    TEXT NOT NULL,
    reason    TEXT NOT NULL,
    subject   TEXT,
    sort_at   TEXT NOT NULL,
    PRIMARY KEY (recipient, uri)
) WITHOUT ROWID;
CREATE INDEX notification_by_time ON notification (recipient, sort_at DESC, uri DESC);
CREATE INDEX notification_by_uri ON notification (uri);

CREATE TABLE seen (
    did     TEXT PRIMARY KEY,
    seen_at TEXT NOT NULL
) WITHOUT ROWID;

-- How many edges of a kind point at a subject; changed in the transaction that changes the edge.
CREATE TABLE tally (
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) WITHOUT ROWID;

-- How far each repo has been indexed; nothing older may replace what is there.
CREATE TABLE repo (
    did TEXT PRIMARY KEY,
    rev TEXT NOT NULL
) WITHOUT ROWID;

-- Work that waits for the network: identities to look up, repos to fetch whole.
CREATE TABLE task (
    kind     TEXT NOT NULL,
    did      TEXT NOT NULL,
    reason   TEXT NOT NULL,
    -- How often it was asked for: what was begun before the last time settles nothing.
    requests INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Unix seconds before which it is not tried (again).
    due      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, did)
) WITHOUT ROWID;
CREATE INDEX task_by_due ON task (kind, due);
