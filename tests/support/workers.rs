//! Processes that start their job at the same moment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the program `worker` takes for the whole of a job, to spread kills over it.
pub fn time(worker: &str, url: &str, job: &'static str) -> Duration {
    let begun = Instant::now();
    run(worker, url, 1, |_| job);
    begun.elapsed()
}

/// Starts the program `worker` on `url`, lets it work for `time`, and kills it.
pub fn kill_after(worker: &str, url: &str, job: &'static str, time: Duration) {
    let mut child = start(worker, url, job);
    wait_until_ready(&mut child);
    go(&mut child);
    std::thread::sleep(time);
    child.kill().expect("a living or ended worker");
    child.wait().expect("an exit");
}

/// Starts the program `worker`, which waits for [`go`].
pub fn start(worker: &str, url: &str, job: &str) -> Child {
    start_with(worker, url, job, &[])
}

/// The same with these environment variables, and without those whose value is none.
pub fn start_with(
    worker: &str,
    url: &str,
    job: &str,
    environment: &[(&str, Option<&str>)],
) -> Child {
    let mut command = Command::new(worker);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args([job, url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker program")
}

/// Waits for the first word of a worker.
pub fn wait_until_ready(child: &mut Child) {
    let mut ready = String::new();
    // Unbuffered, or the reader would swallow part of the answer.
    let stdout = child.stdout.as_mut().expect("piped");
    BufReader::with_capacity(1, stdout)
        .read_line(&mut ready)
        .expect("a line");
    assert_eq!(ready, "ready\n");
}

/// Lets a worker begin.
pub fn go(child: &mut Child) {
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"go\n").expect("a living worker");
}

/// Starts `count` processes of the program `worker` on `url`, lets them go at once, and
/// returns what each printed. `job(n)` names the job of the n-th.
pub fn run(
    worker: &str,
    url: &str,
    count: usize,
    job: impl Fn(usize) -> &'static str,
) -> Vec<String> {
    let mut children: Vec<Child> = (0..count).map(|n| start(worker, url, job(n))).collect();
    children.iter_mut().for_each(wait_until_ready);
    children.iter_mut().for_each(go);
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
