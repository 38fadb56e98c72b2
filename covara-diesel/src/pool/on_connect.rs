//! The user's own SQL for new connections.

use diesel::QueryResult;
use diesel::result::Error;

use super::PoolConfig;
use crate::backend::connection::BackendConnection;

/// Executes the SQL of [`PoolConfig::on_connect`] on a new connection. A transaction that it leaves
/// open is an error: whoever got the connection would work in it, and the work would be lost.
pub(crate) fn on_connect<C: BackendConnection>(
    conn: &mut C,
    config: &PoolConfig,
) -> QueryResult<()> {
    let Some(sql) = &config.on_connect else {
        return Ok(());
    };
    conn.batch_execute(sql)?;
    match conn.is_in_transaction()? {
        true => Err(Error::QueryBuilderError(
            "on_connect leaves a transaction open".into(),
        )),
        false => Ok(()),
    }
}
