//! The objects of the log that a database has.

use std::collections::HashMap;

use diesel::pg::Pg;
use diesel::result::Error;

use super::function::{LogNames, SETTINGS};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::changes::ChangeError;
use crate::postgres::names::{is_configured, literal, quoted_name, relation, table_oid};
use crate::postgres::owners::is_trusted;

/// The tables of the log, the one with the changes first. Nothing of it is unique or not null that
/// the function writes.
pub(super) const TABLES: [(&str, &str); 4] = [
    (
        "__covara_changes",
        "number bigint, of_table text, operation text, key text, old_row text, new_row text, \
         at bigint, actor text",
    ),
    (
        "__covara_changes_state",
        "id bigint PRIMARY KEY, floor bigint NOT NULL, class bigint NOT NULL",
    ),
    (
        "__covara_changes_tables",
        "name text PRIMARY KEY, capture text NOT NULL, id bigint NOT NULL",
    ),
    (
        "__covara_changes_feeds",
        "name text PRIMARY KEY, number bigint NOT NULL",
    ),
];

pub(super) const SEQUENCE: &str = "__covara_changes_number";

/// First of the classes of advisory locks, of which a log has the one that follows from its schema.
const FIRST_CLASS: i64 = 0x43 << 12;

/// A trigger that the database has.
pub(super) struct FoundTrigger {
    pub(super) name: String,
    /// The qualified name of its table as SQL.
    pub(super) table: String,
    pub(super) table_oid: i64,
    /// The unquoted name of its table without the schema.
    pub(super) table_name: String,
    pub(super) kind: i64,
    pub(super) is_always: bool,
}

/// The objects of the log that the database has.
pub(super) struct FoundLog {
    pub(super) names: LogNames,
    /// The tables, and the sequence.
    pub(super) objects: Vec<String>,
    /// The bodies of functions that have the right owner and rights, by their names.
    pub(super) functions: HashMap<String, String>,
    pub(super) triggers: HashMap<String, Vec<FoundTrigger>>,
    /// What is kept of each table, and its number, by its name.
    pub(super) captured: HashMap<String, (String, i64)>,
    /// `true` if floor and class are known.
    pub(super) has_state: bool,
    /// `true` if the sequence is behind the log.
    pub(super) is_behind: bool,
    /// The owner of the log, if it may not write to it, as a name in SQL.
    pub(super) owner_without_rights: Option<String>,
}

impl FoundLog {
    pub(super) fn has(&self, object: &str) -> bool {
        self.objects.iter().any(|known| known == object)
    }
}

pub(super) fn find<C>(conn: &mut C) -> Result<FoundLog, ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
    let encoding = "SELECT 1 WHERE pg_catalog.current_setting('server_encoding') = 'SQL_ASCII'";
    if conn
        .load(Sql::once(encoding))?
        .next()
        .transpose()?
        .is_some()
    {
        return Err(ChangeError::Encoding);
    }
    let mut found = find_objects(conn)?;
    let names = found.names.clone();
    if found.has("__covara_changes_state") {
        let state = format!(
            "SELECT s.class FROM {} AS s WHERE s.id = 1",
            names.of("__covara_changes_state")
        );
        let row = conn.load(Sql::once(state))?.next().transpose()?;
        if let Some(class) = row.and_then(|row| integer(&row, 0)) {
            found.has_state = true;
            found.names.class = class;
        }
    }
    if found.has("__covara_changes_tables") {
        let tables = format!(
            "SELECT t.name, t.capture, t.id FROM {} AS t",
            names.of("__covara_changes_tables")
        );
        for row in conn.load(Sql::once(tables))? {
            let row = row?;
            if let (Some(name), Some(capture), Some(id)) =
                (text(&row, 0), text(&row, 1), integer(&row, 2))
            {
                found.captured.insert(name, (capture, id));
            }
        }
    }
    if found.objects.len() > TABLES.len() {
        let behind = format!(
            "SELECT CAST(1 AS bigint) FROM {} AS n WHERE n.last_value < GREATEST(\
                 (SELECT pg_catalog.max(c.number) FROM {} AS c), \
                 (SELECT pg_catalog.max(f.number) FROM {} AS f))",
            names.of(SEQUENCE),
            names.of(TABLES[0].0),
            names.of("__covara_changes_feeds"),
        );
        found.is_behind = conn.load(Sql::once(behind))?.next().transpose()?.is_some();
    }
    let owner = format!(
        "SELECT {} FROM pg_catalog.pg_class AS c \
         JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner \
         WHERE c.oid = {} AND NOT {}",
        quoted_name("r.rolname"),
        relation(&names.of(TABLES[0].0)),
        may_write!(),
    );
    let row = conn.load(Sql::once(owner))?.next().transpose()?;
    found.owner_without_rights = row.and_then(|row| text(&row, 0));
    find_triggers(conn, &mut found)?;
    Ok(found)
}

