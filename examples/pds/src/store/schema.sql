-- One account's repository, its blobs' bookkeeping and its events that wait for a
-- sequence number.

-- The head of the repository: one row. CIDs are their 36 bytes, revs are TIDs as text.
CREATE TABLE head (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    cid    BLOB NOT NULL,
    rev    TEXT NOT NULL,
    data   BLOB NOT NULL
);

-- Commit, tree nodes and records. `rev` is the commit that brought the block.
CREATE TABLE block (
    cid    BLOB PRIMARY KEY,
    rev    TEXT NOT NULL,
    bytes  BLOB NOT NULL
);
CREATE INDEX block_rev ON block (rev);

-- The tree's leaves. The record itself is the block with its CID.
CREATE TABLE record (
    collection TEXT NOT NULL,
    rkey       TEXT NOT NULL,
    cid        BLOB NOT NULL,
    rev        TEXT NOT NULL,
    PRIMARY KEY (collection, rkey)
) WITHOUT ROWID;
CREATE INDEX record_cid ON record (cid);

-- Uploaded blobs whose bytes are in the blob store. `kept` is 0 until a record refers to
-- the blob; until then nobody can see it. `rev` is the commit that first referred to it.
CREATE TABLE blob (
    cid      BLOB PRIMARY KEY,
    mime     TEXT NOT NULL,
    size     INTEGER NOT NULL,
    kept     INTEGER NOT NULL,
    rev      TEXT,
    uploaded INTEGER NOT NULL
);

-- Which records refer to which blobs, uploaded or not.
CREATE TABLE blob_reference (
    collection TEXT NOT NULL,
    rkey       TEXT NOT NULL,
    cid        BLOB NOT NULL,
    rev        TEXT NOT NULL,
    PRIMARY KEY (collection, rkey, cid)
) WITHOUT ROWID;
CREATE INDEX blob_reference_cid ON blob_reference (cid);

-- Events in the order in which they happened, as encoded frames whose sequence number is
-- still a placeholder. AUTOINCREMENT: an id is never used again, because id and DID
-- together identify the event in the log.
CREATE TABLE outbox (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    frame BLOB NOT NULL
);

-- What the outside was last told of the account: one row.
CREATE TABLE announced (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    handle TEXT,
    status TEXT NOT NULL
);
