//! Cloudflare D1 as it runs locally: workerd, with its REST API in front.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::node_server::NodeServer;
use crate::server::installed;

pub const ACCOUNT: &str = "test";
pub const TOKEN: &str = "d1-token-that-must-not-be-shown";
/// Known, and without any right; answered with 403. All others are answered with 401.
pub const FOREIGN_TOKEN: &str = "d1-token-of-someone-else";

/// Each costs a hundredth of a second and a megabyte when the server starts.
const DATABASES: usize = 48;

/// An empty database of its own. Several share one server, which ends when the last of them
/// is dropped and no other is to come from it, or with this process.
pub struct TestDb {
    workerd: Arc<NodeServer>,
    number: usize,
}

impl TestDb {
    #[expect(clippy::new_without_default, reason = "it does work")]
    pub fn new() -> Self {
        static CURRENT: Mutex<Option<(Arc<NodeServer>, usize)>> = Mutex::new(None);
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        let (workerd, next) = current.get_or_insert_with(|| (Arc::new(start(DATABASES, None)), 0));
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
            workerd: Arc::new(start(1, None)),
            number: 0,
        }
    }

    /// Stops the server, until [`thaw`](Self::thaw).
    pub fn freeze(&self) {
        self.workerd.freeze();
    }

    /// Lets the server go on.
    pub fn thaw(&self) {
        self.workerd.thaw();
    }

    /// The database that wrangler has in `folder` (`--persist-to`) under the id `db-0`, on a
    /// server of its own.
    pub fn of_wrangler(folder: &Path) -> Self {
        Self {
            workerd: Arc::new(start(1, Some(folder))),
            number: 0,
        }
    }

    /// The base URL of the API, without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.workerd.origin()
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

/// Starts a server with so many databases, which are in `folder` if they are wrangler's.
fn start(databases: usize, folder: Option<&Path>) -> NodeServer {
    installed("node_modules/miniflare");
    NodeServer::start("d1.mjs", |command| {
        command
            .args([&databases.to_string(), TOKEN, FOREIGN_TOKEN])
            .args(folder)
            .current_dir(installed(""));
    })
}
