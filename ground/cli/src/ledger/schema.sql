-- The mission ledger, schema version 3. What is known: objects, signatures, what was sent when, reports,
-- and every decision. Facts are only ever added; numbers only go up; decisions form a hash chain.
-- All instants are Unix seconds (UTC). Digests and keys are raw bytes.

-- Every object that was made: a number is never used twice. Kinds as in the frame header:
-- 1 bundle, 2 authorization, 3 command, 4 key set.
CREATE TABLE objects (
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    number  INTEGER NOT NULL CHECK (number BETWEEN 0 AND 16777215),
    file    TEXT    NOT NULL, -- relative to the mission directory
    sha256  BLOB    NOT NULL CHECK (length(sha256) = 32), -- of the file as it was made
    made_s  INTEGER NOT NULL,
    bytes   BLOB    NOT NULL, -- the file as it was made: one that is missing is written again
    PRIMARY KEY (kind, number)
) STRICT;

-- What a bundle brings.
CREATE TABLE bundles (
    number       INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 16777215),
    image        BLOB    NOT NULL CHECK (length(image) = 32),
    image_size   INTEGER NOT NULL,
    version      TEXT    NOT NULL,
    base         BLOB    CHECK (base IS NULL OR length(base) = 32),
    payload_size INTEGER NOT NULL,
    codec        INTEGER NOT NULL,
    security     INTEGER NOT NULL -- the security counter
) STRICT;

-- What an authorization, command or key set says, in JSON.
CREATE TABLE documents (
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 2 AND 4),
    number  INTEGER NOT NULL,
    says    TEXT    NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT;

-- Signatures that were made here or found beside an object's file.
CREATE TABLE signatures (
    kind      INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    key       BLOB    NOT NULL CHECK (length(key) = 32),
    name      TEXT    NOT NULL,
    role      INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
    signature BLOB    NOT NULL CHECK (length(signature) = 64),
    seen_s    INTEGER NOT NULL,
    PRIMARY KEY (kind, number, key)
) STRICT;

-- Frames that were written for the uplink: symbols first .. first + count - 1 of an object.
CREATE TABLE sent (
    id         INTEGER PRIMARY KEY,
    kind       INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    object     BLOB    NOT NULL CHECK (length(object) = 32), -- SHA-256 of its bytes, signatures included
    epoch      INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 15),
    k          INTEGER NOT NULL CHECK (k BETWEEN 1 AND 65535),
    symbol_len INTEGER NOT NULL,
    first      INTEGER NOT NULL CHECK (first BETWEEN 0 AND 65535),
    count      INTEGER NOT NULL CHECK (count >= 1),
    starts_s   INTEGER NOT NULL, -- planned time of the first bit
    ends_s     INTEGER NOT NULL, -- planned time of the last bit
    file       TEXT    NOT NULL
) STRICT;

-- Reports as they arrived, authenticated.
CREATE TABLE reports (
    id         INTEGER PRIMARY KEY,
    received_s INTEGER NOT NULL,
    sequence   INTEGER NOT NULL,
    frame      BLOB    NOT NULL UNIQUE,
    -- Of each kind the first number behind all that had been sent when it arrived.
    bundle        INTEGER NOT NULL CHECK (bundle BETWEEN 0 AND 16777215),
    authorization INTEGER NOT NULL CHECK (authorization BETWEEN 0 AND 16777215),
    command       INTEGER NOT NULL CHECK (command BETWEEN 0 AND 16777215),
    key_set       INTEGER NOT NULL CHECK (key_set BETWEEN 0 AND 16777215)
) STRICT;

-- Numbers that people took over from a report: the vehicle may show these, although they were not sent from here.
CREATE TABLE accepted (
    id     INTEGER PRIMARY KEY,
    kind   INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    next   INTEGER NOT NULL CHECK (next BETWEEN 0 AND 16777215), -- the first number behind them
    report INTEGER NOT NULL -- the report's sequence
) STRICT;

-- Answers to region-digest commands and parts of dumps as they arrived, authenticated; and those to commands that had
-- not been sent, or that do not ask for them. Who forged one of these may have guessed what the vehicle answers later.
CREATE TABLE answers (
    id         INTEGER PRIMARY KEY,
    received_s INTEGER NOT NULL,
    command    INTEGER NOT NULL CHECK (command BETWEEN 0 AND 16777215),
    frame      BLOB    NOT NULL,
    strange    INTEGER NOT NULL CHECK (strange IN (0, 1)), -- whether the command had not been sent, or asks for none
    UNIQUE (frame, strange)
) STRICT;

-- The key sets that the vehicle had, and has: SHA-256 of the canonical bytes.
CREATE TABLE key_sets (
    id      INTEGER PRIMARY KEY, -- of two rows of a version the last one holds: made again before launch
    version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 65535),
    sha256  BLOB    NOT NULL CHECK (length(sha256) = 32)
) STRICT;

-- The link keys, by fingerprints that tell nothing of them, 8 B an epoch; the last row holds.
CREATE TABLE link_keys (
    id           INTEGER PRIMARY KEY,
    fingerprints BLOB    NOT NULL CHECK (length(fingerprints) = 128)
) STRICT;

