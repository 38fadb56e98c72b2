//! A PgBouncer of one's own in front of the test server.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, io, thread};

use crate::own_postgres::{PASSWORD, PASSWORD_IN_URL, PostgresServer};
use crate::postgres::server_url;
use crate::server::{Server, free_port, try_connect};
use crate::temporary::TempDir;

/// Listens on loopback, on a free port; ends when dropped.
pub struct PgBouncer {
    process: Option<Server>,
    user: String,
    port: u16,
    directory: TempDir,
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
        Self::start_for(
            user,
            (name, password),
            (host, server_port),
            mode,
            pool_size,
            more,
        )
    }

    /// One in front of a server of one's own, to stop either.
    pub fn in_front_of(server: &PostgresServer, mode: &str, pool_size: usize) -> Self {
        let user = format!("covara:{PASSWORD_IN_URL}");
        let port = server.port().to_string();
        let login = ("covara", PASSWORD);
        Self::start_for(&user, login, ("127.0.0.1", &port), mode, pool_size, "")
    }

    /// `user` is the login as a URL has it.
    fn start_for(
        user: &str,
        (name, password): (&str, &str),
        (host, server_port): (&str, &str),
        mode: &str,
        pool_size: usize,
        more: &str,
    ) -> Self {
        let directory = crate::temporary::tempdir().expect("a temporary directory");
        let path = directory.path();
        let port = free_port();
        let settings = format!(
            "[databases]\n\
             * = host={host} port={server_port}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             logfile = {}\n\
             auth_type = scram-sha-256\n\
             auth_file = {}\n\
             pool_mode = {mode}\n\
             default_pool_size = {pool_size}\n\
             {more}\n",
            path.join("log").display(),
            path.join("users").display()
        );
        fs::write(path.join("settings"), settings).expect("a new directory");
        fs::write(path.join("users"), format!("\"{name}\" \"{password}\"\n"))
            .expect("a new directory");
        let mut new = Self {
            process: None,
            user: user.to_owned(),
            port,
            directory,
        };
        new.start_again();
        new
    }

    /// One in transaction mode that leaves prepared statements alone, as all do before 1.21.
    pub fn untracking(pool_size: usize) -> Self {
        let off = if version() < (1, 21) {
            ""
        } else {
            "max_prepared_statements = 0"
        };
        Self::start("transaction", pool_size, off)
    }

    /// Stops it, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.process.as_ref().expect("a running pooler").freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.as_ref().expect("a running pooler").thaw();
    }

    /// Ends it at once; its clients are cut off.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again, at the same address.
    pub fn start_again(&mut self) {
        let path = self.directory.path();
        let mut command = command(path);
        command.arg(path.join("settings"));
        let mut process = Server::start(command);
        let mut stderr = process.stderr();
        thread::spawn(move || io::copy(&mut stderr, &mut io::sink()));
        let answers = process.wait_until(|| try_connect(self.port).is_ok());
        assert!(
            answers,
            "PgBouncer does not start: {}",
            fs::read_to_string(path.join("log")).unwrap_or_default()
        );
        self.process = Some(process);
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

/// Major and minor version of the installed PgBouncer.
pub fn version() -> (u32, u32) {
    static VERSION: OnceLock<(u32, u32)> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let output = program().arg("--version").output();
        let output = output.expect("PgBouncer; tests/prepare installs it");
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().and_then(|line| {
            let mut parts = line.strip_prefix("PgBouncer ")?.split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        version.expect("a version")
    })
}

/// Debian has it where only root looks.
fn program() -> Command {
    let mut command = Command::new("pgbouncer");
    search_sbin(&mut command);
    command
}

fn search_sbin(command: &mut Command) {
    let search = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    command.env("PATH", search);
}

/// PgBouncer refuses to run as root, so there as the user of the server, who must be able to
/// read the files in `directory`.
fn command(directory: &Path) -> Command {
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
            // Another user forgets who is to end it with whom.
            "setpriv",
            "--pdeathsig",
            "KILL",
            "pgbouncer",
        ]);
        command
    } else {
        program()
    };
    search_sbin(&mut command);
    command
}
