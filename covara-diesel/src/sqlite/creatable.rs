//! Tells whether a file could be created, without creating it.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::ConnectionError;

use super::url::{creates, database_url};
use crate::pool::PoolError;

/// Returns an error if the URL allows nobody to create this missing file, or if its directory cannot
/// be written.
pub(crate) fn check_creatable(url: &str, path: PathBuf) -> Result<(), PoolError> {
    if !creates(&database_url(url)?) {
        return Err(PoolError::MissingFile { path });
    }
    // The target of a symbolic link, which does not exist yet.
    let target = match fs::read_link(&path) {
        Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => path.clone(),
    };
    let directory = match target.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    if access::is_writable(directory) {
        return Ok(());
    }
    let words = format!("its directory {} cannot be written", directory.display());
    Err(PoolError::Open {
        path,
        source: ConnectionError::BadConnection(words),
    })
}

#[cfg(target_os = "linux")]
mod access {
    use std::path::Path;

    use rustix::fs::{Access, AtFlags, CWD, accessat};

    /// Returns whether this process may create files in the directory.
    pub(super) fn is_writable(directory: &Path) -> bool {
        let rights = Access::WRITE_OK | Access::EXEC_OK;
        accessat(CWD, directory, rights, AtFlags::EACCESS).is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod access {
    use std::path::Path;

    /// Returns whether the directory has no read-only mark.
    pub(super) fn is_writable(directory: &Path) -> bool {
        std::fs::metadata(directory).is_ok_and(|found| !found.permissions().readonly())
    }
}
