//! A PostgreSQL server of one's own, to configure and to stop.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, thread};

use crate::temporary::TempDir;
use diesel::prelude::*;

use crate::server::{Server, free_port};

pub const PASSWORD: &str = "p@ss/w?rd:100%";
/// The same as it stands in a URL.
pub const PASSWORD_IN_URL: &str = "p%40ss%2Fw%3Frd%3A100%25";

/// Listens on loopback, in both versions of IP, and on a socket in its directory; ends when
/// dropped.
pub struct PostgresServer {
    server: Option<Server>,
    port: u16,
    directory: TempDir,
    options: Vec<String>,
    /// Of its messages, as gettext names it.
    language: Option<&'static str>,
    log: Arc<Mutex<String>>,
}

impl PostgresServer {
    /// Starts one. `prepare` may put files into its directory, named in `options`, which are
    /// those of the program `postgres`.
    pub fn start(options: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        Self::start_in(initialized(prepare), options, None)
    }

    /// Starts one whose messages are in a language that PostgreSQL is translated into, such as
    /// `de`.
    pub fn start_speaking(language: &'static str) -> Self {
        // gettext translates in any locale but C.
        let options = ["-c", "lc_messages=C.UTF-8"];
        Self::start_in(initialized(|_| {}), &options, Some(language))
    }

    fn start_in(directory: TempDir, options: &[&str], language: Option<&'static str>) -> Self {
        let mut new = Self {
            server: None,
            port: free_port(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            language,
            directory,
            log: Arc::default(),
        };
        new.start_again();
        new
    }

    /// Starts a standby of this server, which follows it until [`promote`](Self::promote).
    pub fn start_standby(&self) -> Self {
        let directory = crate::temporary::tempdir().expect("a temporary directory");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let mut copy = as_server("pg_basebackup");
        copy.arg("-D").arg(directory.path().join("data")).args([
            "-R",
            "-c",
            "fast",
            "--no-sync",
            "-d",
            &self.url(),
        ]);
        run(&mut copy);
        Self::start_in(directory, &[], None)
    }

    /// Makes a standby a server of its own.
    pub fn promote(&self) {
        let mut promote = as_server("pg_ctl");
        promote
            .args(["promote", "-w", "-D"])
            .arg(self.directory.path().join("data"));
        run(&mut promote);
    }

    /// Stops its processes, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.server.as_ref().expect("a running server").freeze();
    }

    /// Lets its processes go on.
    pub fn thaw(&self) {
        self.server.as_ref().expect("a running server").thaw();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket is, and what `prepare` has put there.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn url(&self) -> String {
        self.url_at(&format!("127.0.0.1:{}", self.port))
    }

    /// URL of the database `postgres` at a host and port as a URL has them.
    pub fn url_at(&self, address: &str) -> String {
        format!("postgres://covara:{PASSWORD_IN_URL}@{address}/postgres")
    }

    /// Further options, for when it is started again.
    pub fn add_options(&mut self, options: &[String]) {
        self.options.extend_from_slice(options);
    }

    /// Ends it as a crash would: nothing is written any more, clients are cut off.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.thaw();
            let id = server.id().to_string();
            run(Command::new("kill").args(["-QUIT", &id]));
            server.wait_for_end();
        }
    }

    /// Starts it again, at the same address.
    pub fn start_again(&mut self) {
        let path = self.directory.path();
        let mut command = as_server("postgres");
        command
            .arg("-D")
            .arg(path.join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1,::1"])
            // Of a server that is killed nothing is left elsewhere than in its directory.
            .args(["-c", "dynamic_shared_memory_type=mmap"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", path.display()))
            .args(&self.options)
            .envs(self.language.map(|language| ("LANGUAGE", language)));
        let mut server = Server::start(command);
        let mut stderr = server.stderr();
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut block) {
                let text = String::from_utf8_lossy(&block[..length]);
                lock(&log).push_str(&text);
            }
        });
        // Another program may have the port and never answer.
        let url = format!("{}?connect_timeout=5", self.url());
        let answers = server.wait_until(|| PgConnection::establish(&url).is_ok());
        assert!(answers, "PostgreSQL does not start: {}", lock(&self.log));
        self.server = Some(server);
    }
}

/// A directory with the files of a new server.
fn initialized(prepare: impl FnOnce(&Path)) -> TempDir {
    let directory = crate::temporary::tempdir().expect("a temporary directory");
    let path = directory.path();
    fs::write(path.join("password"), PASSWORD).expect("a new directory");
    prepare(path);
    give(path);
    let mut initdb = as_server("initdb");
    initdb
        .arg(format!("--pgdata={}", path.join("data").display()))
        .arg(format!("--pwfile={}", path.join("password").display()))
        .args(["--username=covara", "--auth=scram-sha-256", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8"]);
    run(&mut initdb);
    directory
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock(log: &Mutex<String>) -> std::sync::MutexGuard<'_, String> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a directory the server's, which runs as another user where this is root.
pub fn give(directory: &Path) {
    if is_root() {
        run(Command::new("chown")
            .arg("-R")
            .arg("postgres")
            .arg(directory));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout == b"0\n"
}

/// A program of the server's, which refuses to run as root, so there as its user.
fn as_server(name: &str) -> Command {
    let program = programs().join(name);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        // Another user forgets who is to end it with whom.
        .args(["--", "setpriv", "--pdeathsig", "KILL", "--"])
        .arg(program);
    command
}

/// The newest version that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .filter(|(_, path)| path.join("bin/initdb").exists())
        .max();
    if let Some((_, path)) = newest {
        return path.join("bin");
    }
    let bindir = Command::new("pg_config").arg("--bindir").output();
    let bindir = bindir.expect("pg_config; tests/prepare installs it").stdout;
    PathBuf::from(String::from_utf8_lossy(&bindir).trim())
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
