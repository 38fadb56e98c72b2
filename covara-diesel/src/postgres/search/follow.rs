//! Has writes to a table noted.
//!
//! Each index has a trigger function of its own, with fixed SQL. It runs with the rights of its
//! owner, so that who writes to the table need not know of the notes, and nobody else may give
//! it to a trigger. What it is for stands in it by number: on any other table, or where the key
//! has become another column or type, it does nothing, rather than fail somebody's write.

use diesel::QueryResult;
use diesel::pg::Pg;

use super::tables::quoted;
use crate::connection::DatabaseConnection;
use crate::search::{Cause, Entry, Mending, Sql, WatchedTable, integer, text};

/// The function's body, for `format()`: 1 the table, 2 it and those that are parts of it, 3 the
/// key's name, 4 its type, 5 the schema of the notes, 6 the notes, 7 their name as SQL, 8 the
/// key as SQL.
///
/// Keys are compared as texts, as a type need not have an `=` that is found here.
const BODY: &str = "
-- Keeps an index of covara-diesel current.
-- table %1$s
-- parts %2$s
BEGIN
    IF (TG_RELID IN (%2$s) OR pg_partition_root(TG_RELID) = %1$s)
        AND has_schema_privilege(%5$s::oid, 'USAGE')
        AND has_table_privilege(%6$s::oid, 'INSERT')
    THEN
        IF TG_OP = 'TRUNCATE' THEN
            INSERT INTO %7$s (key) VALUES (NULL);
        ELSIF EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = TG_RELID AND a.attname = %3$L AND a.atttypid = %4$s
                AND NOT a.attisdropped
        ) THEN
            IF TG_OP <> 'DELETE' AND NEW.%8$s IS NOT NULL THEN
                INSERT INTO %7$s (key) VALUES (NEW.%8$s);
            END IF;
            IF TG_OP = 'DELETE' AND OLD.%8$s IS NOT NULL THEN
                INSERT INTO %7$s (key) VALUES (OLD.%8$s);
            ELSIF TG_OP = 'UPDATE' AND OLD.%8$s IS NOT NULL
                AND CAST(OLD.%8$s AS text) IS DISTINCT FROM CAST(NEW.%8$s AS text)
            THEN
                INSERT INTO %7$s (key) VALUES (OLD.%8$s);
            END IF;
        END IF;
    END IF;
    RETURN NULL;
END";

/// Notes are numbered by the clock: a sequence can run out, and a restored one can be behind
/// the notes. Two may have one number.
const NUMBER: &str = "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS bigint)";

/// `tgtype` of `AFTER INSERT OR UPDATE OR DELETE … FOR EACH ROW`, and of `AFTER TRUNCATE … FOR
/// EACH STATEMENT`: the bits of `pg_trigger.h`.
const ON_ROW: u8 = 1 | 4 | 8 | 16;
const ON_TRUNCATE: u8 = 32;

/// A text as a literal, whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let escaped = text.replace('\'', "''").replace('\\', "\\\\");
    if text.contains('\\') {
        format!(" E'{escaped}'")
    } else {
        format!("'{escaped}'")
    }
}

/// What the SQL here is made of.
struct Names {
    notes: String,
    documents: String,
    /// The followed table, as SQL and as a literal of it.
    table: String,
    table_literal: String,
    /// The key, as SQL and as a literal.
    key: String,
    key_literal: String,
}

impl Names {
    fn of(entry: &Entry) -> Option<Self> {
        let WatchedTable { table, key, .. } = entry.definition.table.as_ref()?;
        Some(Self {
            notes: entry.notes(),
            documents: entry.documents(),
            table: table.clone(),
            table_literal: literal(table),
            key: quoted(key),
            key_literal: literal(key),
        })
    }

