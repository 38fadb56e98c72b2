//! Stands between a client and a PostgreSQL server, and falls silent while the client connects.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Passes on what the server says up to and including a message `ReadyForQuery`, and nothing
/// after it. Connections stay open until the client closes them.
pub struct SilentProxy {
    url: String,
    /// The last `ReadyForQuery` that is passed on, `usize::MAX` for all.
    last: Arc<AtomicUsize>,
    silent: Arc<AtomicUsize>,
}

impl SilentProxy {
    /// Passes on everything to the server of a URL such as `postgres://user:secret@host:5432/app`.
    pub fn new(url: &str) -> Self {
        let (user, rest) = url.split_once('@').expect("a user in the URL");
        let (server, database) = rest.split_once('/').expect("a database in the URL");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let proxy = Self {
            url: format!("{user}@127.0.0.1:{port}/{database}?sslmode=disable&gssencmode=disable"),
            last: Arc::new(AtomicUsize::new(usize::MAX)),
            silent: Arc::default(),
        };
        let server = server.to_owned();
        let (last, silent) = (Arc::clone(&proxy.last), Arc::clone(&proxy.silent));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, last, silent) =
                    (server.clone(), Arc::clone(&last), Arc::clone(&silent));
                // What ends a connection is the business of the client.
                thread::spawn(move || serve(&client, &server, &last, &silent));
            }
        });
        proxy
    }

    /// The URL of the database through the proxy, with parameters.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets new connections hear so many times that the server is ready, and then nothing.
    pub fn silence_after(&self, ready: usize) {
        self.last.store(ready, Ordering::SeqCst);
    }

    /// New connections hear everything again; those that are silent stay so.
    pub fn heal(&self) {
        self.last.store(usize::MAX, Ordering::SeqCst);
    }

    /// How many connections are open that hear nothing.
    pub fn silent(&self) -> usize {
        self.silent.load(Ordering::SeqCst)
    }

    /// Waits until clients have closed all connections that hear nothing.
    pub fn wait_until_closed(&self, limit: Duration) {
        let end = Instant::now() + limit;
        while self.silent() > 0 {
            assert!(Instant::now() < end, "{} are open", self.silent());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn serve(
    client: &TcpStream,
    server: &str,
    last: &AtomicUsize,
    silent: &AtomicUsize,
) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let last = last.load(Ordering::SeqCst);
    let sending = thread::spawn(move || {
        // Either side may have gone.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let passed = pass_on(&server, client, last);
    if matches!(passed, Ok(true)) {
        silent.fetch_add(1, Ordering::SeqCst);
        // The server goes on, and its answers are lost, until the client has gone.
        let mut lost = [0; 4096];
        while (&server).read(&mut lost).is_ok_and(|read| read > 0) {}
        silent.fetch_sub(1, Ordering::SeqCst);
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = sending.join();
    Ok(())
}

/// Returns whether the last `ReadyForQuery` was passed on, and not the end.
fn pass_on(mut server: &TcpStream, mut client: &TcpStream, last: usize) -> io::Result<bool> {
    let mut ready = 0;
    let mut header = [0; 5];
    while ready < last {
        server.read_exact(&mut header)?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let mut body = vec![0; length.saturating_sub(4) as usize];
        server.read_exact(&mut body)?;
        client.write_all(&header)?;
        client.write_all(&body)?;
        ready += usize::from(header[0] == b'Z');
    }
    Ok(true)
}
