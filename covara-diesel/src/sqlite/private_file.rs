//! Makes new database files readable by their owner only: they hold sessions and keys.

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

    /// Read and write for the owner. SQLite gives its `-wal` and `-shm` the mode of the file.
    const MODE: u32 = 0o600;
    const ALL: u32 = 0o007;

    /// Held until the file is closed again, as closing a file gives up the locks that this
    /// process has on it, SQLite's own among them.
    static MAKING: Mutex<()> = Mutex::new(());

    /// Makes an empty file, which SQLite takes for a new database, if there is none. What
    /// prevents that, SQLite reports when it tries.
    pub(crate) fn make(path: &Path) {
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        // A link that leads nowhere yet.
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

    /// Whether users who are neither the owner nor of the group have any right to the file.
    pub(crate) fn is_readable_by_all(path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|file| file.permissions().mode() & ALL != 0)
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::path::Path;

    /// The directory's rights are the file's.
    pub(crate) fn make(_: &Path) {}

    pub(crate) fn is_readable_by_all(_: &Path) -> bool {
        false
    }
}
