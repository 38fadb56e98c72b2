//! A double of Neon's SQL over HTTP, in front of the tests' PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::postgres;

/// The host that connection strings name. Nobody looks it up.
pub const HOST: &str = "ep-test-1.eu-central-1.aws.neon.tech";
/// Logs in as the user that the connection string names.
pub const JWT: &str = "jwt-that-must-not-be-shown";

/// Starts a double, with options of `tests/servers/neon.mjs` in addition to the address of PostgreSQL.
fn start(options: &Value) -> NodeServer {
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
    NodeServer::start("neon.mjs", |command| {
        command.arg(all.to_string());
    })
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
    proxy: Arc<NodeServer>,
    database: postgres::TestDb,
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        static SHARED: Mutex<Weak<NodeServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let proxy = shared.upgrade().unwrap_or_else(|| {
            // Longer than the proxy's own, as the machine may be busy with other tests.
            let proxy = Arc::new(start(&json!({ "timeout": 60_000 })));
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
            proxy: Arc::new(start(options)),
            database: postgres::TestDb::new(),
        }
    }

    pub fn proxy(&self) -> &NodeServer {
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
