//! Serves tower-sessions-sqlx-store on the database that is its argument: the path of a
//! SQLite file, or a PostgreSQL URL.

#[path = "../serve.rs"]
mod serve;

use tower_sessions_sqlx_store::sqlx::postgres::PgPoolOptions;
use tower_sessions_sqlx_store::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

fn main() {
    let database = std::env::args().nth(1).expect("a path or a URL");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if database.starts_with("postgres") {
            let pool = PgPoolOptions::new().max_connections(1);
            let pool = pool.connect(&database).await.expect("the test server");
            let store = PostgresStore::new(pool);
            store.migrate().await.expect("a new table");
            serve::serve(store).await;
        } else {
            let options = SqliteConnectOptions::new()
                .filename(database)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal);
            let pool = SqlitePoolOptions::new().max_connections(1);
            let pool = pool.connect_with(options).await.expect("a new file");
            let store = SqliteStore::new(pool);
            store.migrate().await.expect("a new table");
            serve::serve(store).await;
        }
    });
}
