//! A program that is watched while it runs: it ends, or is ended.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may go on without progress. The slowest test takes five minutes with
/// `--everything`, while others run.
const STALLED: Duration = Duration::from_secs(900);
/// How long what it printed may take to arrive when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How often to look whether it has ended.
const LOOK: Duration = Duration::from_millis(200);

/// How a program ended.
pub struct Ended {
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub printed: String,
    /// Why it counts as failed, whatever its status.
    pub fault: Option<String>,
}

/// Runs a program and passes each line of its output to `take`, which returns whether the line is
/// progress.
pub fn run(mut command: Command, mut take: impl FnMut(&str) -> bool) -> std::io::Result<Ended> {
    // In a group of its own, to end what it started, too.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = lines(child.stdout.take());
    let errors = lines_of_errors(child.stderr.take());
    let mut progress = Instant::now();
    let mut ended_at = None;
    let mut fault = None;
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => {
                if take(&line) {
                    progress = Instant::now();
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if child.try_wait()?.is_some() {
            let ended_at: &Instant = ended_at.get_or_insert_with(Instant::now);
            if ended_at.elapsed() > LAST_WORDS {
                fault.get_or_insert("left a process behind that holds its output".to_owned());
                end_group(&child);
                break;
            }
        } else if progress.elapsed() > STALLED {
            fault = Some(format!("no progress for {} s", STALLED.as_secs()));
            end_group(&child);
            progress = Instant::now();
        }
    }
    let status = child.wait()?;
    let printed = errors.recv_timeout(LAST_WORDS).unwrap_or_else(|_| {
        end_group(&child);
        fault.get_or_insert("left a process behind that holds its errors".to_owned());
        String::new()
    });
    Ok(Ended {
        status,
        printed,
        fault,
    })
}

fn end_group(child: &Child) {
    // It fails only when all of them have ended.
    let group = format!("-{}", child.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
}

/// Sends each line, with its end, as it comes. Nobody waits for the thread: what holds the output
/// may live on.
fn lines(output: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        let mut output = output.map(BufReader::new);
        while let Some(output) = &mut output {
            let mut line = Vec::new();
            match output.read_until(b'\n', &mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
            if send
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    lines
}

fn lines_of_errors(errors: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, printed) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut errors) = errors {
            // What can be read until an error is enough.
            let _ = errors.read_to_end(&mut bytes);
        }
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    printed
}
