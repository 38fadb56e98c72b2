//! Compares the log and its triggers with the expected ones.

use std::collections::HashMap;

use diesel::pg::Pg;
use diesel::result::Error;

use super::capture::{self, LoggedRelation};
use super::function::{LogNames, WantedFunction, function_name};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::{Sql, integer, text};
use crate::changes::{CapturedTable, ChangeError, InstallPlan, OFF};
use crate::postgres::names::{literal, table_oid};
use crate::postgres::owners::is_trusted;

/// The tables of the log, the one with the changes first. Nothing of it is unique or not null that
/// the function writes.
const TABLES: [(&str, &str); 4] = [
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

const SEQUENCE: &str = "__covara_changes_number";

/// First of the classes of advisory locks, of which a log has the one that follows from its schema.
const FIRST_CLASS: i64 = 0x43 << 12;

/// `tgtype` of the triggers by their events: the bits of `pg_trigger.h`.
const EVENTS: [(&str, i64); 3] = [("INSERT", 4), ("DELETE", 8), ("UPDATE", 16)];
const ON_ROW: i64 = 1;
const ON_TRUNCATE: i64 = 32;

/// A trigger that the database has.
struct FoundTrigger {
    name: String,
    table: String,
    table_oid: i64,
    kind: i64,
    is_always: bool,
}

/// The objects of the log that the database has.
struct FoundLog {
    names: LogNames,
    /// The tables, and the sequence.
    objects: Vec<String>,
    /// The bodies of functions that have the right owner and rights, by their names.
    functions: HashMap<String, String>,
    triggers: HashMap<String, Vec<FoundTrigger>>,
    /// What is kept of each table, and its number, by its name.
    captured: HashMap<String, (String, i64)>,
    /// `true` if floor and class are known.
    has_state: bool,
    /// `true` if the sequence is behind the log.
    is_behind: bool,
}

impl FoundLog {
    fn has(&self, object: &str) -> bool {
        self.objects.iter().any(|known| known == object)
    }
}

pub(super) fn plan<C>(conn: &mut C, tables: &[CapturedTable]) -> Result<InstallPlan, ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut found = find(conn)?;
    let mut plan = InstallPlan::default();
    let is_broken = create_objects(&found, &mut plan);
    for table in tables {
        let relation = capture::find(conn, table)?;
        let name = table.name();
        let known = found.captured.get(&name).cloned();
        let ids = found.captured.values().map(|(_, id)| *id);
        let id = known
            .as_ref()
            .map_or(ids.max().unwrap_or(0) + 1, |(_, id)| *id);
        let function = WantedFunction::of(table, &relation, &found.names, id);
        let is_known = known.as_ref().map(|(capture, _)| capture.as_str());
        if !is_broken
            && is_known == Some(table.capture.name())
            && is_intact(&found, &relation, &function)
        {
            continue;
        }
        mend(&found, &relation, &function, &mut plan.statements);
        if is_known.is_some() {
            plan.statements.push(all(&found.names, &name));
        }
        plan.statements
            .push(remember(&found.names, &name, table.capture.name(), id));
        match is_known {
            Some(capture) if capture != OFF => plan.mended.push(name.clone()),
            _ => plan.added.push(name.clone()),
        }
        found
            .captured
            .insert(name, (table.capture.name().to_owned(), id));
    }
    let listed: Vec<String> = tables.iter().map(CapturedTable::name).collect();
    for (name, (capture, id)) in &found.captured {
        if capture != OFF && !listed.contains(name) {
            drop_triggers(&found, &function_name(*id), &mut plan.statements);
            plan.statements.push(remember(&found.names, name, OFF, *id));
            plan.removed.push(name.clone());
        }
    }
    plan.removed.sort();
    Ok(plan)
}

/// Creates the missing tables and the sequence, and returns whether changes may be missing for that
/// reason. Numbers go on above all that a feed may have read.
fn create_objects(found: &FoundLog, plan: &mut InstallPlan) -> bool {
    let names = &found.names;
    let mut run = |sql: String| plan.statements.push(Sql::once(sql));
    let sequence = names.of(SEQUENCE);
    if !found.has(SEQUENCE) {
        run(format!("CREATE SEQUENCE {sequence} AS bigint CYCLE"));
    }
    for (name, columns) in TABLES.iter().filter(|(name, _)| !found.has(name)) {
        run(format!("CREATE TABLE {} ({columns})", names.of(name)));
    }
    let log = names.of(TABLES[0].0);
    if !found.has(TABLES[0].0) {
        run(format!(
            "CREATE INDEX __covara_changes_by_number ON {log} (number)"
        ));
        run(format!("ALTER TABLE {log} REPLICA IDENTITY FULL"));
    }
    let is_broken = found.objects.len() <= TABLES.len() || !found.has_state || found.is_behind;
    if is_broken {
        run(format!(
            "ALTER TABLE {log} ALTER number SET DEFAULT \
             pg_catalog.nextval(CAST({} AS regclass))",
            literal(&sequence)
        ));
        let (state, feeds) = (
            names.of("__covara_changes_state"),
            names.of("__covara_changes_feeds"),
        );
        let last = format!("(SELECT coalesce(pg_catalog.max(f.number), 0) FROM {feeds} AS f)");
        run(format!(
            "INSERT INTO {state} (id, floor, class) VALUES (1, 0, {}) ON CONFLICT (id) DO NOTHING",
            names.class
        ));
        if !found.has(TABLES[0].0) {
            run(format!(
                "UPDATE {state} SET floor = GREATEST(floor, {last})"
            ));
        }
        run(format!(
            "SELECT pg_catalog.setval(CAST({} AS regclass), GREATEST({last}, \
                 (SELECT coalesce(pg_catalog.max(c.number), 0) FROM {log} AS c), \
                 (SELECT s.floor FROM {state} AS s WHERE s.id = 1), 1))",
            literal(&sequence)
        ));
    }
    is_broken
}

