//! A PgBouncer of one's own in front of the test server.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use crate::postgres::server_url;

/// Listens on loopback, on a free port; ends when dropped.
pub struct PgBouncer {
    process: Child,
    user: String,
    port: u16,
    _directory: TempDir,
}

impl PgBouncer {
    /// Starts one in the pool mode `mode`, with `pool_size` connections to the server for
    /// each database; `more` are further lines of its settings.
    pub fn start(mode: &str, pool_size: usize, more: &str) -> Self {
        let server = server_url();
        let (user, rest) = server
            .trim_start_matches("postgres://")
            .split_once('@')
            .expect("a URL with a user");
        let (address, _) = rest.split_once('/').expect("a URL with a database");
        let (host, server_port) = address.split_once(':').expect("a URL with a port");
        let (name, password) = user.split_once(':').expect("a URL with a password");

        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        let port = free_port();
        let settings = format!(
            "[databases]\n\
             * = host={host} port={server_port}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = scram-sha-256\n\
             auth_file = {}\n\
             pool_mode = {mode}\n\
             default_pool_size = {pool_size}\n\
             {more}\n",
            path.join("users").display()
        );
        fs::write(path.join("settings"), settings).expect("a new directory");
        fs::write(path.join("users"), format!("\"{name}\" \"{password}\"\n"))
            .expect("a new directory");
        let mut process = command(path)
            .arg(path.join("settings"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(path.join("log")).expect("a new directory"))
            .spawn()
            .expect("PgBouncer; tests/prepare installs it");
        wait_for(&mut process, port, path);
        Self {
            process,
            user: user.to_owned(),
            port,
            _directory: directory,
        }
    }

    /// URL of the database that `server_side` names on the server itself.
    pub fn url(&self, server_side: &str) -> String {
        let (_, database) = server_side.rsplit_once('/').expect("a URL with a database");
        format!(
            "postgres://{}@127.0.0.1:{}/{database}",
            self.user, self.port
        )
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // The child of setpriv is PgBouncer itself.
        self.process.kill().expect("a living or ended PgBouncer");
        self.process.wait().expect("an exit");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// PgBouncer refuses to run as root, so there as the user of the server, who must be able to
/// read the files in `directory`.
fn command(directory: &Path) -> Command {
    let program = "pgbouncer";
    let search = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let id = Command::new("id").arg("-u").output().expect("id");
    let mut command = if id.stdout == b"0\n" {
        let owned = Command::new("chown")
            .args(["-R", "postgres"])
            .arg(directory)
            .status()
            .expect("chown");
        assert!(owned.success(), "the user postgres comes with the server");
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            program,
        ]);
        command
    } else {
        Command::new(program)
    };
    command.env("PATH", search);
    command
}

fn wait_for(process: &mut Child, port: u16, directory: &Path) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = process.try_wait().expect("a child").is_some();
        assert!(
            !ended && begun.elapsed() < Duration::from_secs(10),
            "PgBouncer does not start: {}",
            fs::read_to_string(directory.join("log")).unwrap_or_default()
        );
        thread::sleep(Duration::from_millis(20));
    }
}
