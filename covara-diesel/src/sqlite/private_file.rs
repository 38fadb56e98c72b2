//! Creates new database files that only their owner can read, because they hold sessions and keys.

#[cfg(not(unix))]
pub(crate) use elsewhere::{is_readable_by_all, make};
#[cfg(unix)]
pub(crate) use unix::{is_readable_by_all, make};

#[cfg(unix)]
mod unix {
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    /// Read and write for the owner. SQLite gives `-wal` and `-shm` the mode of the database file.
    const MODE: u32 = 0o600;
    const ALL: u32 = 0o007;

    /// Held until the file is closed again, because closing a file releases all locks that this
    /// process has on it, including SQLite's own.
    static MAKING: Mutex<()> = Mutex::new(());

    /// Creates an empty file, which SQLite treats as a new database, unless a file exists. Errors
    /// are ignored, because SQLite reports them when it opens the file.
    pub(crate) fn make(path: &Path) {
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        // The target of a symbolic link, which may not exist yet.
        let target = match fs::read_link(path) {
            Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => path.to_owned(),
        };
        let _ = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(target);
    }

    /// Returns whether users other than the owner and the group have any permission on the file.
    pub(crate) fn is_readable_by_all(path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|file| file.permissions().mode() & ALL != 0)
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::path::Path;

    /// Does nothing: the file inherits the permissions of the directory.
    pub(crate) fn make(_: &Path) {}

    pub(crate) fn is_readable_by_all(_: &Path) -> bool {
        false
    }
}