    /// The table and those whose rows are its rows: partitions, and tables that inherit.
    fn parts(&self) -> String {
        let root = &self.table_literal;
        format!(
            "WITH RECURSIVE parts (part) AS (
                 SELECT CAST(to_regclass({root}) AS oid)
                 UNION
                 SELECT i.inhrelid FROM parts AS p JOIN pg_catalog.pg_inherits AS i
                     ON i.inhparent = p.part
             )
             SELECT c.oid, c.relkind, c.relispartition AND c.oid <> to_regclass({root})
                 AS is_partition
             FROM parts AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.part"
        )
    }

    /// A query of one row: the body that the function must have, once there are notes.
    fn wanted_body(&self) -> String {
        let Self {
            notes,
            table_literal,
            key_literal,
            ..
        } = self;
        format!(
            "SELECT format({}, a.attrelid,
                 (SELECT string_agg(CAST(p.oid AS text), ', ' ORDER BY p.oid) FROM ({}) AS p),
                 a.attname, a.atttypid, n.relnamespace, n.oid,
                 format('%I.%I', s.nspname, n.relname), quote_ident(a.attname))
             FROM pg_catalog.pg_attribute AS a, pg_catalog.pg_class AS n
             JOIN pg_catalog.pg_namespace AS s ON s.oid = n.relnamespace
             WHERE a.attrelid = to_regclass({table_literal})
                 AND a.attname = CAST({key_literal} AS name) AND NOT a.attisdropped
                 AND n.oid = to_regclass('{notes}')",
            literal(BODY),
            self.parts()
        )
    }

    /// A condition on the part `p` of the table and its trigger `g`.
    fn is_trigger(&self, which: &str, bits: u8) -> String {
        let notes = &self.notes;
        format!(
            "g.tgrelid = p.oid AND g.tgname = '{notes}_{which}' AND g.tgenabled = 'A'
                 AND g.tgtype = {bits} AND g.tgqual IS NULL AND g.tgnargs = 0
                 AND g.tgfoid = to_regprocedure('{notes}_write()')"
        )
    }

    /// How many triggers are missing. Partitions have the ones on rows from their table, and
    /// those on TRUNCATE on their own.
    fn missing_triggers(&self) -> String {
        let parts = self.parts();
        let exists = |which, bits| {
            let is_trigger = self.is_trigger(which, bits);
            format!("EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE {is_trigger})")
        };
        format!(
            "SELECT count(*) FROM ({parts}) AS p
             WHERE NOT {} OR p.relkind = 'r' AND NOT {}",
            exists("row", ON_ROW),
            exists("truncate", ON_TRUNCATE),
        )
    }

    /// The notes' key has the key's type, or what a domain is of, so that the table's index
    /// finds it, without its length, which may change.
    fn key_type(&self) -> String {
        let Self {
            table_literal,
            key_literal,
            ..
        } = self;
        format!(
            "SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
             FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
             WHERE a.attrelid = to_regclass({table_literal})
                 AND a.attname = CAST({key_literal} AS name) AND NOT a.attisdropped"
        )
    }

    /// Whether the notes are as [`mending`](Self::mending) makes them, and nobody's but the
    /// index's owner: who owns a table may have others' writes to it do anything.
    fn notes_fit(&self) -> String {
        let Self {
            notes, documents, ..
        } = self;
        format!(
            "SELECT EXISTS (
                 SELECT FROM pg_catalog.pg_class AS n
                 JOIN pg_catalog.pg_class AS d ON d.oid = to_regclass('{documents}')
                     AND d.relowner = n.relowner
                 JOIN pg_catalog.pg_attribute AS k ON k.attrelid = n.oid AND k.attname = 'key'
                     AND NOT k.attnotnull AND k.atttypid = ({})
                 JOIN pg_catalog.pg_attribute AS u ON u.attrelid = n.oid AND u.attname = 'number'
                     AND u.attidentity = '' AND u.atthasdef
                 WHERE n.oid = to_regclass('{notes}') AND n.relreplident = 'f'
                     AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_index AS i
                         WHERE i.indrelid = n.oid AND i.indisunique
                     )
             )",
            self.key_type()
        )
    }

    /// Makes all as it must be, in an order that waits for writers of the table before anything
    /// that they hold too: whatever is wrong, in one statement, and without a word to the
    /// client about what is not there.
    fn mending(&self) -> String {
        let Self {
            notes,
            table,
            table_literal,
            key,
            ..
        } = self;
        let row = self.is_trigger("row", ON_ROW);
        let truncate = self.is_trigger("truncate", ON_TRUNCATE);
        let body = format!(
            "#variable_conflict use_column
             DECLARE
                 root CONSTANT regclass := {table_literal};
                 p record;
                 g record;
                 body text;
             BEGIN
                 -- Those on other tables too: a table that was renamed keeps its triggers.
                 FOR g IN SELECT g.tgname, CAST(g.tgrelid AS regclass) AS part
                     FROM pg_catalog.pg_trigger AS g
                     WHERE g.tgname IN ('{notes}_row', '{notes}_truncate')
                         AND g.tgfoid = to_regprocedure('{notes}_write()') AND g.tgparentid = 0
                         AND NOT EXISTS (
                             SELECT FROM ({parts}) AS p WHERE {row} OR {truncate}
                         )
                 LOOP
                     EXECUTE format('DROP TRIGGER %I ON %s', g.tgname, g.part);
                 END LOOP;
                 IF to_regprocedure('{notes}_write()') IS NULL THEN
                     CREATE FUNCTION {notes}_write() RETURNS trigger LANGUAGE plpgsql
                         AS 'BEGIN RETURN NULL; END';
                 END IF;
                 FOR p IN {parts} LOOP
                     IF NOT p.is_partition AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_trigger AS g WHERE {row}
                     ) THEN
                         EXECUTE format('CREATE TRIGGER {notes}_row
                             AFTER INSERT OR UPDATE OR DELETE ON %s
                             FOR EACH ROW EXECUTE FUNCTION {notes}_write()',
                             CAST(p.oid AS regclass));
                     END IF;
                     IF p.relkind = 'r' AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_trigger AS g WHERE {truncate}
                     ) THEN
                         EXECUTE format('CREATE TRIGGER {notes}_truncate AFTER TRUNCATE ON %s
                             FOR EACH STATEMENT EXECUTE FUNCTION {notes}_write()',
                             CAST(p.oid AS regclass));
                     END IF;
                 END LOOP;
                 -- Also for writes that are replicated, or loaded without triggers.
                 FOR g IN SELECT g.tgname, CAST(g.tgrelid AS regclass) AS part
                     FROM pg_catalog.pg_trigger AS g
                     WHERE g.tgname IN ('{notes}_row', '{notes}_truncate')
                         AND g.tgfoid = to_regprocedure('{notes}_write()')
                         AND g.tgenabled <> 'A'
                 LOOP
                     EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', g.part, g.tgname);
                 END LOOP;
                 IF NOT ({notes_fit}) THEN
                     IF to_regclass('{notes}') IS NOT NULL THEN
                         DROP TABLE {notes};
                     END IF;
                     EXECUTE format('CREATE TABLE {notes} (
                         key %s, number BIGINT NOT NULL DEFAULT {NUMBER}
                     )', (SELECT format_type(({key_type}), -1)));
                     CREATE INDEX {notes}_number ON {notes} (number);
                     ALTER TABLE {notes} REPLICA IDENTITY FULL;
                 END IF;
                 body := ({wanted});
                 EXECUTE format('CREATE OR REPLACE FUNCTION {notes}_write() RETURNS trigger
                     LANGUAGE plpgsql SECURITY DEFINER
                     SET search_path = pg_catalog, pg_temp AS %L', body);
                 REVOKE ALL ON FUNCTION {notes}_write() FROM PUBLIC;
                 INSERT INTO {notes} (key)
                     SELECT t.{key} FROM {table} AS t WHERE t.{key} IS NOT NULL;
                 INSERT INTO {notes} (key) VALUES (NULL);
             END",
            parts = self.parts(),
            notes_fit = self.notes_fit(),
            key_type = self.key_type(),
            wanted = self.wanted_body(),
        );
        format!("DO {}", literal(&body))
    }
}

