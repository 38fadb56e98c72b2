//! Databases that Covara (TypeScript) wrote.

use covara_diesel::{INTERNAL_TABLE_NAMES, auto_migrate};
use diesel::prelude::*;

use super::number;
use crate::backend::{self, Conn, TestDb};

/// Every row of every table as text, types and physical order included.
fn contents(conn: &mut Conn) -> Vec<String> {
    INTERNAL_TABLE_NAMES
        .iter()
        .flat_map(|table| backend::rows_as_text(conn, table))
        .collect()
}

#[test]
fn covaras_tables_are_adopted_without_changing_a_row() {
    let db = TestDb::new();
    backend::load_interop(&db);
    let mut conn = db.connect();
    let before = contents(&mut conn);
    let definitions = backend::tables(&mut conn);
    assert_eq!(before.len(), 41, "11 sessions and 10 of each other kind");
    assert!(
        definitions
            .iter()
            .any(|name| name.to_lowercase() == "auth_session_userid_idx")
    );

    assert_eq!(auto_migrate(&mut conn).unwrap().applied.len(), 4);
    assert!(auto_migrate(&mut conn).unwrap().applied.is_empty());

    assert_eq!(contents(&mut conn), before);
    let after: Vec<_> = backend::tables(&mut conn)
        .into_iter()
        .filter(|name| !name.contains("__covara_migrations"))
        .collect();
    assert_eq!(
        after, definitions,
        "no table or index but the history is new"
    );
}

#[test]
fn covaras_rows_are_read_and_joined_through_the_schema() {
    use schema::{auth_sessions, people};

    mod schema {
        crate::backend::spread_internal_schema!();

        diesel::table! {
            people (id) {
                id -> Text,
                name -> Text,
            }
        }
        diesel::joinable!(auth_sessions -> people (user_id));
        diesel::allow_tables_to_appear_in_same_query!(people, auth_sessions);
    }

    let db = TestDb::new();
    backend::load_interop(&db);
    let mut conn = db.connect();
    auto_migrate(&mut conn).unwrap();
    diesel::connection::SimpleConnection::batch_execute(
        &mut conn,
        "CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO people VALUES ('user-1', 'Ada'), ('user-2', 'Grace')",
    )
    .unwrap();
    let joined: Vec<(String, String)> = auth_sessions::table
        .inner_join(people::table)
        .select((auth_sessions::id, people::name))
        .filter(auth_sessions::id.eq_any(["s-store-01", "s-store-03"]))
        .order(auth_sessions::id)
        .load(&mut conn)
        .unwrap();
    assert_eq!(
        joined,
        [
            ("s-store-01".to_owned(), "Ada".to_owned()),
            ("s-store-03".to_owned(), "Grace".to_owned())
        ]
    );
    // The library's own modules read every column of every table.
    use backend::schema::{auth_accounts, auth_api_keys, auth_verification_tokens};
    let provider: Vec<(String, String, Option<String>)> = auth_accounts::table
        .select((
            auth_accounts::user_id,
            auth_accounts::type_,
            auth_accounts::refresh_token,
        ))
        .load(&mut conn)
        .unwrap();
    assert_eq!(provider.len(), 10);
    let prefixes: Vec<(String, String)> = auth_api_keys::table
        .select((auth_api_keys::key_prefix, auth_api_keys::key_hash))
        .load(&mut conn)
        .unwrap();
    assert!(
        prefixes
            .iter()
            .any(|(prefix, _)| prefix == "my_app_4f6b492606272d7c")
    );
    let tokens: i64 = auth_verification_tokens::table
        .count()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(
        tokens,
        number(
            &mut conn,
            "SELECT count(*) AS n FROM auth_verification_tokens"
        )
    );
}
