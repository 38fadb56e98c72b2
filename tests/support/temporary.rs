//! Temporary directories. What a killed run leaves of them, the next run removes.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Once;

use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "covara.";

/// A directory that is removed when it is dropped. Its process holds a lock on it until then.
#[derive(Debug)]
pub struct TempDir {
    directory: tempfile::TempDir,
    /// After the directory, so that it is locked until it has been removed.
    _lock: File,
}

impl Deref for TempDir {
    type Target = tempfile::TempDir;

    fn deref(&self) -> &Self::Target {
        &self.directory
    }
}

impl AsRef<Path> for TempDir {
    fn as_ref(&self) -> &Path {
        self.directory.path()
    }
}

/// Creates a directory.
pub fn tempdir() -> io::Result<TempDir> {
    static REMOVED: Once = Once::new();
    REMOVED.call_once(|| remove_unlocked(&std::env::temp_dir()));
    loop {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let lock = match File::open(directory.path()) {
            // Another process has removed it before it was locked.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            lock => lock?,
        };
        flock(&lock, FlockOperation::LockExclusive)?;
        if directory.path().exists() {
            return Ok(TempDir {
                directory,
                _lock: lock,
            });
        }
    }
}

/// Removes the directories of processes that were killed: nobody holds their locks. What cannot be
/// removed, as it is another user's, is left, and so is a disk that was mounted on such a directory:
/// the lock is behind it.
fn remove_unlocked(place: &Path) {
    let disk = fs::metadata(place).map(|place| place.dev()).ok();
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let is_directory = |found: fs::Metadata| found.is_dir() && Some(found.dev()) == disk;
        if fs::symlink_metadata(entry.path()).is_ok_and(is_directory)
            && let Ok(lock) = File::open(entry.path())
            && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