/// The function of an index whose table is gone cannot be replaced.
pub(super) fn protect(entry: &Entry) -> Vec<Sql<'static>> {
    let function = format!("{}_write()", entry.notes());
    vec![Sql::once(format!(
        "REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
    ))]
}

pub(super) fn note_all(entry: &Entry) -> Vec<Sql<'static>> {
    let Some(Names {
        notes, table, key, ..
    }) = Names::of(entry)
    else {
        return Vec::new();
    };
    vec![
        Sql::once(format!(
            "INSERT INTO {notes} (key) SELECT t.{key} FROM {table} AS t WHERE t.{key} IS NOT NULL"
        )),
        Sql::once(format!("INSERT INTO {notes} (key) VALUES (NULL)")),
    ]
}

pub(super) fn examine<C>(conn: &mut C, entry: &Entry) -> QueryResult<Option<Mending>>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let Some(names) = Names::of(entry) else {
        return Ok(None);
    };
    let found = Sql::once(format!(
        "SELECT f.prosrc, ({}), CAST(
             f.prosecdef AND f.proconfig IS NOT NULL AND f.proacl IS NOT NULL AND ({})
             AND NOT EXISTS (SELECT FROM aclexplode(f.proacl) AS x WHERE x.grantee = 0)
         AS integer)::bigint, ({})
         FROM (SELECT to_regprocedure('{}_write()') AS oid) AS w
         LEFT JOIN pg_catalog.pg_proc AS f ON f.oid = w.oid",
        names.wanted_body(),
        names.notes_fit(),
        names.missing_triggers(),
        names.notes,
    ));
    let mut rows = conn.load(found)?;
    let Some(row) = rows.next().transpose()? else {
        return Ok(None);
    };
    let (body, wanted) = (text(&row, 0), text(&row, 1));
    let fits = integer(&row, 2) == Some(1) && integer(&row, 3) == Some(0);
    if fits && body.is_some() && body == wanted {
        return Ok(None);
    }
    let cause = cause(&body.unwrap_or_default(), &wanted.unwrap_or_default());
    let statements = vec![Sql::once(names.mending())];
    Ok(Some(Mending { cause, statements }))
}

/// Tells by what the function says of the table, and what it must say.
fn cause(body: &str, wanted: &str) -> Cause {
    if body.contains("TG_ARGV") {
        return Cause::Version;
    }
    let line = |of: &str, name: &str| {
        let mut lines = of.lines();
        let line = lines.find_map(|line| line.strip_prefix("-- ")?.strip_prefix(name));
        line.map(str::to_owned)
    };
    let differs = |name| {
        let (is, must_be) = (line(body, name), line(wanted, name));
        is.is_some() && must_be.is_some() && is != must_be
    };
    if differs("table ") {
        Cause::Table
    } else if differs("parts ") {
        Cause::Partitions
    } else {
        Cause::Triggers
    }
}

pub(super) fn has_table<C>(conn: &mut C, table: &str) -> QueryResult<bool>
where
    C: DatabaseConnection<Backend = Pg>,
{
    let mut sql = Sql::new();
    sql.push("SELECT 1 WHERE to_regclass(")
        .bind(table.to_owned());
    sql.push(") IS NOT NULL");
    let mut rows = conn.load(sql)?;
    Ok(rows.next().transpose()?.is_some())
}
