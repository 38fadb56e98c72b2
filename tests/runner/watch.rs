//! Runs a program and ends it if it makes no progress.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time until its output arrives when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The interval between looks whether it has ended.
const LOOK: Duration = Duration::from_millis(200);

/// The end of a program.
pub struct Ended {
    pub status: ExitStatus,
    /// Its output on standard error.
    pub printed: String,
    /// The reason why it counts as failed, whatever its status.
    pub fault: Option<String>,
}

enum Printed {
    Line(String),
    Error(Vec<u8>),
}

/// Runs a program and passes each line of its output to `take`, which returns whether the line is
/// progress. Without progress for `stalled` it is ended.
pub fn run(
    mut command: Command,
    stalled: Duration,
    mut take: impl FnMut(&str) -> bool,
) -> std::io::Result<Ended> {
    // In a group of its own, to end what it started, too.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (send, parts) = channel();
    read_lines(child.stdout.take(), send.clone());
    read_errors(child.stderr.take(), send);
    let mut errors = Vec::new();
    let mut progress = Instant::now();
    let mut ended_at = None;
    let mut fault = None;
    let status = loop {
        let mut is_closed = false;
        match parts.recv_timeout(LOOK) {
            Ok(Printed::Line(line)) => {
                if take(&line) {
                    progress = Instant::now();
                }
            }
            Ok(Printed::Error(bytes)) => errors.extend(bytes),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => is_closed = true,
        }
        if let Some(status) = child.try_wait()? {
            if is_closed {
                break status;
            }
            let ended_at: &Instant = ended_at.get_or_insert_with(Instant::now);
            if ended_at.elapsed() > LAST_WORDS {
                fault.get_or_insert("left a process behind that holds its output".to_owned());
                end_group(&child);
                break status;
            }
        } else if progress.elapsed() > stalled {
            fault = Some(format!("no progress for {} s", stalled.as_secs()));
            end_group(&child);
            progress = Instant::now();
        } else if is_closed {
            thread::sleep(LOOK);
        }
    };
    Ok(Ended {
        status,
        printed: String::from_utf8_lossy(&errors).into_owned(),
        fault,
    })
}

fn end_group(child: &Child) {
    // It fails only when all of them have ended.
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
}

/// Sends each line, with its end, as it comes. Nobody waits for the thread: who holds the output
/// may live on.
fn read_lines(output: Option<impl Read + Send + 'static>, send: Sender<Printed>) {
    thread::spawn(move || {
        let mut output = output.map(BufReader::new);
        while let Some(output) = &mut output {
            let mut line = Vec::new();
            match output.read_until(b'\n', &mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if send.send(Printed::Line(line)).is_err() {
                break;
            }
        }
    });
}

fn read_errors(errors: Option<impl Read + Send + 'static>, send: Sender<Printed>) {
    thread::spawn(move || {
        let mut errors = errors;
        let mut part = vec![0; 8192];
        while let Some(errors) = &mut errors {
            match errors.read(&mut part) {
                Ok(read @ 1..) if send.send(Printed::Error(part[..read].to_vec())).is_ok() => {}
                _ => break,
            }
        }
    });
}
