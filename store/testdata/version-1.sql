CREATE TABLE events (
	id    INTEGER PRIMARY KEY, -- in the order in which they happened, whatever the clock said
	at    INTEGER NOT NULL,
	event TEXT NOT NULL        -- JSON, as everything that only we read
) STRICT;
CREATE INDEX events_at ON events (at);

CREATE TABLE incidents (
	id       TEXT PRIMARY KEY,
	start    INTEGER NOT NULL,
	until    INTEGER, -- NULL: it goes on
	incident TEXT NOT NULL
) STRICT;
CREATE INDEX incidents_start ON incidents (start);

CREATE TABLE minutes (
	at     INTEGER NOT NULL, -- its beginning
	wan    TEXT NOT NULL,
	state  TEXT NOT NULL,
	active INTEGER NOT NULL,
	rtt    INTEGER NOT NULL, -- the median
	low    INTEGER NOT NULL,
	high   INTEGER NOT NULL,
	probes INTEGER NOT NULL,
	loss   REAL NOT NULL,    -- share of the probes
	rx     INTEGER NOT NULL,
	tx     INTEGER NOT NULL,
	PRIMARY KEY (at, wan)    -- time first: what is written together stands together
) STRICT, WITHOUT ROWID;

CREATE TABLE hours (
	at     INTEGER NOT NULL,
	wan    TEXT NOT NULL,
	state  TEXT NOT NULL,
	active INTEGER NOT NULL,
	rtt    INTEGER NOT NULL,
	low    INTEGER NOT NULL,
	high   INTEGER NOT NULL,
	probes INTEGER NOT NULL,
	loss   REAL NOT NULL,
	rx     INTEGER NOT NULL,
	tx     INTEGER NOT NULL,
	PRIMARY KEY (at, wan)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
	day TEXT NOT NULL,    -- 2006-01-02, of the house's own time
	wan TEXT NOT NULL,
	rx  INTEGER NOT NULL, -- bytes
	tx  INTEGER NOT NULL,
	PRIMARY KEY (day, wan)
) STRICT, WITHOUT ROWID;

CREATE TABLE shelf (
	id    INTEGER PRIMARY KEY, -- in the order in which they were put first
	shelf TEXT NOT NULL,
	key   TEXT NOT NULL,
	at    INTEGER NOT NULL,
	value BLOB NOT NULL,
	UNIQUE (shelf, key)
) STRICT;

INSERT INTO events (id, at, event) VALUES
	(1, 1795176000000000, '{"time":"2026-11-20T12:00:00Z","kind":"wan","wan":"fibre","from":"up","to":"down","blame":"cable","sentence":"fibre is down: the cable is out."}'),
	(2, 1795176060000000, '{"time":"2026-11-20T12:01:00Z","kind":"wan","wan":"fibre","from":"down","to":"up","sentence":"fibre is up."}');
INSERT INTO incidents (id, start, until, incident) VALUES
	('main-20261120T120000Z-1', 1795176000000000, 1795176060000000, '{"id":"main-20261120T120000Z-1","router":"main","cause":"wan","wan":"fibre","state":"down","start":"2026-11-20T12:00:00Z","end":"2026-11-20T12:01:00Z","lasted_s":60,"sentence":"The cable is out.","clock_set":true}'),
	('main-20261120T130000Z-2', 1795179600000000, NULL, '{"id":"main-20261120T130000Z-2","router":"main","cause":"metered","wan":"lte","start":"2026-11-20T13:00:00Z","lasted_s":0,"sentence":"lte carries the house.","clock_set":true}');
INSERT INTO minutes VALUES (1795179600, 'fibre', 'down', 1, 8000, 7000, 9000, 240, 0.5, 1000, 100);
INSERT INTO hours VALUES (1795176000, 'fibre', 'down', 1, 8000, 7000, 9000, 14400, 0.01, 60000, 6000);
INSERT INTO usage VALUES ('2026-11-20', 'lte', 123456, 7890);
INSERT INTO shelf VALUES (1, 'letters', 'a', 1795176000000000, X'6f6e65');
PRAGMA user_version = 1;
