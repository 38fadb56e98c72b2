//! Finds an index in one schema, and ignores objects that untrusted roles could have created.

use diesel::pg::Pg;
use serde_json::Value;

use super::tables::quoted;
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::backend::stranger::Stranger;
use crate::postgres::owners;
use crate::search::{CATALOGUE, EntryRow, Home, SearchError};

/// The table whose writes the function `f` notes. The expression yields some number for any text,
/// so that no text makes the query fail.
const TABLE_NOTED: &str = "CAST(pg_catalog.mod(
    CAST(pg_catalog.substring(f.prosrc, '-- table ([0-9]{1,10})') AS bigint),
    CAST(4294967296 AS bigint)) AS oid)";

/// The key by which an index is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum IndexKey<'a> {
    Name(&'a str),
    Number(i64),
}

/// A catalogue, and the index in it if it was found.
pub(super) struct FoundCatalogue {
    /// The catalogue's quoted name.
    pub(super) catalogue: String,
    pub(super) index: Option<(String, EntryRow)>,
}

/// Looks up an index in one query, whatever exists and whether or not a transaction is open.
///
/// The catalogue is the first one in the schemas of the `search_path`, except for temporary tables.
/// The tables of an index are in the same schema. Those of an earlier version may be in another
/// schema of the path. Objects of untrusted roles are not read: `query_to_xml` runs its text only
/// if the catalogue is trusted, and the planner does not see it before.
///
/// `OFFSET 0` keeps the planner from evaluating the same expression several times.
///
/// All names and types are written out for the same reason as in [`owners`].
pub(super) fn find<C>(conn: &mut C, by: IndexKey<'_>) -> Result<Option<FoundCatalogue>, SearchError>
where
    C: BackendConnection<Backend = Pg>,
{
    let of = SearchError::from;
    let unreadable = || SearchError::Unreadable {
        what: format!("a row of {CATALOGUE}"),
    };
    let mut rows = conn.load(query(by)).map_err(of)?;
    let Some(row) = rows.next().transpose().map_err(of)? else {
        return Ok(None);
    };
    if let Some(owner) = text(&row, 1) {
        let table = CATALOGUE.to_owned();
        return Err(Stranger { table, owner }.into());
    }
    let schema = |column| text(&row, column).map(|name| format!("{}.", quoted(&name)));
    let home = schema(0).ok_or_else(unreadable)?;
    let catalogue = format!("{home}{CATALOGUE}");
    let Some(entry) = text(&row, 2).as_deref().and_then(|xml| element(xml, "e")) else {
        let index = None;
        return Ok(Some(FoundCatalogue { catalogue, index }));
    };
    let (name, mut entry) = read(&entry).ok_or_else(unreadable)?;
    entry.home.tables = schema(3).unwrap_or_else(|| home.clone());
    entry.home.catalogue = home;
    if let (Some(schema), Some(table)) = (schema(7), text(&row, 8)) {
        entry.home.followed = Some(format!("{schema}{}", quoted(&table)));
    }
    entry.may_refresh = integer(&row, 4) == Some(1);
    if integer(&row, 6) == Some(1) {
        entry.equals = "=";
    }
    let strangers = text(&row, 5).unwrap_or_else(|| "[]".to_owned());
    let strangers: Vec<(String, String)> =
        serde_json::from_str(&strangers).map_err(|_| unreadable())?;
    let strangers = strangers.into_iter();
    entry.strangers = strangers
        .map(|(table, owner)| Stranger { table, owner })
        .collect();
    Ok(Some(FoundCatalogue {
        catalogue,
        index: Some((name, entry)),
    }))
}

/// Returns the query. Its result is one row, or none without a catalogue: the catalogue's schema;
/// its owner, if it is not trusted; the row of the index as XML; the schema of the documents;
/// whether the connection may index the notes; tables and functions of the index that untrusted
/// roles own, and these roles; whether its keys are of a type that an extension created, whose `=`
/// is not among the server's own; schema and name of the table that the triggers are on. The `=` of
/// all other types, including enums and composite types, is the server's, and must be named: a role
/// that may create objects in a schema of the `search_path` could create one that matches better.
///
/// The function's body names the table whose writes it notes, and a trigger of that table must call
/// it: after a restore the number may belong to another table.
fn query(by: IndexKey<'_>) -> Sql<'_> {
    let (column, marker) = match by {
        IndexKey::Name(_) => ("name", "%L"),
        IndexKey::Number(_) => ("number", "%s"),
    };
    let in_path = "n.nspname = ANY (pg_catalog.current_schemas(false))";
    let place = "pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)";
    let table = "relkind IN ('r', 'p', 'v', 'm', 'f')";
    // The name of the documents, or with an ending that of another table of the index.
    let name = |ending: &str| {
        format!("CAST(pg_catalog.concat('__covara_search_', e.number, '{ending}') AS name)")
    };
    let mut sql = Sql::new();
    sql.push(format!(
        "SELECT CAST(e.nspname AS text), e.stranger, e.xml, CAST(d.nspname AS text),
             CAST(CASE WHEN pg_catalog.current_setting('transaction_read_only') = 'off'
                 AND pg_catalog.has_table_privilege(n.oid, 'SELECT')
                 AND pg_catalog.has_table_privilege(n.oid, 'DELETE')
                 AND COALESCE(pg_catalog.has_schema_privilege(w.schema, 'USAGE')
                     AND pg_catalog.has_any_column_privilege(w.id, 'SELECT'), true)
             THEN 1 ELSE 0 END AS bigint),
             (SELECT CAST(pg_catalog.json_agg(pg_catalog.json_build_array(o.name, o.stranger))
                     AS text)
              FROM (SELECT v.name, {stranger} AS stranger
                    FROM (VALUES (CAST({documents} AS text), d.relowner),
                                 (CAST({notes} AS text), n.relowner),
                                 (CAST({vocabulary} AS text), l.relowner),
                                 (pg_catalog.concat({function}, '()'), f.proowner))
                         AS v (name, owner)
                    WHERE v.owner IS NOT NULL) AS o
              WHERE o.stranger IS NOT NULL),
             (SELECT CAST(pg_catalog.count(*) AS bigint) FROM pg_catalog.pg_attribute AS a
              JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
              WHERE a.attrelid = n.oid AND a.attname = 'key'
                  AND y.typtype = 'b' AND y.typcategory <> 'A'
                  AND y.typnamespace <> CAST(CAST('pg_catalog' AS regnamespace) AS oid)),
             CAST(w.nspname AS text), CAST(w.relname AS text)
         FROM (
             SELECT c.*, pg_catalog.substring(c.xml, '<n>([0-9]+)</n>') AS number,
                 pg_catalog.strpos(c.xml, '<r>1</r>') > 0 AS ready
             FROM (
                 SELECT c.*, CASE WHEN c.stranger IS NULL THEN CAST(pg_catalog.query_to_xml(
                     pg_catalog.format('SELECT number AS n, ready AS r,
                             pg_catalog.json_build_array(number, name, definition, ready, reindexed)
                             AS e
                         FROM %I.{CATALOGUE} WHERE {column} = {marker}', c.nspname, ",
        stranger = stranger("v.owner", "COALESCE(d.namespace, e.namespace)"),
        documents = name(""),
        notes = name("_notes"),
        vocabulary = name("_vocabulary"),
        function = name("_notes_write"),
    ));
    match by {
        IndexKey::Name(name) => sql.push("CAST(").bind(name).push(" AS text)"),
        IndexKey::Number(number) => sql.push("CAST(").bind(number).push(" AS bigint)"),
    };
    sql.push(format!(
        "), false, false, '') AS text) END AS xml
                 FROM (
                     SELECT n.oid AS namespace, n.nspname, {stranger} AS stranger
                     FROM pg_catalog.pg_class AS t
                     JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
                     WHERE t.relname = '{CATALOGUE}' AND t.{table} AND {in_path}
                     ORDER BY {place} LIMIT 1
                 ) AS c OFFSET 0
             ) AS c OFFSET 0
         ) AS e
         LEFT JOIN LATERAL (
             SELECT n.oid AS namespace, n.nspname, t.relowner FROM pg_catalog.pg_class AS t
             JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
             WHERE t.relname = {documents} AND t.{table} AND {in_path}
                 AND (n.oid = e.namespace OR e.ready)
             ORDER BY n.oid <> e.namespace, {place} LIMIT 1
         ) AS d ON true
         LEFT JOIN pg_catalog.pg_class AS n ON n.relname = {notes} AND n.{table}
             AND n.relnamespace = COALESCE(d.namespace, e.namespace)
         LEFT JOIN pg_catalog.pg_class AS l ON l.relname = {vocabulary} AND l.{table}
             AND l.relnamespace = COALESCE(d.namespace, e.namespace)
         LEFT JOIN pg_catalog.pg_proc AS f ON f.proname = {function} AND f.pronargs = 0
             AND f.pronamespace = COALESCE(d.namespace, e.namespace)
         LEFT JOIN LATERAL (
             SELECT s.oid AS schema, t.oid AS id, s.nspname, t.relname
             FROM pg_catalog.pg_trigger AS g
             JOIN pg_catalog.pg_class AS t ON t.oid = g.tgrelid
             JOIN pg_catalog.pg_namespace AS s ON s.oid = t.relnamespace
             WHERE g.tgrelid = {table_noted} AND g.tgname = {row} AND g.tgfoid = f.oid
             OFFSET 0
         ) AS w ON true",
        stranger = stranger("t.relowner", "n.oid"),
        documents = name(""),
        notes = name("_notes"),
        vocabulary = name("_vocabulary"),
        function = name("_notes_write"),
        row = name("_notes_row"),
        table_noted = TABLE_NOTED,
    ));
    sql
}

/// Returns the content of the first element of that name. It is a single line, as JSON is.
pub(super) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    let content = content.replace("&lt;", "<").replace("&gt;", ">");
    Some(content.replace("&amp;", "&"))
}

pub(super) fn read(json: &str) -> Option<(String, EntryRow)> {
    let entry: Vec<Value> = serde_json::from_str(json).ok()?;
    let [number, name, definition, ready, reindexed] = entry.as_slice() else {
        return None;
    };
    let row = EntryRow {
        number: number.as_i64()?,
        definition: definition.as_str()?.to_owned(),
        ready: ready.as_i64()? == 1,
        reindexed: reindexed.as_str().map(str::to_owned),
        may_refresh: false,
        equals: "OPERATOR(pg_catalog.=)",
        home: Home::default(),
        strangers: Vec::new(),
    };
    Some((name.as_str()?.to_owned(), row))
}

/// Returns an expression like [`owners::suspect`] that is NULL for trusted roles, too. The condition
/// for these is passed to `query_to_xml` as text, because planning it takes longest and it is hardly ever
/// evaluated.
fn stranger(owner: &str, schema: &str) -> String {
    format!(
        "CASE WHEN pg_catalog.pg_get_userbyid({owner}) <> current_user
             AND pg_catalog.has_schema_privilege('public', {schema}, 'CREATE')
             AND pg_catalog.strpos(CAST(pg_catalog.query_to_xml(pg_catalog.format(
                 'SELECT 1 AS trusted FROM pg_catalog.pg_roles AS r WHERE r.oid = %1$L AND {}',
                 {owner}, {schema}
             ), false, false, '') AS text), '<trusted>') = 0
         THEN CAST(pg_catalog.pg_get_userbyid({owner}) AS text) END",
        owners::is_trusted("%2$L")
    )
}
