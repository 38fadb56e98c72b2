//! The internal tables as SQLite has them: times are Unix-epoch seconds.

crate::internal_schema!(sqlite);
