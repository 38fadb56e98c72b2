//! The SQL that records the writes to a table.

mod mending;

use std::iter;

use crate::postgres::migrate::FUNCTION_VERSION;
use crate::postgres::names::{is_configured, literal, quoted_name, relation, table_oid};
use crate::search::{Entry, FollowedTable};

/// The oid of the type that trigger functions return.
const TRIGGER: &str = "CAST(CAST('pg_catalog.trigger' AS regtype) AS oid)";

/// A line in the body of the function, in every version.
pub(super) const FUNCTION_TITLE: &str = "-- Keeps an index of covara-diesel current.";

/// The function's body after title and version, for `format()`. Its arguments are: 1 the table, 2 the table and its parts,
/// 3 the key's name, 4 its type, 5 the schema of the notes, 6 the notes, 7 their name as SQL, 8 the
/// key as SQL, 9 the name of the schema, 10 that of the notes, 11 the columns, 12 the parts with
/// what distinguishes them from later ones.
///
/// The comments in the body tell [`follow`](super::follow) whether anything has changed. Columns
/// are identified by number, which a column added in the place of another does not share, and by
/// type. Parts are listed with the transactions that attached them, so that a part is noticed that
/// was detached, changed and attached again.
///
/// A part attached later may be gone when `follow` examines the table. So the first write to it
/// leaves a mark among the notes: its number, negated. A serializable transaction leaves one with
/// each write, because looking for it would make others that write fail.
///
/// The function writes to the notes by name, so it first checks that they still have that name.
/// Keys are compared as texts, because a type's `=` need not be found here, and without a cast,
/// which the type's owner may have created. They are compared by their bytes, because under the
/// collation of a column `A` and `a` may be equal.
const BODY: &str = "
-- table %1$s
-- parts %12$s
-- columns %11$s
BEGIN
    IF (TG_RELID IN (%2$s) OR %1$s IN (SELECT pg_partition_ancestors(TG_RELID)))
        AND has_schema_privilege(%5$s::oid, 'USAGE')
        AND has_table_privilege(%6$s::oid, 'INSERT')
    THEN
        IF TG_OP = 'TRUNCATE' THEN
            IF EXISTS (
                SELECT FROM pg_class AS n JOIN pg_namespace AS s ON s.oid = n.relnamespace
                WHERE n.oid = %6$s AND n.relname = %10$L AND s.nspname = %9$L
            ) THEN
                INSERT INTO %7$s (key) VALUES (NULL);
            END IF;
        ELSIF EXISTS (
            SELECT FROM pg_attribute AS a, pg_class AS n, pg_namespace AS s
            WHERE a.attrelid = TG_RELID AND a.attname = %3$L AND a.atttypid = %4$s
                AND NOT a.attisdropped
                AND n.oid = %6$s AND n.relname = %10$L
                AND s.oid = n.relnamespace AND s.nspname = %9$L
        ) THEN
            IF TG_OP <> 'DELETE' AND NEW.%8$s IS NOT NULL THEN
                INSERT INTO %7$s (key) VALUES (NEW.%8$s);
            END IF;
            IF TG_OP = 'DELETE' AND OLD.%8$s IS NOT NULL THEN
                INSERT INTO %7$s (key) VALUES (OLD.%8$s);
            ELSIF TG_OP = 'UPDATE' AND OLD.%8$s IS NOT NULL
                AND format('%%s', OLD.%8$s) COLLATE \"C\"
                    IS DISTINCT FROM format('%%s', NEW.%8$s) COLLATE \"C\"
            THEN
                INSERT INTO %7$s (key) VALUES (OLD.%8$s);
            END IF;
            IF TG_RELID NOT IN (%2$s) THEN
                IF current_setting('transaction_isolation') = 'serializable' THEN
                    INSERT INTO %7$s (number) VALUES (- TG_RELID::bigint);
                ELSIF has_table_privilege(%6$s::oid, 'SELECT') THEN
                    IF NOT EXISTS (
                        SELECT FROM %7$s AS m WHERE m.number = - TG_RELID::bigint
                    ) THEN
                        INSERT INTO %7$s (number) VALUES (- TG_RELID::bigint);
                    END IF;
                END IF;
            END IF;
        END IF;
    END IF;
    RETURN NULL;
END";

/// Notes are numbered by the clock: a sequence can run out, and a restored one can be behind the
/// notes. Two notes may have the same number.
const NUMBER: &str = "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000000) AS bigint)";

