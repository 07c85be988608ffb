-- The mission ledger, schema version 1. What is known: objects, signatures, what was sent when, reports,
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
    frame      BLOB    NOT NULL UNIQUE
) STRICT;

-- The next number of each kind.
CREATE TABLE numbers (
    kind INTEGER PRIMARY KEY CHECK (kind BETWEEN 1 AND 4),
    next INTEGER NOT NULL CHECK (next BETWEEN 0 AND 16777216)
) STRICT;
INSERT INTO numbers (kind, next) VALUES (1, 1), (2, 1), (3, 1), (4, 1);

-- Who decided what. digest = SHA-256("lightday ledger v1" || 0 || prev || seq || at_s || len who || who ||
-- len verb || verb || len what || what), integers as 8 B, most significant first; the first prev is zero.
CREATE TABLE decisions (
    seq    INTEGER PRIMARY KEY,
    at_s   INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    verb   TEXT    NOT NULL,
    what   TEXT    NOT NULL,
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
