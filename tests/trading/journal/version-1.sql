-- A journal of version 1, as bowstring 0.1.0 wrote it.
PRAGMA page_size = 1024;
PRAGMA application_id = 0x626F7773;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE cursors (
    venue TEXT PRIMARY KEY NOT NULL, time_ns INTEGER NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "cursors" VALUES('binance',9,1281594287);
CREATE TABLE decisions (
    entry INTEGER PRIMARY KEY, operator TEXT NOT NULL, what TEXT NOT NULL, reason TEXT NOT NULL,
    time_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
INSERT INTO "decisions" VALUES(9,'me','settle','seen',7,1700000000000000011,1,2970723829);
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, pid INTEGER NOT NULL,
    host TEXT NOT NULL, version TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT;
INSERT INTO "epochs" VALUES(1,1700000000000000002,1700000000000000012,4711,'here','0.1.0',2426519613);
CREATE TABLE fills (
    entry INTEGER NOT NULL, intent INTEGER NOT NULL REFERENCES intents, venue TEXT NOT NULL, symbol TEXT NOT NULL,
    trade_id TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL, quantity TEXT NOT NULL, fee TEXT NOT NULL,
    fee_currency TEXT NOT NULL, liquidity TEXT NOT NULL, time_ns INTEGER NOT NULL, recovered INTEGER NOT NULL,
    recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (venue, symbol, trade_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "fills" VALUES(5,1,'binance','BTC/USDT','a-ta','buy','65000.10','0.00000005','0.0000000001','BTC','maker',6,0,1700000000000000005,1,2427766240);
CREATE TABLE guard_states (
    guard TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "guard_states" VALUES('loss','{}',1721941409);
CREATE TABLE intents (
    entry INTEGER PRIMARY KEY, venue TEXT NOT NULL, client_order_id TEXT NOT NULL, strategy TEXT NOT NULL,
    symbol TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL, price TEXT NOT NULL, time_in_force TEXT NOT NULL,
    post_only INTEGER NOT NULL, reduces INTEGER NOT NULL, replaces TEXT NOT NULL, action INTEGER NOT NULL,
    received_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL, UNIQUE (venue, client_order_id)
) STRICT;
INSERT INTO "intents" VALUES(1,'binance','a','bidder','BTC/USDT','buy','0.00000005','65000.10','gtc',0,0,'',7,3,1700000000000000003,1,2135545061);
INSERT INTO "intents" VALUES(2,'binance','b','bidder','BTC/USDT','buy','0.00000005','65000.10','gtc',0,0,'',7,3,1700000000000000003,1,283511176);
INSERT INTO "intents" VALUES(3,'binance','c','bidder','BTC/USDT','buy','0.00000005','65000.10','gtc',0,0,'',7,3,1700000000000000003,1,2203303788);
CREATE TABLE mismatches (
    venue TEXT NOT NULL, symbol TEXT NOT NULL, reason TEXT NOT NULL, recorded_ns INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (venue, symbol)
) STRICT, WITHOUT ROWID;
INSERT INTO "mismatches" VALUES('binance','ETH/USDT','it differs',1700000000000000009,2227775584);
CREATE TABLE openings (
    strategy TEXT NOT NULL, venue TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (strategy, venue, symbol)
) STRICT, WITHOUT ROWID;
CREATE TABLE positions (
    strategy TEXT NOT NULL, venue TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL,
    recorded_ns INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (strategy, venue, symbol)
) STRICT, WITHOUT ROWID;
INSERT INTO "positions" VALUES('bidder','binance','BTC/USDT','0.0000000499',1700000000000000006,507293673);
CREATE TABLE reports (
    entry INTEGER PRIMARY KEY, intent INTEGER NOT NULL REFERENCES intents, status TEXT NOT NULL, filled TEXT NOT NULL,
    venue_order_id TEXT NOT NULL, reason TEXT NOT NULL, time_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL,
    epoch INTEGER NOT NULL, crc INTEGER NOT NULL
) STRICT;
INSERT INTO "reports" VALUES(4,1,'open','0','77','',5,1700000000000000004,1,386539488);
INSERT INTO "reports" VALUES(6,1,'filled','0.00000005','77','',5,1700000000000000007,1,172190684);
INSERT INTO "reports" VALUES(7,2,'open','0','77','',5,1700000000000000008,1,2504311033);
CREATE TABLE risk_states (
    entry INTEGER PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, brought_by TEXT NOT NULL,
    time_ns INTEGER NOT NULL, recorded_ns INTEGER NOT NULL, epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
INSERT INTO "risk_states" VALUES(8,'reducing','loss','DailyLoss',8,1700000000000000010,1,2150206819);
CREATE TABLE states (
    intent INTEGER PRIMARY KEY REFERENCES intents, status TEXT NOT NULL, filled TEXT NOT NULL,
    venue_order_id TEXT NOT NULL, reason TEXT NOT NULL, time_ns INTEGER NOT NULL, ended INTEGER, crc INTEGER NOT NULL
) STRICT;
INSERT INTO "states" VALUES(1,'filled','0.00000005','77','',5,6,3256596776);
INSERT INTO "states" VALUES(2,'open','0','77','',5,NULL,2830740198);
CREATE INDEX ended ON states (ended) WHERE ended IS NOT NULL;
CREATE INDEX reports_of ON reports (intent);
CREATE INDEX fills_of ON fills (intent, entry);
CREATE TRIGGER intents_stay BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'an intent never changes'); END;
CREATE TRIGGER reports_stay BEFORE UPDATE ON reports BEGIN SELECT RAISE(ABORT, 'a report never changes'); END;
CREATE TRIGGER fills_stay BEFORE UPDATE ON fills BEGIN SELECT RAISE(ABORT, 'a fill never changes'); END;
COMMIT;
PRAGMA journal_mode = WAL;