/// Returns whether function and triggers are as expected.
fn is_intact(found: &FoundLog, relation: &LoggedRelation, function: &WantedFunction) -> bool {
    let triggers = found.triggers.get(&function.name);
    let triggers = triggers.map(Vec::as_slice).unwrap_or_default();
    let wanted = wanted_triggers(relation, function);
    found.functions.get(&function.name) == Some(&function.body)
        && triggers.len() == wanted.len()
        && wanted.iter().all(|wanted| {
            triggers.iter().any(|trigger| {
                trigger.is_always
                    && trigger.name == wanted.name
                    && trigger.kind == wanted.kind
                    && trigger.table_oid == wanted.table_oid
            })
        })
}

struct WantedTrigger {
    name: String,
    table_oid: i64,
    kind: i64,
    create: String,
    table: String,
}

fn wanted_triggers(relation: &LoggedRelation, function: &WantedFunction) -> Vec<WantedTrigger> {
    let mut wanted = Vec::new();
    let level = if relation.has_row_triggers { ON_ROW } else { 0 };
    for part in &relation.parts {
        let mut add = |event: &str, kind: i64, how: &str| {
            let name = format!("{}_{}", function.name, event.to_ascii_lowercase());
            wanted.push(WantedTrigger {
                create: format!(
                    "CREATE TRIGGER {name} AFTER {event} ON {} {how} EXECUTE FUNCTION {}()",
                    part.name, function.sql
                ),
                name,
                table_oid: part.oid,
                kind,
                table: part.name.clone(),
            });
        };
        for (event, bit) in EVENTS {
            let how = match event {
                _ if level == ON_ROW => "FOR EACH ROW",
                "INSERT" => "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT",
                "DELETE" => "REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT",
                _ => "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT",
            };
            // Partitions get row triggers from their table.
            if level == 0 || !part.is_partition {
                add(event, bit | level, how);
            }
        }
        if part.is_plain {
            add("TRUNCATE", ON_TRUNCATE, "FOR EACH STATEMENT");
        }
    }
    wanted
}

/// Replaces the triggers and the function, whatever is wrong.
fn mend(
    found: &FoundLog,
    relation: &LoggedRelation,
    function: &WantedFunction,
    statements: &mut Vec<Sql<'static>>,
) {
    drop_triggers(found, &function.name, statements);
    statements.extend(function.create().map(Sql::once));
    for trigger in wanted_triggers(relation, function) {
        statements.push(Sql::once(trigger.create));
        // Also for writes that are replicated, or loaded without triggers.
        statements.push(Sql::once(format!(
            "ALTER TABLE {} ENABLE ALWAYS TRIGGER {}",
            trigger.table, trigger.name
        )));
    }
}

fn drop_triggers(found: &FoundLog, function: &str, statements: &mut Vec<Sql<'static>>) {
    for FoundTrigger { name, table, .. } in found.triggers.get(function).into_iter().flatten() {
        statements.push(Sql::once(format!("DROP TRIGGER {name} ON {table}")));
    }
}

fn all(names: &LogNames, table: &str) -> Sql<'static> {
    Sql::once(format!(
        "INSERT INTO {} (of_table, operation, at) VALUES ({}, 'all', \
         CAST(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000 AS bigint))",
        names.of(TABLES[0].0),
        literal(table)
    ))
}

fn remember(names: &LogNames, table: &str, capture: &str, id: i64) -> Sql<'static> {
    Sql::once(format!(
        "INSERT INTO {} (name, capture, id) VALUES ({}, '{capture}', {id}) \
         ON CONFLICT (name) DO UPDATE SET capture = excluded.capture",
        names.of("__covara_changes_tables"),
        literal(table)
    ))
}

fn find<C>(conn: &mut C) -> Result<FoundLog, ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
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
        "SELECT pg_catalog.quote_ident(CAST(s.nspname AS text)), CAST(s.oid AS bigint),
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
                schema,
            },
            objects: Vec::new(),
            functions: HashMap::new(),
            triggers: HashMap::new(),
            captured: HashMap::new(),
            has_state: false,
            is_behind: false,
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
                 AND pg_catalog.array_to_string(f.proconfig, ';')
                     = 'search_path=pg_catalog, pg_temp;extra_float_digits=1'
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
             CAST(CASE WHEN g.tgenabled = 'A' THEN 1 ELSE 0 END AS bigint)
         FROM pg_catalog.pg_proc AS f
         LEFT JOIN pg_catalog.pg_trigger AS g ON g.tgfoid = f.oid AND NOT g.tgisinternal
             AND g.tgparentid = '0'
         LEFT JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
         LEFT JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
         WHERE pg_catalog.quote_ident(CAST(
                 (SELECT n.nspname FROM pg_catalog.pg_namespace AS n WHERE n.oid = f.pronamespace)
             AS text)) = {}
             AND f.proname >= '__covara_changes_' AND f.proname < '__covara_changes`'",
        literal(&found.names.schema)
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
                });
        }
    }
    Ok(())
}
