//! Rolls back transactions that are still open when a connection is returned to its pool.
//!
//! Diesel counts the transactions that it begins itself, but neither Diesel nor r2d2 notices one
//! that was begun by SQL. SQLite does, but Diesel gives no access to its handle. This module
//! therefore has SQLite add a function, [`LEND`], to each connection that is opened. A pool's
//! connection that calls it lends its handle, which is valid until SQLite destroys the function
//! while closing the connection.
#![expect(
    unsafe_code,
    reason = "SQLite's own functions tell the state of a transaction"
)]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use libsqlite3_sys as ffi;

const LEND: &CStr = c"__covara_lend_handle";

thread_local! {
    /// The handle last lent on this thread.
    static LENT: Cell<Option<Arc<Handle>>> = const { Cell::new(None) };
}

/// SQLite's handle of a connection, for as long as the connection is open.
#[derive(Debug)]
pub(super) struct Handle {
    open: Mutex<Option<OpenDatabase>>,
    /// `true` if Diesel counts the open transaction.
    is_counted: AtomicBool,
}

#[derive(Debug)]
struct OpenDatabase(NonNull<ffi::sqlite3>);

// SAFETY: SQLite serializes the use of a connection, which is how Diesel opens it, and Diesel's
// own connection may be sent to other threads.
unsafe impl Send for OpenDatabase {}

impl OpenDatabase {
    fn is_in_transaction(&self) -> bool {
        // SAFETY: the connection is open, as its function is destroyed before its memory is freed,
        // and the lock held here delays that.
        unsafe { ffi::sqlite3_get_autocommit(self.0.as_ptr()) == 0 }
    }

    fn roll_back(&self) {
        // SAFETY: as above; the text ends with a NUL, and no callback is given.
        unsafe {
            ffi::sqlite3_exec(
                self.0.as_ptr(),
                c"ROLLBACK".as_ptr(),
                None,
                ptr::null_mut(),
                ptr::null_mut(),
            );
        }
    }
}

/// Registers the function on every connection opened from now on. Where that is not supported, such
/// as by an operating system's own library without extensions, no handle is lent.
pub(super) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function has the type that SQLite calls it by, and is never unloaded.
        unsafe {
            // 1 means that connections are serialized.
            if ffi::sqlite3_threadsafe() == 1 {
                ffi::sqlite3_auto_extension(Some(give));
            }
        }
    });
}

/// Borrows the connection's handle.
pub(super) fn borrow(conn: &mut SqliteConnection) -> Option<Arc<Handle>> {
    let sql = format!("SELECT {}()", LEND.to_str().ok()?);
    LENT.set(None);
    conn.batch_execute(&sql).ok()?;
    LENT.take()
}

impl Handle {
    /// Records that Diesel begins to count a transaction: one that it begins now, or a savepoint in
    /// one that was begun by SQL.
    pub(super) fn begins(&self) {
        let is_counted = self.with(|open| !open.is_in_transaction());
        self.is_counted
            .store(is_counted.unwrap_or(false), Ordering::Relaxed);
    }

    /// Checks the state after a statement. If no transaction is open, none is counted, whatever was
    /// reported.
    pub(super) fn looks(&self) {
        if self.is_counted.load(Ordering::Relaxed)
            && self.with(|open| !open.is_in_transaction()) == Some(true)
        {
            self.ends();
        }
    }

    pub(super) fn ends(&self) {
        self.is_counted.store(false, Ordering::Relaxed);
    }

    /// Disables rolling back from now on.
    pub(super) fn is_left_alone(&self) {
        self.is_counted.store(true, Ordering::Relaxed);
    }

    /// Rolls back a transaction that Diesel does not count. The pool handles those that Diesel
    /// counts.
    pub(super) fn end_uncounted(&self) {
        if self.is_counted.load(Ordering::Relaxed) {
            return;
        }
        let is_ended = self.with(|open| {
            open.is_in_transaction().then(|| {
                open.roll_back();
                !open.is_in_transaction()
            })
        });
        if let Some(is_ended) = is_ended.flatten() {
            let outcome = if is_ended {
                "was rolled back"
            } else {
                "could not be rolled back"
            };
            log::warn!(
                "a connection came back to its pool with a transaction open that was begun by SQL, \
                 which {outcome}"
            );
        }
    }

    fn with<T>(&self, work: impl FnOnce(&OpenDatabase) -> T) -> Option<T> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(work)
    }
}

/// Adds the function, which owns the handle, to a connection that is being opened.
unsafe extern "C" fn give(
    db: *mut ffi::sqlite3,
    _: *mut *mut c_char,
    _: *const ffi::sqlite3_api_routines,
) -> c_int {
    let handle = Arc::new(Handle {
        open: Mutex::new(NonNull::new(db).map(OpenDatabase)),
        is_counted: AtomicBool::new(false),
    });
    // SAFETY: SQLite passes a connection. The function owns one count of the handle, which `forget`
    // releases; SQLite calls `forget` also if this fails.
    unsafe {
        ffi::sqlite3_create_function_v2(
            db,
            LEND.as_ptr(),
            0,
            ffi::SQLITE_UTF8 | ffi::SQLITE_DIRECTONLY,
            Arc::into_raw(handle).cast_mut().cast(),
            Some(lend),
            None,
            None,
            Some(forget),
        );
    }
    // Without the function the connection works as well.
    ffi::SQLITE_OK
}

unsafe extern "C" fn lend(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    _: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the function was created with a handle, of which it owns one count as long as it
    // exists.
    let handle = unsafe {
        let handle: *const Handle = ffi::sqlite3_user_data(context).cast_const().cast();
        Arc::increment_strong_count(handle);
        Arc::from_raw(handle)
    };
    // Fails while the thread ends, when nobody reads it.
    let _ = LENT.try_with(|lent| lent.set(Some(handle)));
}

unsafe extern "C" fn forget(handle: *mut c_void) {
    // SAFETY: this is the count that the function owned, released once.
    let handle = unsafe { Arc::from_raw(handle.cast_const().cast::<Handle>()) };
    let mut open = handle.open.lock().unwrap_or_else(PoisonError::into_inner);
    *open = None;
}
