//! Kinds of tables that only SQLite has.

use crate::suite::seed_model::kinds;

kinds! {
    without_rowid:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT) WITHOUT ROWID",
    strict:
        "CREATE TABLE {t} (id INTEGER PRIMARY KEY, code ANY UNIQUE, part INT UNIQUE) STRICT",
    strict_that_refuses_texts:
        "CREATE TABLE {t} (id INTEGER PRIMARY KEY, code INT UNIQUE, part INT UNIQUE) STRICT",
    autoincrement:
        "CREATE TABLE {t} (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, part BIGINT)",
    collations:
        "CREATE TABLE {t} (id BIGINT, code TEXT COLLATE NOCASE UNIQUE, part BIGINT);
         CREATE UNIQUE INDEX {t}_a ON {t} (code COLLATE RTRIM, part)",
    affinities:
        "CREATE TABLE {t} (id REAL PRIMARY KEY, code INTEGER UNIQUE, part TEXT UNIQUE)",
    virtual_generated_columns:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT, part BIGINT,
             low TEXT AS (lower(code)) UNIQUE, sum BIGINT AS (id + part))",
    unique_on_conflict_replace:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY ON CONFLICT REPLACE,
             code TEXT UNIQUE ON CONFLICT REPLACE, part BIGINT UNIQUE)",
    rowid_on_conflict_replace:
        "CREATE TABLE {t} (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, code TEXT, part BIGINT)",
    unique_on_other_conflict_clauses:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY ON CONFLICT FAIL,
             code TEXT UNIQUE ON CONFLICT ROLLBACK, part BIGINT UNIQUE ON CONFLICT IGNORE)",
    not_null_on_conflict_replace:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE,
             part BIGINT NOT NULL ON CONFLICT REPLACE DEFAULT 7)",
    not_null_on_conflict_ignore:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE,
             part BIGINT NOT NULL ON CONFLICT IGNORE)",
    not_null_on_conflict_fail:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE,
             part BIGINT NOT NULL ON CONFLICT FAIL)",
    a_trigger_that_ignores_rows:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TRIGGER {t}_ignore BEFORE INSERT ON {t} WHEN NEW.part % 3 = 0
         BEGIN SELECT RAISE(IGNORE); END",
    a_trigger_that_refuses_a_row:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TRIGGER {t}_refuse BEFORE INSERT ON {t} WHEN NEW.id = 150
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    a_trigger_that_changes_the_row:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TRIGGER {t}_change AFTER INSERT ON {t}
         BEGIN UPDATE OR IGNORE {t} SET code = lower(code) WHERE id = NEW.id; END",
    a_trigger_that_deletes_older_rows:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TRIGGER {t}_newest AFTER INSERT ON {t}
         BEGIN DELETE FROM {t} WHERE part = NEW.part AND id <> NEW.id; END",
    a_trigger_that_writes_a_log:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TABLE {t}_log (at TEXT, id BIGINT, code TEXT);
         CREATE TRIGGER {t}_before BEFORE INSERT ON {t}
         BEGIN INSERT INTO {t}_log VALUES ('before', NEW.id, NEW.code); END;
         CREATE TRIGGER {t}_after AFTER INSERT ON {t}
         BEGIN INSERT INTO {t}_log VALUES ('after', NEW.id, NEW.code); END",
    triggers_that_upsert:
        "CREATE TABLE {t} (id BIGINT PRIMARY KEY, code TEXT UNIQUE, part BIGINT);
         CREATE TABLE {t}_log (part BIGINT PRIMARY KEY, n BIGINT NOT NULL);
         CREATE TRIGGER {t}_count AFTER INSERT ON {t} WHEN NEW.part IS NOT NULL
         BEGIN
             INSERT INTO {t}_log VALUES (NEW.part, 1) ON CONFLICT (part) DO UPDATE SET n = n + 1;
             INSERT OR REPLACE INTO {t}_log VALUES (-1, NEW.id);
             INSERT OR IGNORE INTO {t}_log VALUES (-2, NEW.id);
         END",
}
