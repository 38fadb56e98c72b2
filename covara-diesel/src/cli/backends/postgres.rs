use diesel::PgConnection;

use super::CommandConnection;
use crate::cli::database::{BackendFunctions, Opened};
use crate::doctor;
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
    };
}
