//! Servers and poolers that fall silent while a client connects: connecting ends in time, and
//! works again as soon as they do.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use covara_diesel::pool::{self, PoolConfig, PoolDriver, recommended_pool_config};
use diesel::connection::SimpleConnection;
use support::bounded::within;
use support::postgres::server_url;
use support::silent_proxy::SilentProxy;
use support::workers;

use super::tls::encrypted_server;

const LIMIT: Duration = Duration::from_secs(3);

fn hasty() -> PoolConfig {
    let mut config = recommended_pool_config(PoolDriver::Postgres);
    config.connection_timeout = Some(LIMIT);
    config
}

/// After the log-in, after each of the two settings that Diesel sends, and of this library's own
/// first question.
const READY: [usize; 3] = [1, 2, 3];

#[test]
fn opening_a_pool_ends_in_time() {
    let proxy = SilentProxy::new(&server_url());
    for ready in READY {
        proxy.silence_after(ready);
        let url = proxy.url().to_owned();
        let opened = within(LIMIT * 2, "opening", move || {
            pool::postgres_with(url, PoolDriver::Postgres, &hasty()).map(drop)
        });
        opened.unwrap_err();
        proxy.wait_until_closed(LIMIT * 4);
    }
    proxy.heal();
    pool::postgres_with(proxy.url(), PoolDriver::Postgres, &hasty()).unwrap();
}

#[test]
fn the_error_names_the_time_out() {
    let proxy = SilentProxy::new(&server_url());
    proxy.silence_after(1);
    let url = proxy.url().to_owned();
    let opened = within(LIMIT * 2, "opening", move || {
        pool::postgres_with(url, PoolDriver::Postgres, &hasty()).map(drop)
    });
    let error = opened.unwrap_err();
    assert!(
        matches!(error, pool::PoolError::Unreachable { .. }),
        "{error:?}"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("timeout expired"), "{cause}");
}

/// r2d2 connects with a few threads, which must not wait for ever.
#[test]
fn a_pool_recovers_when_its_server_does() {
    for ready in READY {
        let proxy = SilentProxy::new(&server_url());
        let pool = pool::postgres_with(proxy.url(), PoolDriver::Postgres, &hasty()).unwrap();
        proxy.silence_after(ready);
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| pool.get().map(drop).unwrap_err());
            }
        });
        assert!(proxy.silent() > 0);
        proxy.heal();
        let end = Instant::now() + LIMIT * 2 + Duration::from_secs(10);
        let mut held = Vec::new();
        while held.len() < pool.max_size() as usize {
            match pool.get() {
                Ok(conn) => held.push(conn),
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
        }
        for conn in &mut held {
            conn.batch_execute("SELECT 1").unwrap();
        }
        proxy.wait_until_closed(LIMIT * 4);
    }
}

#[test]
fn nothing_is_left_of_silent_connections() {
    let worker = env!("CARGO_BIN_EXE_worker");
    let left = within(Duration::from_secs(60), "the worker", move || {
        workers::run(worker, &server_url(), 1, |_| "silent-connects")
    });
    assert_eq!(left, ["0 0"]);
}

/// In a process of its own, as the number is that of the whole process.
#[test]
fn attempts_that_nothing_ends_are_abandoned_and_only_a_few_are() {
    let server = encrypted_server();
    let worker = env!("CARGO_BIN_EXE_worker");
    let errors = within(Duration::from_secs(60), "the worker", move || {
        workers::run(worker, &server.url(), 1, |_| "unending-connects")
    });
    let mut lines = errors[0].lines();
    for _ in 0..8 {
        let error = lines.next().unwrap();
        assert!(error.contains("connecting does not end"), "{error}");
    }
    let error = lines.next().unwrap();
    assert!(error.contains("8 earlier attempts to connect"), "{error}");
    assert_eq!(lines.next(), Some("connected"));
}

#[test]
fn the_doctor_ends_in_time() {
    let proxy = SilentProxy::new(&server_url());
    for ready in [1, 2] {
        proxy.silence_after(ready);
        let url = format!("{}&connect_timeout=3", proxy.url());
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_covara-command"))
            .args(["doctor", "--database-url", &url])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + LIMIT * 2 + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = doctor.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                doctor.kill().unwrap();
                doctor.wait().unwrap();
                panic!("the doctor waits for ReadyForQuery {}", ready + 1);
            }
            thread::sleep(Duration::from_millis(20));
        };
        assert!(!status.success());
    }
}