/// `tgtype` of `AFTER INSERT OR UPDATE OR DELETE … FOR EACH ROW`, and of `AFTER TRUNCATE … FOR
/// EACH STATEMENT`: the bits of `pg_trigger.h`.
const ON_ROW: u8 = 1 | 4 | 8 | 16;
const ON_TRUNCATE: u8 = 32;

/// The names from which the SQL here is built. All objects of the index are named with its schema,
/// that of its documents. See [`owners`](crate::postgres::owners) for why the server's functions
/// are too, and why types are written out.
#[derive(Clone)]
pub(super) struct SqlNames {
    /// The notes as SQL, without their schema, and in other forms.
    notes: String,
    notes_name: String,
    notes_oid: String,
    documents_oid: String,
    /// The function that writes notes, without its parentheses, as an SQL literal.
    function_literal: String,
    function: String,
    pub(super) function_oid: String,
    /// The followed table as an SQL literal.
    table_literal: String,
    /// The oid of the followed table.
    root: String,
    /// The key as a literal.
    key_literal: String,
    /// The key and the columns of the fields, as literals separated by commas.
    columns: String,
}

impl SqlNames {
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let FollowedTable {
            table,
            key,
            columns,
        } = entry.definition.table.as_ref()?;
        let columns: Vec<String> = iter::once(key)
            .chain(columns)
            .map(|column| literal(column))
            .collect();
        let notes = entry.notes();
        let function = format!("{notes}_write");
        Some(Self {
            notes_name: entry.notes_name(),
            notes_oid: relation(&notes),
            documents_oid: relation(&entry.documents()),
            function_literal: literal(&function),
            function_oid: format!(
                "CAST(pg_catalog.to_regprocedure({}) AS oid)",
                literal(&format!("{function}()"))
            ),
            function,
            notes,
            table_literal: literal(table),
            root: table_oid(table),
            key_literal: literal(key),
            columns: columns.join(", "),
        })
    }

    /// Returns the query for the table and the tables whose rows it includes: partitions, and
    /// tables that inherit.
    fn parts(&self) -> String {
        let root = &self.root;
        format!(
            "WITH RECURSIVE parts (part) AS (
                 SELECT {root}
                 UNION
                 SELECT i.inhrelid FROM parts AS p JOIN pg_catalog.pg_inherits AS i
                     ON i.inhparent = p.part
             )
             SELECT c.oid, c.relkind, c.relispartition AND c.oid <> {root} AS is_partition
             FROM parts AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.part"
        )
    }

    /// Returns a query for the body that the function must have. It has one row if there are notes.
    pub(super) fn wanted_body(&self) -> String {
        let Self {
            notes_oid,
            root,
            key_literal,
            columns,
            ..
        } = self;
        format!(
            "SELECT pg_catalog.format({body}, a.attrelid,
                 (SELECT pg_catalog.string_agg(CAST(p.oid AS text), ', ' ORDER BY p.oid)
                  FROM ({parts}) AS p),
                 a.attname, a.atttypid, n.relnamespace, n.oid,
                 pg_catalog.concat({schema}, '.', {relation}), {attribute}, s.nspname, n.relname,
                 (SELECT pg_catalog.string_agg(
                      pg_catalog.concat(c.attnum, ':', c.atttypid), ' ' ORDER BY w.place)
                  FROM pg_catalog.unnest(CAST(ARRAY[{columns}] AS name[]))
                      WITH ORDINALITY AS w (name, place)
                  JOIN pg_catalog.pg_attribute AS c ON c.attrelid = {root}
                      AND c.attname = w.name AND NOT c.attisdropped),
                 (SELECT pg_catalog.string_agg(pg_catalog.concat(p.oid, (
                      SELECT pg_catalog.string_agg(
                          pg_catalog.concat('/', i.xmin), '' ORDER BY i.inhparent)
                      FROM pg_catalog.pg_inherits AS i
                      WHERE i.inhrelid = p.oid AND p.oid <> {root}
                  )), ' ' ORDER BY p.oid)
                  FROM ({parts}) AS p))
             FROM pg_catalog.pg_attribute AS a, pg_catalog.pg_class AS n
             JOIN pg_catalog.pg_namespace AS s ON s.oid = n.relnamespace
             WHERE a.attrelid = {root}
                 AND a.attname = CAST({key_literal} AS name) AND NOT a.attisdropped
                 AND n.oid = {notes_oid}",
            schema = quoted_name("s.nspname"),
            relation = quoted_name("n.relname"),
            attribute = quoted_name("a.attname"),
            body = literal(&format!("\n{FUNCTION_TITLE}\n{FUNCTION_VERSION}{BODY}")),
            parts = self.parts(),
        )
    }

    /// Returns a condition on the part `p` of the table and its trigger `g`.
    fn is_trigger(&self, which: &str, bits: u8) -> String {
        let (notes, function) = (&self.notes_name, &self.function_oid);
        format!(
            "g.tgrelid = p.oid AND g.tgname = '{notes}_{which}' AND g.tgenabled = 'A'
                 AND g.tgtype = {bits} AND g.tgqual IS NULL AND g.tgnargs = 0
                 AND g.tgfoid = {function}"
        )
    }

    /// Returns the number of missing triggers. Partitions get row triggers from their table, and
    /// need TRUNCATE triggers of their own.
    pub(super) fn missing_triggers(&self) -> String {
        let parts = self.parts();
        let exists = |which, bits| {
            let is_trigger = self.is_trigger(which, bits);
            format!("EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE {is_trigger})")
        };
        format!(
            "SELECT pg_catalog.count(*) FROM ({parts}) AS p
             WHERE NOT {} OR p.relkind = 'r' AND NOT {}",
            exists("row", ON_ROW),
            exists("truncate", ON_TRUNCATE),
        )
    }

    /// Returns the type of the notes' key: that of the table's key, or the base type of a domain,
    /// so that the table's index can be used, without its length, which may change.
    fn key_type(&self) -> String {
        let Self {
            root, key_literal, ..
        } = self;
        format!(
            "SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
             FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
             WHERE a.attrelid = {root}
                 AND a.attname = CAST({key_literal} AS name) AND NOT a.attisdropped"
        )
    }

    /// Returns a condition for whether the notes are as [`mending`](Self::mending) creates them,
    /// and owned by the index's owner alone: the owner of a table decides what others' writes to it
    /// execute.
    pub(super) fn notes_fit(&self) -> String {
        let Self {
            notes_oid,
            documents_oid,
            ..
        } = self;
        format!(
            "SELECT EXISTS (
                 SELECT FROM pg_catalog.pg_class AS n
                 JOIN pg_catalog.pg_class AS d ON d.oid = {documents_oid}
                     AND d.relowner = n.relowner
                 JOIN pg_catalog.pg_attribute AS k ON k.attrelid = n.oid AND k.attname = 'key'
                     AND NOT k.attnotnull AND k.atttypid = ({})
                 JOIN pg_catalog.pg_attribute AS u ON u.attrelid = n.oid AND u.attname = 'number'
                     AND u.attidentity = '' AND u.atthasdef
                 WHERE n.oid = {notes_oid} AND n.relreplident = 'f'
                     AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_index AS i
                         WHERE i.indrelid = n.oid AND i.indisunique
                     )
             )",
            self.key_type()
        )
    }

    /// Returns a query for whether writes to a part attached later left marks in the notes: 0 if
    /// not, more if so. It has one row if there are notes.
    pub(super) fn marks(&self) -> String {
        format!(
            "SELECT CASE WHEN ({}) AND pg_catalog.has_table_privilege(n.oid, 'SELECT')
                 THEN CAST(pg_catalog.strpos(CAST(pg_catalog.query_to_xml(pg_catalog.format(
                     'SELECT 1 AS marked FROM %I.%I WHERE number < 0 LIMIT 1',
                     s.nspname, n.relname
                 ), false, false, '') AS text), '<marked>') AS bigint) END
             FROM pg_catalog.pg_class AS n
             JOIN pg_catalog.pg_namespace AS s ON s.oid = n.relnamespace
             WHERE n.oid = {}",
            self.notes_fit(),
            self.notes_oid
        )
    }

    /// Returns a condition on the function `f`, except for its body. It must have the owner of the
    /// documents.
    pub(super) fn function_fits(&self) -> String {
        format!(
            "f.prosecdef AND f.prorettype = {TRIGGER}
             AND {is_configured}
             AND f.proowner = (
                 SELECT d.relowner FROM pg_catalog.pg_class AS d WHERE d.oid = {}
             )
             AND f.proacl IS NOT NULL AND NOT EXISTS (
                 SELECT FROM pg_catalog.aclexplode(f.proacl) AS x WHERE x.grantee = '0'
             )",
            self.documents_oid,
            is_configured = is_configured(&[]),
        )
    }
}
