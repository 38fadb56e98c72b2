//! A disk that can be made full.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A disk of two megabytes in memory, which is taken away when dropped. Only root can have
/// one, or who may become root by `sudo` without a password.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Makes one that belongs to the user with the number `owner`.
    pub fn new(owner: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let options = format!("size=2m,mode=0755,uid={owner}");
        as_root(
            &["mount", "-t", "tmpfs", "-o", &options, "tmpfs"],
            folder.path(),
        );
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves room for nothing; what this returns gives it back when closed.
    pub fn fill(&self) -> File {
        let mut rest = tempfile::tempfile_in(self.path()).expect("a new disk");
        for size in [4096, 1] {
            while rest.write_all(&vec![0; size]).is_ok() {}
        }
        rest
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server may still have files open.
        as_root(&["umount", "--lazy"], self.folder.path());
    }
}

fn as_root(command: &[&str], folder: &Path) {
    let id = Command::new("id").arg("-u").output().expect("id");
    let sudo: &[&str] = if id.stdout == b"0\n" {
        &[]
    } else {
        &["sudo", "-n"]
    };
    let words = [sudo, command].concat();
    let status = Command::new(words[0])
        .args(&words[1..])
        .arg(folder)
        .status();
    let done = status.is_ok_and(|status| status.success());
    assert!(
        done,
        "{words:?} failed: a small disk needs root, or sudo without a password"
    );
}
