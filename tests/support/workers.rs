//! Processes that start their job at the same moment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Starts `count` processes of the program `worker` on `url`, lets them go at once, and
/// returns what each printed. `job(n)` names the job of the n-th.
pub fn run(
    worker: &str,
    url: &str,
    count: usize,
    job: impl Fn(usize) -> &'static str,
) -> Vec<String> {
    let mut children: Vec<Child> = (0..count)
        .map(|n| {
            Command::new(worker)
                .args([job(n), url])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the worker program")
        })
        .collect();
    for child in &mut children {
        let mut ready = String::new();
        // Unbuffered, or the reader would swallow part of the answer.
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::with_capacity(1, stdout)
            .read_line(&mut ready)
            .expect("a line");
        assert_eq!(ready, "ready\n");
    }
    for child in &mut children {
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(b"go\n")
            .expect("a living worker");
    }
    children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().expect("an exit");
            assert!(
                output.status.success(),
                "a worker failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
        .collect()
}
