//! Servers as processes of one's own.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a busy machine; what does not answer by then never will.
pub const START_TIME: Duration = Duration::from_secs(60);

/// A running program; killed when dropped, and by the system when this process ends in any
/// other way, so that nothing outlives a test that fails, is killed or never returns.
pub struct Server {
    process: Child,
}

impl Server {
    /// Starts `program` with all its streams piped.
    pub fn start(program: Command) -> Self {
        let process = spawn_bound(program);
        Self { process }
    }

    /// Starts one that ends by itself when its standard input does, which it then has time
    /// for; the system kills nothing.
    pub fn start_reading(mut program: Command) -> Self {
        let process = with_pipes(&mut program).spawn().expect("a program");
        Self { process }
    }

    /// Waits until one that was told to end has done so.
    pub fn wait_for_end(&mut self) {
        let begun = Instant::now();
        while self.runs() && begun.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn stdin(&mut self) -> ChildStdin {
        self.process.stdin.take().expect("piped")
    }

    pub fn stdout(&mut self) -> ChildStdout {
        self.process.stdout.take().expect("piped")
    }

    pub fn stderr(&mut self) -> ChildStderr {
        self.process.stderr.take().expect("piped")
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the program and all that it started (`SIGSTOP`), until [`thaw`](Self::thaw): the
    /// system goes on taking what is sent to it, and nobody answers.
    pub fn freeze(&self) {
        signal("STOP", &family(self.id()));
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal("CONT", &family(self.id()));
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().expect("a child").is_none()
    }

    /// Asks `answers` until it says yes; false when the program ended before that.
    pub fn wait_until(&mut self, mut answers: impl FnMut() -> bool) -> bool {
        let begun = Instant::now();
        while !answers() {
            if !self.runs() {
                return false;
            }
            assert!(begun.elapsed() < START_TIME, "a server does not answer");
            thread::sleep(Duration::from_millis(5));
        }
        // Another program may have answered at that address, and this one found it taken.
        self.runs()
    }
}

/// A process and those that it started, the oldest first.
fn family(id: u32) -> Vec<String> {
    let children = Command::new("pgrep")
        .args(["-P", &id.to_string()])
        .output()
        .expect("pgrep");
    let children = String::from_utf8_lossy(&children.stdout).into_owned();
    let descendants = children
        .lines()
        .filter_map(|child| child.parse().ok())
        .flat_map(family);
    std::iter::once(id.to_string()).chain(descendants).collect()
}

/// Sends a signal to processes, of which some may have ended.
pub fn signal(name: &str, ids: &[String]) {
    // What is stopped starts no more; whom it had started before is found by then.
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(ids)
        .output();
    sent.expect("kill");
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The system kills such a child when the thread that started it ends, so that must be one
/// that lives as long as the process.
fn spawn_bound(program: Command) -> Child {
    type Order = (Command, Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, received) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in received {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });

    let mut wrapped = Command::new("setpriv");
    with_pipes(&mut wrapped)
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(directory) = program.get_current_dir() {
        wrapped.current_dir(directory);
    }
    let (answer, child) = channel();
    spawner
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((wrapped, answer))
        .expect("a living spawner");
    child
        .recv()
        .expect("a living spawner")
        .expect("setpriv; tests/prepare installs it")
}

fn with_pipes(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
}

/// A port of loopback that is free now and was not handed out before.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        if given.insert(port) {
            return port;
        }
    }
}

/// Connects to a port of loopback where a server may not listen yet. Another program may have the
/// port and never answer, so nothing on the connection waits for long.
///
/// # Errors
///
/// Nobody listens. A connection that the system made with itself, as it may when the port is among
/// those that it gives to clients, is an error, too.
pub fn try_connect(port: u16) -> io::Result<TcpStream> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A file or folder that `tests/prepare` installed. A missing one is a failure, never a
/// reason to skip.
pub fn installed(name: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/servers")).join(name);
    assert!(
        path.exists(),
        "target/servers/{name} is missing; tests/prepare installs it"
    );
    path
}
