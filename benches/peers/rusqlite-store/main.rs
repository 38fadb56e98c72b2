//! Serves tower-sessions-rusqlite-store on the SQLite file that is its argument.

#[path = "../serve.rs"]
mod serve;

use tower_sessions_rusqlite_store::RusqliteStore;
use tower_sessions_rusqlite_store::tokio_rusqlite::Connection;

fn main() {
    let file = std::env::args().nth(1).expect("the path of a file");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let connection = Connection::open(file).await.expect("a new file");
        connection
            .call(|connection| {
                connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
            })
            .await
            .expect("settings like the others'");
        let store = RusqliteStore::new(connection);
        store.migrate().await.expect("a new table");
        serve::serve(store).await;
    });
}
