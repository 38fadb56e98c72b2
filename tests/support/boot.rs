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
