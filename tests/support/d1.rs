//! Cloudflare D1 as it runs locally: workerd, with its REST API in front.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ChildStdin, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::server::{Server, installed};

pub const ACCOUNT: &str = "test";
pub const TOKEN: &str = "d1-token-that-must-not-be-shown";
/// Known, and without any right; answered with 403. All others are answered with 401.
pub const FOREIGN_TOKEN: &str = "d1-token-of-someone-else";

/// Each costs a hundredth of a second and a megabyte when the server starts.
const DATABASES: usize = 48;

/// An empty database of its own. Several share one server, which ends when the last of them
/// is dropped and no other is to come from it, or with this process.
pub struct TestDb {
    workerd: Arc<Workerd>,
    number: usize,
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        static CURRENT: Mutex<Option<(Arc<Workerd>, usize)>> = Mutex::new(None);
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        let (workerd, next) =
            current.get_or_insert_with(|| (Arc::new(Workerd::start(DATABASES, None)), 0));
        let made = Self {
            workerd: Arc::clone(workerd),
            number: *next,
        };
        *next += 1;
        if *next == DATABASES {
            *current = None;
        }
        made
    }

    /// One on a server that no other test uses, to stop it.
    pub fn alone() -> Self {
        Self {
            workerd: Arc::new(Workerd::start(1, None)),
            number: 0,
        }
    }

    /// Stops the server, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.workerd.server.freeze();
    }

    /// Lets the server go on.
    pub fn thaw(&self) {
        self.workerd.server.thaw();
    }

    /// The database that wrangler has in `folder` (`--persist-to`) under the id `db-0`, on a
    /// server of its own.
    pub fn of_wrangler(folder: &Path) -> Self {
        Self {
            workerd: Arc::new(Workerd::start(1, Some(folder))),
            number: 0,
        }
    }

    /// The base URL of the API, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.workerd.origin
    }

    pub fn database(&self) -> String {
        format!("db-{}", self.number)
    }

    /// With the right token.
    pub fn url(&self) -> String {
        self.url_through(self.base_url(), TOKEN)
    }

    /// With another token, or through something that stands at `base_url`.
    pub fn url_through(&self, base_url: &str, token: &str) -> String {
        let database = self.database();
        format!("d1://{ACCOUNT}/{database}?token={token}&base_url={base_url}")
    }
}

struct Workerd {
    origin: String,
    /// Its end tells the server to stop workerd and to delete its files.
    stdin: Option<ChildStdin>,
    server: Server,
}

impl Workerd {
    fn start(databases: usize, folder: Option<&Path>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/d1.mjs");
        installed("node_modules/miniflare");
        let mut command = Command::new("node");
        command
            .arg(script)
            .args([&databases.to_string(), TOKEN, FOREIGN_TOKEN])
            .args(folder)
            .current_dir(installed(""));
        let mut server = Server::start_reading(command);
        let stdin = Some(server.stdin());
        let mut origin = String::new();
        let mut stdout = BufReader::new(server.stdout());
        let mut stderr = server.stderr();
        stdout.read_line(&mut origin).expect("a line");
        if !origin.starts_with("http://") {
            let mut message = String::new();
            let _ = stderr.read_to_string(&mut message);
            panic!("workerd does not start: {message}");
        }
        // Whatever it says later must not fill a pipe.
        thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self {
            origin: origin.trim().to_owned(),
            stdin,
            server,
        }
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        self.server.thaw();
        self.stdin = None;
        self.server.wait_for_end();
    }
}
