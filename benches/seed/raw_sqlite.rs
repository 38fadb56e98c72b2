//! What a C programmer would write: one prepared statement, bound and stepped row by row.

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use libsqlite3_sys as ffi;

/// A row as it is bound.
pub type Row<'a> = (&'a str, &'a str, Option<&'a str>, Option<i32>, i64);

pub struct Connection(*mut ffi::sqlite3);

impl Connection {
    /// Opens the file with the flags Diesel uses.
    pub fn open(path: &str) -> Self {
        let path = CString::new(path).expect("a path without NUL");
        let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_URI;
        let mut conn = ptr::null_mut();
        // SAFETY: `path` is a C string and `conn` a place for the handle, both alive here.
        let code = unsafe { ffi::sqlite3_open_v2(path.as_ptr(), &mut conn, flags, ptr::null()) };
        let conn = Self(conn);
        conn.check(code);
        conn
    }

    pub fn execute(&mut self, sql: &str) {
        let sql = CString::new(sql).expect("SQL without NUL");
        // SAFETY: the handle is open as long as `self` lives, `sql` is a C string; there is
        // neither a callback nor a place for the message.
        let code = unsafe {
            ffi::sqlite3_exec(self.0, sql.as_ptr(), None, ptr::null_mut(), ptr::null_mut())
        };
        self.check(code);
    }

    /// Runs `sql`, which takes the five `values` of a row, for each of `rows` in one
    /// transaction. Returns how many rows were inserted.
    pub fn insert<T>(
        &mut self,
        sql: &str,
        rows: impl Iterator<Item = T>,
        values: impl for<'a> Fn(&'a T) -> Row<'a>,
    ) -> i64 {
        self.execute("BEGIN IMMEDIATE");
        let before = self.total_changes();
        let sql = CString::new(sql).expect("SQL without NUL");
        let mut statement = ptr::null_mut();
        // SAFETY: the handle is open, `sql` ends in NUL as -1 says, and `statement` is a
        // place for the result.
        let code = unsafe {
            ffi::sqlite3_prepare_v2(self.0, sql.as_ptr(), -1, &mut statement, ptr::null_mut())
        };
        self.check(code);
        for row in rows {
            let (id, email, name, age, created_at) = values(&row);
            // SAFETY: the statement was prepared and is not finalized yet. Texts bound as
            // static live as long as `row`, which outlasts the step below, and nobody reads
            // them after it: the next row binds all parameters anew before its own step.
            let codes = unsafe {
                [
                    bind_text(statement, 1, Some(id)),
                    bind_text(statement, 2, Some(email)),
                    bind_text(statement, 3, name),
                    match age {
                        Some(age) => ffi::sqlite3_bind_int(statement, 4, age),
                        None => ffi::sqlite3_bind_null(statement, 4),
                    },
                    ffi::sqlite3_bind_int64(statement, 5, created_at),
                ]
            };
            for code in codes {
                self.check(code);
            }
            // SAFETY: as above.
            let code = unsafe { ffi::sqlite3_step(statement) };
            assert_eq!(code, ffi::SQLITE_DONE);
            // SAFETY: as above.
            self.check(unsafe { ffi::sqlite3_reset(statement) });
        }
        // SAFETY: the statement is used no more.
        self.check(unsafe { ffi::sqlite3_finalize(statement) });
        let inserted = self.total_changes() - before;
        self.execute("COMMIT");
        inserted
    }

    fn total_changes(&self) -> i64 {
        // SAFETY: the handle is open as long as `self` lives.
        unsafe { ffi::sqlite3_total_changes64(self.0) }
    }

    fn check(&self, code: c_int) {
        if code != ffi::SQLITE_OK {
            // SAFETY: SQLite's message is a C string that lives until the next call.
            let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.0)) };
            panic!("SQLite: {}", message.to_string_lossy());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the handle is used no more, and no statement of it is left.
        unsafe { ffi::sqlite3_close(self.0) };
    }
}

/// # Safety
///
/// `statement` must be valid, and `text` must live until the parameter is bound anew or
/// the statement finalized.
unsafe fn bind_text(
    statement: *mut ffi::sqlite3_stmt,
    position: c_int,
    text: Option<&str>,
) -> c_int {
    match text {
        // SAFETY: the caller's duty.
        Some(text) => unsafe {
            ffi::sqlite3_bind_text(
                statement,
                position,
                text.as_ptr().cast(),
                text.len() as c_int,
                ffi::SQLITE_STATIC(),
            )
        },
        // SAFETY: the caller's duty.
        None => unsafe { ffi::sqlite3_bind_null(statement, position) },
    }
}
