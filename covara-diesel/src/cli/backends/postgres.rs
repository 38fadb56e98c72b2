use diesel::prelude::*;
use diesel::sql_types::Text;

use super::CommandConnection;
use crate::cli::database::{BackendFunctions, Opened};
use crate::doctor;
use crate::postgres::connection::transaction_name;
use crate::postgres::pool::connect;

/// Opens one connection without prepared statements, so that it works behind any pooler.
impl CommandConnection for PgConnection {
    const FUNCTIONS: BackendFunctions = BackendFunctions {
        open: |url| Ok(Box::new(connect(url)?)),
        open_existing: |url| Ok(Box::new(connect(url)?)),
        open_to_try: |url| Ok(Box::new(connect(url)?)),
        open_to_read: |url| {
            Ok(Opened {
                conn: Box::new(connect(url)?),
                missing_file: None,
            })
        },
        rehearse: |_, mut conn, is_pending| match is_pending {
            true => Ok(conn.rehearse()?),
            false => Ok(()),
        },
        examine: |url| doctor::postgres(url),
        keeps_parts: false,
        cancel: Some(cancel),
    };
}

/// Cancels what a transaction runs. If that fails, its session goes on until it notices that its
/// client is gone.
fn cancel(url: &str, transaction: &str) {
    if let Ok(mut conn) = connect(url) {
        let cancel = format!(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {} = $1",
            transaction_name("pid", "xact_start")
        );
        let cancel = diesel::sql_query(cancel).bind::<Text, _>(transaction);
        let _ = cancel.execute(&mut conn);
    }
}
