//! Look-ups of the keys of rows by another unique column.

use std::time::Duration;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;

use crate::backend::connection::BackendConnection;
use crate::backend::transaction::Transaction;
use crate::seed::look_up::{FoundKeyValue, LookUp, WantedKey, found};

/// Settings with which the text of a key has all digits, and bytes are read as they were.
const EXACT: &str = "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'";

const IS_EXACT: &str = "(pg_catalog.current_setting('bytea_output') = 'hex'
    AND CAST(pg_catalog.current_setting('extra_float_digits') AS integer) > 0)";

/// The position of a value, whether the key is exact, and the key.
type Key = (i32, bool, String);

pub(super) fn look_up<C>(
    conn: &mut C,
    wanted: &WantedKey,
    values: &dyn QueryFragment<Pg>,
) -> QueryResult<Vec<FoundKeyValue>>
where
    C: BackendConnection<Backend = Pg>,
{
    let mut keys = load(conn, wanted, values)?;
    if keys.iter().any(|(_, is_exact, _)| !is_exact) {
        keys = load_exactly(conn, wanted, values)?;
    }
    let keys = keys.into_iter();
    Ok(found(keys.map(|(at, _, text)| (at, false, text)).collect()))
}

fn load<C>(
    conn: &mut C,
    wanted: &WantedKey,
    values: &dyn QueryFragment<Pg>,
) -> QueryResult<Vec<Key>>
where
    C: BackendConnection<Backend = Pg>,
{
    let WantedKey { table, by, key } = wanted;
    // JSON has times in the form of ISO 8601, whatever the session's `DateStyle`.
    let query = LookUp {
        before: "WITH __covara_given (n, v) AS (VALUES ",
        values,
        after: format!(
            ") SELECT given.n, {IS_EXACT}, pg_catalog.to_json(parent.{key}) #>> '{{}}'
               FROM __covara_given AS given JOIN {table} AS parent ON parent.{by} = given.v
               WHERE parent.{key} IS NOT NULL"
        ),
    };
    query.load(conn)
}

/// Loads keys in a session whose own settings would shorten them.
fn load_exactly<C>(
    conn: &mut C,
    wanted: &WantedKey,
    values: &dyn QueryFragment<Pg>,
) -> QueryResult<Vec<Key>>
where
    C: BackendConnection<Backend = Pg>,
{
    if !conn.is_transactional() {
        conn.apply_settings(EXACT)?;
        let keys = load(conn, wanted, values);
        conn.clear_settings();
        return keys;
    }
    // Rolled back when dropped, which undoes the settings.
    let mut savepoint = Transaction::begin(conn, |conn| conn.begin_write(Duration::ZERO))?;
    let conn = savepoint.conn();
    conn.apply_settings(EXACT)?;
    load(conn, wanted, values)
}
