//! Stands between a client and an HTTP server and does to chosen requests what networks do.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::http::Message;

/// What becomes of one request.
pub enum Fault {
    /// Nothing: the server answers.
    None,
    /// The connection closes; the server never sees the request.
    CloseBefore,
    /// The same, with a reset in place of an orderly end.
    ResetBefore,
    /// The server does what it is asked, and the connection closes instead of an answer.
    CloseAfter,
    /// The same, with a reset in place of an orderly end.
    ResetAfter,
    /// The server's answer comes this much later.
    Delay(Duration),
    /// The body of the server's answer comes byte by byte, so far apart.
    Drip(Duration),
    /// Only so many bytes of the answer's body come, then the connection closes.
    Truncate(usize),
    /// The request goes to the server twice, as by a network that sends again; the client
    /// gets the first answer.
    Duplicate,
    /// The server never sees the request; this is the answer.
    Answer(Message),
    /// The server does what it is asked; this is the answer.
    AnswerAfter(Message),
    /// The server's answer with another body.
    Change(Box<dyn FnOnce(Vec<u8>) -> Vec<u8> + Send>),
}

/// An answer of the given status.
pub fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Message {
    Message {
        start: format!("HTTP/1.1 {status} Some Reason"),
        headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
        body: body.into(),
    }
}

/// The answer with one header more.
pub fn with_header(mut message: Message, name: &str, value: &str) -> Message {
    message.headers.push((name.to_owned(), value.to_owned()));
    message
}

type Predicate = Box<dyn Fn(&Message) -> bool + Send>;
type Source = Box<dyn FnMut() -> Fault + Send>;

#[derive(Default)]
struct State {
    connections: usize,
    /// Those of clients that are open, by their numbers.
    open: HashMap<usize, TcpStream>,
    requests: Vec<Message>,
    /// Faults to come, the first for the next request that its predicate accepts.
    faults: VecDeque<(Predicate, Fault)>,
    /// For requests that no fault is left for.
    always: Option<Source>,
}

/// Listens on loopback, on a free port; ends with the process.
pub struct FaultProxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl FaultProxy {
    /// Passes on to the server at `origin`, such as `http://127.0.0.1:8080`.
    pub fn new(origin: &str) -> Self {
        let server = origin.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                let (server, state) = (server.clone(), Arc::clone(&shared));
                {
                    let mut state = lock(&state);
                    state.connections += 1;
                    let clone = client.try_clone().expect("an open connection");
                    state.open.insert(number, clone);
                }
                thread::spawn(move || {
                    // A client that goes away is none of the proxy's business.
                    let _ = serve(client, &server, &state);
                    // The connection closes with the last who has it.
                    lock(&state).open.remove(&number);
                });
            }
        });
        Self { port, state }
    }

    /// Its own address, as an origin.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Does this to the next request.
    pub fn next(&self, fault: Fault) {
        self.next_where(|_| true, fault);
    }

    /// Does this to the next request whose body has this text in it; those before it pass.
    pub fn next_with(&self, text: &'static str, fault: Fault) {
        self.next_where(move |request| request.text().contains(text), fault);
    }

    fn next_where(&self, is: impl Fn(&Message) -> bool + Send + 'static, fault: Fault) {
        lock(&self.state).faults.push_back((Box::new(is), fault));
    }

    /// Does this to all requests from now on, once the single faults are through.
    pub fn always(&self, fault: impl FnMut() -> Fault + Send + 'static) {
        lock(&self.state).always = Some(Box::new(fault));
    }

    /// No faults any more.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.faults.clear();
        state.always = None;
    }

    /// Closes all connections of clients, as servers do with those that nobody uses.
    pub fn close_idle(&self) {
        for (_, client) in lock(&self.state).open.drain() {
            // It may have gone already.
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// All requests that came, those that the server never saw included.
    pub fn requests(&self) -> Vec<Message> {
        lock(&self.state).requests.clone()
    }

    /// How many requests came whose body has this text in it.
    pub fn count(&self, text: &str) -> usize {
        let state = lock(&self.state);
        state
            .requests
            .iter()
            .filter(|request| request.text().contains(text))
            .count()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        state.requests.clear();
        state.connections = 0;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(client: TcpStream, server: &str, state: &Mutex<State>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut writer = client;
    while let Some(request) = Message::read(&mut reader)? {
        let fault = choose(&mut lock(state), &request);
        match fault {
            Fault::None => forward(&request, server)?.write(&mut writer)?,
            Fault::CloseBefore => return Ok(()),
            Fault::ResetBefore => {
                drop(reader);
                return reset(writer);
            }
            Fault::CloseAfter => {
                forward(&request, server)?;
                return Ok(());
            }
            Fault::ResetAfter => {
                forward(&request, server)?;
                drop(reader);
                return reset(writer);
            }
            Fault::Delay(time) => {
                let answer = forward(&request, server)?;
                thread::sleep(time);
                answer.write(&mut writer)?;
            }
            Fault::Drip(time) => {
                let answer = forward(&request, server)?;
                writer.write_all(&answer.head())?;
                for byte in &answer.body {
                    writer.write_all(&[*byte])?;
                    thread::sleep(time);
                }
            }
            Fault::Truncate(length) => {
                let answer = forward(&request, server)?;
                writer.write_all(&answer.head())?;
                writer.write_all(&answer.body[..length.min(answer.body.len())])?;
                return Ok(());
            }
            Fault::Duplicate => {
                let answer = forward(&request, server)?;
                let (request, server) = (request.clone(), server.to_owned());
                // It may take long, or be refused.
                thread::spawn(move || forward(&request, &server));
                answer.write(&mut writer)?;
            }
            Fault::Answer(answer) => answer.write(&mut writer)?,
            Fault::AnswerAfter(answer) => {
                forward(&request, server)?;
                answer.write(&mut writer)?;
            }
            Fault::Change(change) => {
                let mut answer = forward(&request, server)?;
                answer.body = change(answer.body);
                answer.write(&mut writer)?;
            }
        }
    }
    Ok(())
}

fn choose(state: &mut State, request: &Message) -> Fault {
    state.requests.push(request.clone());
    if state.faults.front().is_some_and(|(is, _)| is(request))
        && let Some((_, fault)) = state.faults.pop_front()
    {
        return fault;
    }
    if !state.faults.is_empty() {
        return Fault::None;
    }
    state.always.as_mut().map_or(Fault::None, |next| next())
}

fn forward(request: &Message, server: &str) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    request.write(&mut stream)?;
    Message::read(&mut BufReader::new(stream))?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Closes at once and throws away what was not yet received, as a crashed machine does.
fn reset(client: TcpStream) -> io::Result<()> {
    Socket::from(client).set_linger(Some(Duration::ZERO))
}

/// What a busy machine may add to a time-out; less than the defaults of those that are set.
pub const BUSY: Duration = Duration::from_secs(10);

/// How long something took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}
