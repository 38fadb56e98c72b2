//! The internal tables on SQLite: times are Unix-epoch seconds.

crate::internal_schema!(sqlite);