/// Finds the schema of the log, or the one where it is to be created, and its tables. The owner of a
/// table decides what others' writes to it execute, so it must be trusted.
fn find_objects<C>(conn: &mut C) -> Result<FoundLog, ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
    let objects: Vec<String> = TABLES
        .iter()
        .map(|(name, _)| *name)
        .chain([SEQUENCE])
        .map(|name| format!("'{name}'"))
        .collect();
    let rows = Sql::once(format!(
        "SELECT {}, CAST(s.oid AS bigint),
             CAST(c.relname AS text), CAST(r.rolname AS text),
             CAST(CASE WHEN r.rolname = current_user
                 OR NOT pg_catalog.has_schema_privilege('public', s.oid, 'CREATE')
                 OR {} THEN 1 ELSE 0 END AS bigint)
         FROM pg_catalog.pg_namespace AS s
         LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = s.oid AND c.relname IN ({})
         LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner
         WHERE s.oid = coalesce(
             (SELECT t.relnamespace FROM pg_catalog.pg_class AS t WHERE t.oid = {}),
             (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = current_schema)
         )",
        quoted_name("s.nspname"),
        is_trusted("s.oid"),
        objects.join(", "),
        table_oid("__covara_changes_tables"),
    ));
    let mut found = None;
    for row in conn.load(rows)? {
        let row = row?;
        let (Some(schema), Some(oid)) = (text(&row, 0), integer(&row, 1)) else {
            continue;
        };
        let found = found.get_or_insert_with(|| FoundLog {
            names: LogNames {
                since: format!("covara_changes.since_{oid}"),
                class: FIRST_CLASS + (oid & 4095),
                is_notifying: false,
                schema,
            },
            objects: Vec::new(),
            functions: HashMap::new(),
            triggers: HashMap::new(),
            captured: HashMap::new(),
            has_state: false,
            is_behind: false,
            owner_without_rights: None,
        });
        let Some(object) = text(&row, 2) else {
            continue;
        };
        if integer(&row, 4) != Some(1) {
            return Err(ChangeError::StrangersTable {
                table: object,
                owner: text(&row, 3).unwrap_or_default(),
            });
        }
        found.objects.push(object);
    }
    found.ok_or_else(|| {
        let error = "no schema of the search_path exists, in which the log could be created";
        Error::QueryBuilderError(error.into()).into()
    })
}

fn find_triggers<C>(conn: &mut C, found: &mut FoundLog) -> Result<(), ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
    let rows = Sql::once(format!(
        "SELECT CAST(f.proname AS text), f.prosrc,
             CAST(CASE WHEN f.prosecdef AND f.proacl IS NOT NULL
                 AND {is_configured}
                 AND f.proowner = (
                     SELECT t.relowner FROM pg_catalog.pg_class AS t
                     WHERE t.relnamespace = f.pronamespace AND t.relname = '__covara_changes'
                 )
                 AND NOT EXISTS (
                     SELECT FROM pg_catalog.aclexplode(f.proacl) AS x WHERE x.grantee <> f.proowner
                 ) THEN 1 ELSE 0 END AS bigint),
             CAST(g.tgname AS text),
             CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', s.nspname, c.relname) END,
             CAST(c.oid AS bigint), CAST(g.tgtype AS bigint),
             CAST(CASE WHEN g.tgenabled = 'A' THEN 1 ELSE 0 END AS bigint),
             CAST(c.relname AS text)
         FROM pg_catalog.pg_proc AS f
         LEFT JOIN pg_catalog.pg_trigger AS g ON g.tgfoid = f.oid AND NOT g.tgisinternal
             AND g.tgparentid = '0'
         LEFT JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
         LEFT JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
         WHERE (SELECT {} FROM pg_catalog.pg_namespace AS n WHERE n.oid = f.pronamespace) = {}
             AND f.proname >= '__covara_changes_' AND f.proname < '__covara_changes`'",
        quoted_name("n.nspname"),
        literal(&found.names.schema),
        is_configured = is_configured(
            &SETTINGS
                .map(|(name, value)| format!("{name}={value}"))
                .each_ref()
                .map(String::as_str)
        ),
    ));
    for row in conn.load(rows)? {
        let row = row?;
        let Some(function) = text(&row, 0) else {
            continue;
        };
        if integer(&row, 2) == Some(1) {
            let body = text(&row, 1).unwrap_or_default();
            found.functions.insert(function.clone(), body);
        }
        if let (Some(name), Some(table), Some(table_oid), Some(kind)) = (
            text(&row, 3),
            text(&row, 4),
            integer(&row, 5),
            integer(&row, 6),
        ) {
            found
                .triggers
                .entry(function)
                .or_default()
                .push(FoundTrigger {
                    name,
                    table,
                    table_oid,
                    kind,
                    is_always: integer(&row, 7) == Some(1),
                    table_name: text(&row, 8).unwrap_or_default(),
                });
        }
    }
    Ok(())
}
