"""The tables of a node's store (docs/formats.md, "The log"); does not open it."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS xl_entries (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS xl_hashes (idx INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS xl_certificates (digest TEXT PRIMARY KEY, der BLOB NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS xl_bodies (
    idx INTEGER PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL, keep_until REAL);
CREATE INDEX IF NOT EXISTS xl_bodies_keep ON xl_bodies (keep_until) WHERE keep_until IS NOT NULL;
CREATE TABLE IF NOT EXISTS xl_segments (
    first INTEGER PRIMARY KEY, end INTEGER NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
    checkpoint TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS xl_messages (
    idx INTEGER PRIMARY KEY, direction TEXT NOT NULL, id TEXT NOT NULL, source TEXT NOT NULL,
    recipient TEXT, type TEXT NOT NULL, subject TEXT, inreplyto TEXT, result TEXT);
CREATE INDEX IF NOT EXISTS xl_messages_id ON xl_messages (id);
CREATE INDEX IF NOT EXISTS xl_messages_inreplyto ON xl_messages (inreplyto)
    WHERE inreplyto IS NOT NULL;
CREATE TABLE IF NOT EXISTS xl_outbox (
    idx INTEGER PRIMARY KEY, recipient TEXT, lane TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at REAL NOT NULL, expires REAL);
CREATE INDEX IF NOT EXISTS xl_outbox_held ON xl_outbox (lane, recipient, idx) WHERE next_at > 0;
CREATE TABLE IF NOT EXISTS xl_sent (idx INTEGER PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS xl_inbox (
    idx INTEGER PRIMARY KEY, subscription TEXT NOT NULL, source TEXT NOT NULL, subject TEXT,
    state TEXT NOT NULL, running INTEGER NOT NULL, attempts INTEGER NOT NULL,
    crashes INTEGER NOT NULL, next_at REAL NOT NULL, expires REAL, code TEXT, message TEXT);
CREATE INDEX IF NOT EXISTS xl_inbox_held ON xl_inbox (source, subject, idx)
    WHERE next_at > 0 AND subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS xl_inbox_dead ON xl_inbox (idx) WHERE state = 'dead';
CREATE TABLE IF NOT EXISTS xl_undecided (
    number INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, source TEXT NOT NULL,
    seal BLOB NOT NULL, salt BLOB NOT NULL, body BLOB NOT NULL, code TEXT NOT NULL, missing TEXT,
    next_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS xl_undecided_order ON xl_undecided (source, number, next_at);
CREATE TABLE IF NOT EXISTS xl_sequences (
    direction TEXT NOT NULL, peer TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (direction, peer)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS xl_counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS xl_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
