//! An answer that was recorded: repeated by a server that does nothing else, and decoded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;

pub struct Repeater {
    port: u16,
}

impl Repeater {
    /// `answer` returns the body for the body of a request.
    pub fn start(answer: impl Fn(&str) -> Arc<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || repeat(stream, &*answer));
            }
        });
        Self { port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Answers each request until the client leaves.
fn repeat(stream: TcpStream, answer: &impl Fn(&str) -> Arc<String>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut request = vec![0; length];
        reader.read_exact(&mut request).ok()?;
        let body = answer(std::str::from_utf8(&request).ok()?);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        writer.write_all(head.as_bytes()).ok()?;
        writer.write_all(body.as_bytes()).ok()?;
    }
}

pub fn decode_value(body: &str) {
    let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
    std::hint::black_box(value);
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    results: Vec<Outcome<'a>>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    result: Option<Batch<'a>>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    step_results: Vec<Rows<'a>>,
}

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    rows: Vec<Vec<Cell<'a>>>,
}

#[derive(Deserialize)]
struct Cell<'a> {
    #[serde(rename = "type")]
    _type: &'a str,
    #[serde(borrow)]
    _value: Option<&'a RawValue>,
}

/// Decodes without copying or converting anything, and returns how many values there are.
pub fn decode_structs(body: &str) -> usize {
    let reply: Reply = serde_json::from_str(body).expect("JSON");
    let batches = reply
        .results
        .iter()
        .filter_map(|one| one.response.result.as_ref());
    let rows = batches.flat_map(|batch| &batch.step_results);
    rows.flat_map(|rows| &rows.rows).map(Vec::len).sum()
}
