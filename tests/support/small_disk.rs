//! A disk that can be made full.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The place of the disk, in the process that has it.
const VARIABLE: &str = "COVARA_TEST_SMALL_DISK";

/// Mounts the disk at the first argument and becomes the program of the others. As it becomes
/// another program, it is still to end with the test that waits for it.
const MOUNT: &str = r#"mount -t tmpfs -o size=2m,mode=1777 tmpfs "$0" &&
    exec setpriv --pdeathsig KILL -- "$@""#;

/// The same for one who may mount only where he is root, and is nowhere else: PostgreSQL refuses
/// to run as root. The two arguments after the first are the user and group to be again.
const MOUNT_AS_USER: &str = r#"mount -t tmpfs -o size=2m,mode=1777 tmpfs "$0" &&
    user=$1 group=$2 && shift 2 &&
    exec unshare --user --map-user="$user" --map-group="$group" -- \
        setpriv --pdeathsig KILL -- "$@""#;

/// A disk of two megabytes in memory.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

/// Runs `work` on a small disk, in a process of its own that runs nothing but the test of this
/// full name, which must be the one that calls this.
///
/// No other process sees the disk, so that none that another test starts can keep a file on it
/// from going, and the system takes it away when the process has ended, however that comes.
/// This takes root, or user namespaces.
pub fn on_small_disk(test: &str, work: impl FnOnce(&SmallDisk)) {
    if let Some(path) = env::var_os(VARIABLE) {
        return work(&SmallDisk { path: path.into() });
    }
    let place = crate::temporary::tempdir().expect("a temporary directory");
    let program = env::current_exe().expect("this program");
    let mut command = mounting(place.path());
    command
        .arg(program)
        .args([test, "--exact", "--nocapture"])
        .env(VARIABLE, place.path())
        .stdin(Stdio::null());
    let output = command.output().expect("unshare, of util-linux");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A command that mounts the disk and runs the program that is added to it.
fn mounting(place: &Path) -> Command {
    let (user, group) = (number("-u"), number("-g"));
    let way: &[&str] = match user.as_str() {
        "0" => &["--mount"],
        _ => &["--user", "--map-root-user", "--mount"],
    };
    let tried = Command::new("unshare").args(way).arg("true").output();
    assert!(
        tried.is_ok_and(|output| output.status.success()),
        "a small disk needs a mount namespace: run the tests as root, or let users have \
         namespaces (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu \
         kernel.apparmor_restrict_unprivileged_userns=0); in a container, start it with \
         --privileged"
    );
    let mut command = Command::new("unshare");
    command.args(way).args(["--", "sh", "-c"]);
    if user == "0" {
        command.arg(MOUNT).arg(place);
    } else {
        command.arg(MOUNT_AS_USER).arg(place).args([user, group]);
    }
    command
}

fn number(of: &str) -> String {
    let id = Command::new("id").arg(of).output().expect("id");
    String::from_utf8_lossy(&id.stdout).trim().to_owned()
}

impl SmallDisk {
    pub fn path(&self) -> &Path {
        &self.path
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
