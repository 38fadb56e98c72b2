//! Compares the log and its triggers with the expected ones.

use diesel::pg::Pg;

use super::capture::{self, LoggedRelation, TablePart, quoted};
use super::found::{self, FoundLog, FoundTrigger, SEQUENCE, TABLES};
use super::function::{LogNames, WantedFunction, function_name};
use crate::backend::connection::BackendConnection;
use crate::backend::sql::Sql;
use crate::changes::{CapturedTable, ChangeError, InstallPlan, OFF};
use crate::postgres::names::literal;

/// `tgtype` of the triggers by their events: the bits of `pg_trigger.h`.
const EVENTS: [(&str, i64); 3] = [("INSERT", 4), ("DELETE", 8), ("UPDATE", 16)];
const ON_ROW: i64 = 1;
const ON_TRUNCATE: i64 = 32;

pub(super) fn plan<C>(
    conn: &mut C,
    tables: &[CapturedTable],
    is_notifying: bool,
) -> Result<InstallPlan, ChangeError>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut found = found::find(conn)?;
    found.names.is_notifying = is_notifying;
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
        if let Some(logged) = elsewhere(&found, table, &relation, &function) {
            return Err(ChangeError::OtherSchema {
                table: name,
                logged,
            });
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
        run(format!("CREATE INDEX ON {log} (number)"));
        run(format!("ALTER TABLE {log} REPLICA IDENTITY FULL"));
    }
    if let Some(owner) = &found.owner_without_rights {
        let schema = &names.schema;
        run(format!("GRANT USAGE ON SCHEMA {schema} TO {owner}"));
        run(format!("GRANT INSERT ON {log} TO {owner}"));
        run(format!("GRANT USAGE ON SEQUENCE {sequence} TO {owner}"));
    }
    let is_broken = found.objects.len() <= TABLES.len()
        || !found.has_state
        || found.is_behind
        || found.owner_without_rights.is_some();
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

/// Returns the table of that name in another schema that is logged, if the `search_path` leads from it
/// to this one. To take its triggers away would lose its changes.
fn elsewhere(
    found: &FoundLog,
    table: &CapturedTable,
    relation: &LoggedRelation,
    function: &WantedFunction,
) -> Option<String> {
    let is_given = table.schema.is_some();
    let mut triggers = found.triggers.get(&function.name).into_iter().flatten();
    let other = triggers.find(|trigger| {
        let is_this = |part: &TablePart| part.oid == trigger.table_oid;
        trigger.table_name == table.table && !relation.parts.iter().any(is_this)
    })?;
    (!is_given).then(|| other.table.clone())
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
            let name = trigger_name(function, event);
            wanted.push(WantedTrigger {
                create: format!(
                    "CREATE TRIGGER {} AFTER {event} ON {} {how} EXECUTE FUNCTION {}()",
                    quoted(&name),
                    part.name,
                    function.sql
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

/// PostgreSQL runs triggers in the order of their names, by bytes. Those of the log come before
/// others, which may write to the same rows.
fn trigger_name(function: &WantedFunction, event: &str) -> String {
    format!("!{}_{}", function.name, event.to_ascii_lowercase())
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
            trigger.table,
            quoted(&trigger.name)
        )));
    }
}

fn drop_triggers(found: &FoundLog, function: &str, statements: &mut Vec<Sql<'static>>) {
    for FoundTrigger { name, table, .. } in found.triggers.get(function).into_iter().flatten() {
        let name = quoted(name);
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
