//! What keeps the index of `posts` current, as each engine has it.

use covara_diesel::Dialect;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::backend::{self, Conn};

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The texts that a query yields, named `name`.
pub(super) fn names(conn: &mut Conn, sql: &str) -> Vec<String> {
    let rows = diesel::sql_query(sql).load::<Name>(conn).expect(sql);
    rows.into_iter().map(|row| row.name).collect()
}

/// Statements that each remove a part of what notes writes.
pub(super) fn removals(conn: &mut Conn) -> Vec<String> {
    let sql = match backend::DIALECT {
        Dialect::Sqlite => {
            "SELECT 'DROP TRIGGER ' || name AS name FROM sqlite_master
             WHERE type = 'trigger' AND tbl_name = 'posts'"
        }
        Dialect::Postgres => {
            "SELECT v.sql || tgname || v.rest AS name FROM pg_trigger, (VALUES
                 ('DROP TRIGGER ', ' ON posts'), ('ALTER TABLE posts DISABLE TRIGGER ', ''),
                 ('ALTER TABLE posts ENABLE TRIGGER ', '')) AS v (sql, rest)
             WHERE tgrelid = 'posts'::regclass AND NOT tgisinternal"
        }
    };
    let mut removals = names(conn, sql);
    if backend::DIALECT == Dialect::Postgres {
        removals.extend(
            [
                "DROP FUNCTION __covara_search_1_notes_write() CASCADE",
                "DROP TABLE __covara_search_1_notes",
                "GRANT EXECUTE ON FUNCTION __covara_search_1_notes_write() TO PUBLIC",
                "ALTER FUNCTION __covara_search_1_notes_write() RESET ALL",
                "ALTER FUNCTION __covara_search_1_notes_write() SECURITY INVOKER",
                "ALTER TABLE __covara_search_1_notes ADD PRIMARY KEY (number)",
                "ALTER TABLE __covara_search_1_notes ALTER number DROP DEFAULT",
            ]
            .map(str::to_owned),
        );
    }
    removals
}

/// Puts in place what version 0.1.0 made of a table `posts`, whose index is the first.
pub(super) const OLD: &str = match backend::DIALECT {
    Dialect::Sqlite => {
        "DROP TRIGGER __covara_search_1_notes_insert;
         DROP TRIGGER __covara_search_1_notes_update;
         DROP TRIGGER __covara_search_1_notes_delete;
         DROP TABLE __covara_search_1_notes;
         CREATE TABLE __covara_search_1_notes
             (number INTEGER PRIMARY KEY AUTOINCREMENT, key NOT NULL);
         CREATE TRIGGER __covara_search_1_notes_insert AFTER INSERT ON `posts` BEGIN
             INSERT INTO __covara_search_1_notes (key) VALUES (NEW.`id`); END;
         CREATE TRIGGER __covara_search_1_notes_delete AFTER DELETE ON `posts` BEGIN
             INSERT INTO __covara_search_1_notes (key) VALUES (OLD.`id`); END;
         CREATE TRIGGER __covara_search_1_notes_update AFTER UPDATE ON `posts` BEGIN
             INSERT INTO __covara_search_1_notes (key) VALUES (OLD.`id`);
             INSERT INTO __covara_search_1_notes (key) VALUES (NEW.`id`); END;"
    }
    Dialect::Postgres => {
        "DROP FUNCTION __covara_search_1_notes_write() CASCADE;
         DROP TABLE __covara_search_1_notes;
         CREATE TABLE __covara_search_1_notes AS SELECT t.id AS key FROM posts AS t WITH NO DATA;
         ALTER TABLE __covara_search_1_notes
             ADD COLUMN number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
         CREATE FUNCTION __covara_search_1_notes_write() RETURNS trigger LANGUAGE plpgsql
             SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$BEGIN
                 IF TG_OP = 'TRUNCATE' THEN
                     EXECUTE 'INSERT INTO ' || TG_ARGV[0] || ' (key) SELECT id FROM '
                         || TG_RELID::regclass;
                 ELSIF TG_OP = 'DELETE' THEN
                     EXECUTE 'INSERT INTO ' || TG_ARGV[0] || ' (key) VALUES ($1)' USING OLD.id;
                 ELSE
                     EXECUTE 'INSERT INTO ' || TG_ARGV[0] || ' (key) VALUES ($1)' USING NEW.id;
                 END IF;
                 RETURN NULL;
             END$body$;
         CREATE TRIGGER __covara_search_1_notes_row AFTER INSERT OR UPDATE OR DELETE ON posts
             FOR EACH ROW EXECUTE FUNCTION
                 __covara_search_1_notes_write('public.__covara_search_1_notes');
         CREATE TRIGGER __covara_search_1_notes_truncate BEFORE TRUNCATE ON posts
             FOR EACH STATEMENT EXECUTE FUNCTION
                 __covara_search_1_notes_write('public.__covara_search_1_notes');"
    }
};

/// Leaves no number for another note, or one for all.
pub(super) const SPOIL_NOTES: &str = match backend::DIALECT {
    Dialect::Sqlite => {
        "INSERT INTO __covara_search_1_notes (id, key, number)
             VALUES (9223372036854775807, 1, 1)"
    }
    Dialect::Postgres => {
        "ALTER TABLE __covara_search_1_notes ALTER number SET DEFAULT 9223372036854775807"
    }
};
