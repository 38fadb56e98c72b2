//! The internal tables on PostgreSQL. Times are `TIMESTAMP` in UTC.

crate::internal_schema!(postgres);