-- Files that the last step made and that may not have their names yet; empty once they have. Not part of the
-- state below: what is here has its digest in a decision.
CREATE TABLE unnamed (
    file      TEXT    PRIMARY KEY, -- relative to the mission directory
    bytes     BLOB    NOT NULL,
    replaces  INTEGER NOT NULL CHECK (replaces IN (0, 1)) -- whether it takes the place of a file of that name
) STRICT;

-- The next number of each kind.
CREATE TABLE numbers (
    kind INTEGER PRIMARY KEY CHECK (kind BETWEEN 1 AND 4),
    next INTEGER NOT NULL CHECK (next BETWEEN 0 AND 16777216)
) STRICT;
INSERT INTO numbers (kind, next) VALUES (1, 1), (2, 1), (3, 1), (4, 1);

-- Who decided what. digest = SHA-256("lightday ledger v1" || 0 || prev || seq || at_s || len who || who ||
-- len verb || verb || len what || what || state), integers as 8 B, most significant first; the first prev is zero.
CREATE TABLE decisions (
    seq    INTEGER PRIMARY KEY,
    at_s   INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    verb   TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    state  BLOB    NOT NULL CHECK (length(state) = 32), -- digest of all tables of facts behind this decision
    prev   BLOB    NOT NULL CHECK (length(prev) = 32),
    digest BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- How long the chain is and where it ends, so that a chain cut short is found.
CREATE TABLE head (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    seq    INTEGER NOT NULL,
    digest BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;
INSERT INTO head (one, seq, digest) VALUES (1, 0, zeroblob(32));

-- The tables of facts behind the last decision, one by one, so that a changed one can be named.
CREATE TABLE state (
    name   TEXT    PRIMARY KEY,
    rows   INTEGER NOT NULL,
    digest BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are never changed'); END;
CREATE TRIGGER decisions_last BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are never removed'); END;
CREATE TRIGGER objects_stay BEFORE UPDATE ON objects BEGIN SELECT RAISE(ABORT, 'objects are never changed'); END;
CREATE TRIGGER objects_last BEFORE DELETE ON objects BEGIN SELECT RAISE(ABORT, 'objects are never removed'); END;
CREATE TRIGGER sent_stay BEFORE UPDATE ON sent BEGIN SELECT RAISE(ABORT, 'what was sent is never changed'); END;
CREATE TRIGGER sent_last BEFORE DELETE ON sent BEGIN SELECT RAISE(ABORT, 'what was sent is never removed'); END;
CREATE TRIGGER reports_stay BEFORE UPDATE ON reports BEGIN SELECT RAISE(ABORT, 'reports are never changed'); END;
CREATE TRIGGER reports_last BEFORE DELETE ON reports BEGIN SELECT RAISE(ABORT, 'reports are never removed'); END;
CREATE TRIGGER numbers_rise BEFORE UPDATE ON numbers WHEN NEW.next < OLD.next BEGIN SELECT RAISE(ABORT, 'numbers only go up'); END;
CREATE TRIGGER numbers_last BEFORE DELETE ON numbers BEGIN SELECT RAISE(ABORT, 'numbers only go up'); END;
CREATE TRIGGER accepted_stay BEFORE UPDATE ON accepted BEGIN SELECT RAISE(ABORT, 'what was accepted is never changed'); END;
CREATE TRIGGER accepted_last BEFORE DELETE ON accepted BEGIN SELECT RAISE(ABORT, 'what was accepted is never removed'); END;
CREATE TRIGGER answers_stay BEFORE UPDATE ON answers BEGIN SELECT RAISE(ABORT, 'answers are never changed'); END;
CREATE TRIGGER answers_last BEFORE DELETE ON answers BEGIN SELECT RAISE(ABORT, 'answers are never removed'); END;
CREATE TRIGGER bundles_stay BEFORE UPDATE ON bundles BEGIN SELECT RAISE(ABORT, 'bundles are never changed'); END;
CREATE TRIGGER bundles_last BEFORE DELETE ON bundles BEGIN SELECT RAISE(ABORT, 'bundles are never removed'); END;
CREATE TRIGGER documents_stay BEFORE UPDATE ON documents BEGIN SELECT RAISE(ABORT, 'documents are never changed'); END;
CREATE TRIGGER documents_last BEFORE DELETE ON documents BEGIN SELECT RAISE(ABORT, 'documents are never removed'); END;
CREATE TRIGGER signatures_stay BEFORE UPDATE ON signatures BEGIN SELECT RAISE(ABORT, 'signatures are never changed'); END;
CREATE TRIGGER signatures_last BEFORE DELETE ON signatures BEGIN SELECT RAISE(ABORT, 'signatures are never removed'); END;
CREATE TRIGGER key_sets_stay BEFORE UPDATE ON key_sets BEGIN SELECT RAISE(ABORT, 'key sets are never changed'); END;
CREATE TRIGGER key_sets_last BEFORE DELETE ON key_sets BEGIN SELECT RAISE(ABORT, 'key sets are never removed'); END;
CREATE TRIGGER link_keys_stay BEFORE UPDATE ON link_keys BEGIN SELECT RAISE(ABORT, 'link keys are never changed'); END;
CREATE TRIGGER link_keys_last BEFORE DELETE ON link_keys BEGIN SELECT RAISE(ABORT, 'link keys are never removed'); END;
