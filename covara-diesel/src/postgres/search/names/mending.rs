//! The SQL that makes an index follow a table.

use super::{NUMBER, ON_ROW, ON_TRUNCATE, SqlNames, TRIGGER};
use crate::postgres::names::literal;
use crate::search::CATALOGUE;

impl SqlNames {
    /// Returns the same names with the variable `root_` of [`declare_root`](Self::declare_root).
    fn of_root(&self) -> Self {
        Self {
            root: "root_".to_owned(),
            ..self.clone()
        }
    }

    /// Returns the declaration of a variable with the table's oid.
    fn declare_root(&self) -> String {
        format!("root_ CONSTANT oid := {};", self.root)
    }

    /// Returns statements that fail if the table does not exist.
    fn check_root(&self) -> String {
        format!(
            "IF root_ IS NULL THEN
                 RAISE undefined_table USING MESSAGE =
                     pg_catalog.format('relation %s does not exist', {});
             END IF;",
            self.table_literal
        )
    }

    /// Returns statements that note all rows, and that some documents may have no row.
    fn note_all(&self) -> String {
        let (notes, key) = (literal(&self.notes), &self.key_literal);
        format!(
            "EXECUTE pg_catalog.format('INSERT INTO %s (key)
                 SELECT t.%I FROM %s AS t WHERE t.%I IS NOT NULL',
                 {notes}, {key}, CAST(root_ AS regclass), {key});
             EXECUTE pg_catalog.format('INSERT INTO %s (key) VALUES (NULL)', {notes});"
        )
    }

    /// Returns the same as one statement.
    pub(in super::super) fn noting(&self) -> String {
        let body = format!(
            "DECLARE {} BEGIN {} {} END",
            self.declare_root(),
            self.check_root(),
            self.note_all()
        );
        format!("DO {}", literal(&body))
    }

    /// Returns one statement that creates or repairs everything, whatever is wrong. It waits for
    /// writers of the table before it locks anything that they hold too, and sends the client no
    /// notice about missing objects.
    ///
    /// The function is created before the triggers, so that they call no other. A trigger on the
    /// table with one of these names is replaced, whatever it calls, unless it belongs to an index
    /// in another schema.
    pub(in super::super) fn mending(&self) -> String {
        let declare_root = self.declare_root();
        let names = self.of_root();
        let Self {
            notes,
            notes_name,
            notes_oid,
            documents_oid,
            function,
            function_literal,
            function_oid,
            ..
        } = &names;
        let row = names.is_trigger("row", ON_ROW);
        let truncate = names.is_trigger("truncate", ON_TRUNCATE);
        let body = format!(
            "#variable_conflict use_column
             DECLARE
                 {declare_root}
                 owner_ CONSTANT name := (
                     SELECT pg_catalog.pg_get_userbyid(d.relowner) FROM pg_catalog.pg_class AS d
                     WHERE d.oid = {documents_oid}
                 );
                 p record;
                 g record;
                 body text;
             BEGIN
                 {check_root}
                 -- Those on other tables too: a table that was renamed keeps its triggers.
                 FOR g IN SELECT g.tgname, CAST(g.tgrelid AS regclass) AS part
                     FROM pg_catalog.pg_trigger AS g
                     WHERE g.tgname IN ('{notes_name}_row', '{notes_name}_truncate')
                         AND g.tgparentid = '0' AND (
                             g.tgfoid = {function_oid}
                             OR g.tgrelid IN (SELECT p.oid FROM ({parts}) AS p) AND NOT EXISTS (
                                 SELECT FROM pg_catalog.pg_proc AS f
                                 JOIN pg_catalog.pg_class AS c
                                     ON c.relnamespace = f.pronamespace
                                     AND c.relowner = f.proowner
                                     AND c.relname = '{CATALOGUE}'
                                 WHERE f.oid = g.tgfoid
                                     AND pg_catalog.pg_get_userbyid(f.proowner) = owner_
                             )
                         )
                         AND NOT EXISTS (
                             SELECT FROM ({parts}) AS p WHERE {row} OR {truncate}
                         )
                 LOOP
                     EXECUTE pg_catalog.format('DROP TRIGGER %I ON %s', g.tgname, g.part);
                 END LOOP;
                 IF EXISTS (
                     SELECT FROM pg_catalog.pg_proc AS f
                     WHERE f.oid = {function_oid} AND NOT (
                         f.prorettype = {TRIGGER}
                         AND pg_catalog.pg_get_userbyid(f.proowner) = owner_
                     )
                 ) THEN
                     DROP FUNCTION {function}() CASCADE;
                 END IF;
                 IF {function_oid} IS NULL THEN
                     CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
                         AS 'BEGIN RETURN NULL; END';
                 END IF;
                 FOR p IN {parts} LOOP
                     IF NOT p.is_partition AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_trigger AS g WHERE {row}
                     ) THEN
                         EXECUTE pg_catalog.format('CREATE TRIGGER {notes_name}_row
                             AFTER INSERT OR UPDATE OR DELETE ON %s
                             FOR EACH ROW EXECUTE FUNCTION %s()',
                             CAST(p.oid AS regclass), {function_literal});
                     END IF;
                     IF p.relkind = 'r' AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_trigger AS g WHERE {truncate}
                     ) THEN
                         EXECUTE pg_catalog.format('CREATE TRIGGER {notes_name}_truncate
                             AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION %s()',
                             CAST(p.oid AS regclass), {function_literal});
                     END IF;
                 END LOOP;
                 -- Also for writes that are replicated, or loaded without triggers.
                 FOR g IN SELECT g.tgname, CAST(g.tgrelid AS regclass) AS part
                     FROM pg_catalog.pg_trigger AS g
                     WHERE g.tgname IN ('{notes_name}_row', '{notes_name}_truncate')
                         AND g.tgfoid = {function_oid} AND g.tgenabled <> 'A'
                 LOOP
                     EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I',
                         g.part, g.tgname);
                 END LOOP;
                 IF NOT ({notes_fit}) THEN
                     IF {notes_oid} IS NOT NULL THEN
                         DROP TABLE {notes};
                     END IF;
                     EXECUTE pg_catalog.format('CREATE TABLE %s (
                         key %s, number BIGINT NOT NULL DEFAULT {NUMBER}
                     )', {notes_literal}, (SELECT pg_catalog.format_type(({key_type}), -1)));
                     CREATE INDEX {notes_name}_number ON {notes} (number);
                     ALTER TABLE {notes} REPLICA IDENTITY FULL;
                 END IF;
                 DELETE FROM {notes} WHERE number < 0;
                 body := ({wanted});
                 EXECUTE pg_catalog.format('CREATE OR REPLACE FUNCTION %s() RETURNS trigger
                     LANGUAGE plpgsql SECURITY DEFINER
                     SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS %L',
                     {function_literal}, body);
                 REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;
                 {note_all}
                 IF owner_ <> current_user THEN
                     BEGIN
                         EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO %I',
                             {notes_literal}, owner_);
                         EXECUTE pg_catalog.format('ALTER FUNCTION %s() OWNER TO %I',
                             {function_literal}, owner_);
                     EXCEPTION WHEN insufficient_privilege THEN
                         -- Who may not give them away keeps them.
                         NULL;
                     END;
                 END IF;
             END",
            check_root = names.check_root(),
            parts = names.parts(),
            notes_fit = names.notes_fit(),
            notes_literal = literal(notes),
            key_type = names.key_type(),
            wanted = names.wanted_body(),
            note_all = names.note_all(),
        );
        format!("DO {}", literal(&body))
    }
}
