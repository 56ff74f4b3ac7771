"""The tables of a journal's file, and how each version of them came from the one before.

Money is text, written with ``format(number, "f")``. ``entry`` counts all that was ever put on record, in one sequence.
``crc`` is a checksum of the row's other columns (`rows.sealed`). Intents, reports and fills never change.
"""

from collections.abc import Sequence

APPLICATION_ID = 0x626F7773  # "bows"

FIRST = """
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, pid INTEGER NOT NULL,
    host TEXT NOT NULL, version TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT;
CREATE TABLE intents (
    entry INTEGER PRIMARY KEY, venue TEXT NOT NULL, client_order_id TEXT NOT NULL, strategy TEXT NOT NULL,
    symbol TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL, price TEXT NOT NULL, time_in_force TEXT NOT NULL,
    post_only INTEGER NOT NULL, reduces INTEGER NOT NULL, replaces TEXT NOT NULL, action INTEGER NOT NULL,
    received_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL, UNIQUE (venue, client_order_id)
) STRICT;
CREATE TABLE states (
    intent INTEGER PRIMARY KEY REFERENCES intents, status TEXT NOT NULL, filled TEXT NOT NULL,
    venue_order_id TEXT NOT NULL, reason TEXT NOT NULL, time_ns INTEGER NOT NULL, ended INTEGER, crc INTEGER NOT NULL
) STRICT;
CREATE INDEX ended ON states (ended) WHERE ended IS NOT NULL;
CREATE TABLE reports (
    entry INTEGER PRIMARY KEY, intent INTEGER NOT NULL REFERENCES intents, status TEXT NOT NULL, filled TEXT NOT NULL,
    venue_order_id TEXT NOT NULL, reason TEXT NOT NULL, time_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL,
    epoch INTEGER NOT NULL, crc INTEGER NOT NULL
) STRICT;
CREATE INDEX reports_of ON reports (intent);
CREATE TABLE fills (
    entry INTEGER NOT NULL, intent INTEGER NOT NULL REFERENCES intents, venue TEXT NOT NULL, symbol TEXT NOT NULL,
    trade_id TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL, quantity TEXT NOT NULL, fee TEXT NOT NULL,
    fee_currency TEXT NOT NULL, liquidity TEXT NOT NULL, time_ns INTEGER NOT NULL, recovered INTEGER NOT NULL,
    recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (venue, symbol, trade_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fills_of ON fills (intent, entry);
CREATE TABLE positions (
    strategy TEXT NOT NULL, venue TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL,
    recorded_ns INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (strategy, venue, symbol)
) STRICT, WITHOUT ROWID;
CREATE TABLE openings (
    strategy TEXT NOT NULL, venue TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (strategy, venue, symbol)
) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
    venue TEXT PRIMARY KEY NOT NULL, time_ns INTEGER NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE mismatches (
    venue TEXT NOT NULL, symbol TEXT NOT NULL, reason TEXT NOT NULL, recorded_ns INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (venue, symbol)
) STRICT, WITHOUT ROWID;
CREATE TABLE risk_states (
    entry INTEGER PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, brought_by TEXT NOT NULL,
    time_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE guard_states (
    guard TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE decisions (
    entry INTEGER PRIMARY KEY, operator TEXT NOT NULL, what TEXT NOT NULL, reason TEXT NOT NULL,
    time_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TRIGGER intents_stay BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'an intent never changes'); END;
CREATE TRIGGER reports_stay BEFORE UPDATE ON reports BEGIN SELECT RAISE(ABORT, 'a report never changes'); END;
CREATE TRIGGER fills_stay BEFORE UPDATE ON fills BEGIN SELECT RAISE(ABORT, 'a fill never changes'); END;
"""

FILLS_BY_ORDER = """
CREATE TABLE fills_by_order (
    entry INTEGER NOT NULL, intent INTEGER NOT NULL REFERENCES intents, venue TEXT NOT NULL, symbol TEXT NOT NULL,
    trade_id TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL, quantity TEXT NOT NULL, fee TEXT NOT NULL,
    fee_currency TEXT NOT NULL, liquidity TEXT NOT NULL, time_ns INTEGER NOT NULL, recovered INTEGER NOT NULL,
    recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (intent, trade_id)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO fills_by_order SELECT * FROM fills;
DROP TABLE fills;
ALTER TABLE fills_by_order RENAME TO fills;
CREATE INDEX fills_of ON fills (intent, entry);
CREATE TRIGGER fills_stay BEFORE UPDATE ON fills BEGIN SELECT RAISE(ABORT, 'a fill never changes'); END;
"""
"""A trade of an account with itself has one id, and is two fills."""

MIGRATIONS: Sequence[str] = (FIRST, FILLS_BY_ORDER)
"""The n-th makes version n from version n - 1, in one transaction. What was published never changes."""
