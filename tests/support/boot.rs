//! Migrations of an application, for both dialects.

use covara_diesel::{AnyDatabase, Boot, Dialect};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

/// Two in transactions and one outside.
pub const SQLITE: EmbeddedMigrations = embed_migrations!("tests/boot_migrations/sqlite");
/// The same for PostgreSQL.
pub const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/boot_migrations/postgres");
/// The first two only, which every database can run.
pub const PLAIN: EmbeddedMigrations = embed_migrations!("tests/boot_migrations/plain");
/// One that is fine, and one that fails half-way.
pub const FAILING: EmbeddedMigrations = embed_migrations!("tests/boot_migrations/failing");
/// For SQLite, one that rebuilds a table without foreign keys, as other tools write it, and in a
/// transaction, where it cannot.
pub const REBUILDING: EmbeddedMigrations = embed_migrations!("tests/boot_migrations/rebuilding");

/// A boot that rebuilds the table is refused before it loses the rows that refer to it, if the
/// connection has foreign keys.
pub fn assert_rebuilding_is_refused<C: AnyDatabase>(conn: &mut C) {
    let error = boot_with(|| REBUILDING).run(conn).expect_err("refused");
    let said = error.to_string();
    for part in ["2026-01-01-000002_rebuild", "PRAGMA foreign_keys"] {
        assert!(said.contains(part), "{said}");
    }
}

/// A boot with all three.
pub fn boot() -> Boot {
    Boot::new()
        .migrations(Dialect::Sqlite, SQLITE)
        .migrations(Dialect::Postgres, POSTGRES)
}

/// A boot with the same migrations for both.
pub fn boot_with(migrations: fn() -> EmbeddedMigrations) -> Boot {
    Boot::new()
        .migrations(Dialect::Sqlite, migrations())
        .migrations(Dialect::Postgres, migrations())
}

/// Boots and returns how many migrations of each kind were run.
pub fn work<C: AnyDatabase>(
    conn: &mut C,
    plain: bool,
) -> Result<String, Box<dyn std::error::Error>> {
    let boot = if plain { boot_with(|| PLAIN) } else { boot() };
    let summary = boot.run(conn)?;
    Ok(format!(
        "{} {}",
        summary.applied.len(),
        summary.application.len()
    ))
}
