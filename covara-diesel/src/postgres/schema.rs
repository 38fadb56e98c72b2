//! The internal tables as PostgreSQL has them: times are `TIMESTAMP` holding UTC.

crate::internal_schema!(postgres);
