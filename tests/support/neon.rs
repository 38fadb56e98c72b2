//! A double of Neon's SQL over HTTP, in front of the tests' PostgreSQL.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdin, Command};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use serde_json::{Value, json};

use crate::postgres;
use crate::server::Server;

/// The host that connection strings name. Nobody looks it up.
pub const HOST: &str = "ep-test-1.eu-central-1.aws.neon.tech";
/// Logs in as the user that the connection string names.
pub const JWT: &str = "jwt-that-must-not-be-shown";

/// The double; it ends with this.
pub struct Proxy {
    origin: String,
    /// Its end tells the server to end.
    stdin: Option<ChildStdin>,
    server: Server,
}

impl Proxy {
    /// With options of `tests/servers/neon.mjs` in addition to the address of PostgreSQL.
    pub fn start(options: &Value) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/neon.mjs");
        let (user, address) = user_and_address();
        let (host, port) = address.rsplit_once(':').expect("a port");
        let (_, password) = user.split_once(':').expect("a password");
        let mut all = json!({
            "host": host, "port": port.parse::<u16>().expect("a port"),
            "jwt": JWT, "password": password,
        });
        for (name, value) in options.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let mut command = Command::new("node");
        command.arg(script).arg(all.to_string());
        let mut server = Server::start_reading(command);
        let stdin = Some(server.stdin());
        let mut origin = String::new();
        let mut stdout = BufReader::new(server.stdout());
        let mut stderr = server.stderr();
        stdout.read_line(&mut origin).expect("a line");
        if !origin.starts_with("http://") {
            let mut message = String::new();
            let _ = stderr.read_to_string(&mut message);
            panic!("the double of Neon does not start: {message}");
        }
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self {
            origin: origin.trim().to_owned(),
            stdin,
            server,
        }
    }

    /// Without a slash at its end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Stops the server, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.server.freeze();
    }

    /// Lets the server go on.
    pub fn thaw(&self) {
        self.server.thaw();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.thaw();
        self.stdin = None;
        self.server.wait_for_end();
    }
}

/// User and password, and host and port, of the tests' PostgreSQL.
fn user_and_address() -> (String, String) {
    let url = postgres::server_url();
    let (_, rest) = url.split_once("://").expect("a URL");
    let (authority, _) = rest.split_once('/').expect("a database");
    let (user, address) = authority.split_once('@').expect("a user");
    (user.to_owned(), address.to_owned())
}

/// An empty database of its own; gone when dropped. Those of one process share a double.
pub struct TestDb {
    proxy: Arc<Proxy>,
    database: postgres::TestDb,
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        static SHARED: Mutex<Weak<Proxy>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let proxy = shared.upgrade().unwrap_or_else(|| {
            // Longer than the proxy's own, as the machine may be busy with other tests.
            let proxy = Arc::new(Proxy::start(&json!({ "timeout": 60_000 })));
            *shared = Arc::downgrade(&proxy);
            proxy
        });
        Self {
            proxy,
            database: postgres::TestDb::new(),
        }
    }

    /// One behind a double that no other test uses.
    pub fn with(options: &Value) -> Self {
        Self {
            proxy: Arc::new(Proxy::start(options)),
            database: postgres::TestDb::new(),
        }
    }

    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The database itself, without the double.
    pub fn database(&self) -> &postgres::TestDb {
        &self.database
    }

    /// The connection string, as Neon gives it.
    pub fn connection_string(&self) -> String {
        let (user, _) = user_and_address();
        format!("postgres://{user}@{HOST}/{}", self.name())
    }

    /// The connection string without a password.
    pub fn connection_string_for_token(&self) -> String {
        let (user, _) = user_and_address();
        let (user, _) = user.split_once(':').expect("a password");
        format!("postgres://{user}@{HOST}/{}", self.name())
    }

    fn name(&self) -> String {
        let url = self.database.url();
        let (_, name) = url.rsplit_once('/').expect("a database");
        name.to_owned()
    }

    pub fn url(&self) -> String {
        self.url_through(self.proxy.origin())
    }

    /// Through something that stands at `origin`.
    pub fn url_through(&self, origin: &str) -> String {
        let url = self.connection_string();
        format!("{url}?driver=neon-http&base_url={origin}/sql")
    }
}
