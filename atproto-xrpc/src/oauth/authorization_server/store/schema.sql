-- What an authorization server remembers. Secrets are here as their SHA-256. Times are Unix
-- seconds.

CREATE TABLE request (
    id             BLOB PRIMARY KEY,
    browser        BLOB,
    client_id      TEXT NOT NULL,
    client_key     TEXT,
    redirect_uri   TEXT NOT NULL,
    response_mode  TEXT NOT NULL,
    scopes         TEXT NOT NULL,
    state          TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    login_hint     TEXT,
    jkt            TEXT NOT NULL,
    expires        INTEGER NOT NULL,
    -- Set when the user has agreed: the request is a code then.
    code           BLOB UNIQUE,
    account        TEXT,
    code_expires   INTEGER,
    -- How often the code came, and the session that was made from it.
    uses           INTEGER NOT NULL DEFAULT 0,
    session        TEXT,
    -- From when on nobody asks for it any more.
    forgotten      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_session ON request (session) WHERE session IS NOT NULL;
CREATE INDEX request_forgotten ON request (forgotten);
CREATE INDEX request_unanswered ON request (expires) WHERE code IS NULL;

CREATE TABLE session (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    client_key TEXT,
    jkt        TEXT NOT NULL,
    approved   TEXT NOT NULL,
    granted    TEXT NOT NULL,
    token_id   TEXT NOT NULL,
    began      INTEGER NOT NULL,
    renewed    INTEGER NOT NULL,
    expires    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_account ON session (account);
CREATE INDEX session_expires ON session (expires);

CREATE TABLE refresh_token (
    token   BLOB PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    used    INTEGER NOT NULL DEFAULT 0,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_token_session ON refresh_token (session);
CREATE INDEX refresh_token_expires ON refresh_token (expires);

CREATE TABLE memory (
    kind    TEXT NOT NULL,
    id      BLOB NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX memory_expires ON memory (expires);
