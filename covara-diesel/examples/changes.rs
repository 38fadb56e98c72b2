//! Sends the changes of a table to browsers, as server-sent events, from blocking threads.
//!
//! ```text
//! cargo run --example changes --features changes -- app.db 127.0.0.1:8080
//! curl -N http://127.0.0.1:8080/
//! sqlite3 app.db "INSERT INTO todos (title) VALUES ('bread')"
//! ```
//!
//! The id of an event is the number of its change. A browser that has lost the connection sends the
//! last one back, and gets what came since. If that was removed from the log, or the log has not come
//! as far as the browser, as after a restore, it gets the event `reload`, to read all rows again.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use covara_diesel::changes::{Capture, ChangeError, ChangeLog};
use covara_diesel::{AnyPool, open, with_typed};
use diesel::connection::SimpleConnection;
use schema::todos;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

mod schema {
    diesel::table! {
        todos (id) {
            id -> BigInt,
            title -> Text,
        }
    }
}

/// How often the log is looked at, and a browser is told that the server is alive.
const PAUSE: Duration = Duration::from_millis(250);
const ALIVE: u32 = 60;

fn log() -> ChangeLog {
    ChangeLog::new().table::<todos::table>(Capture::Rows)
}

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "app.db".to_owned());
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let pool = open(url)?;
    let mut conn = pool.get()?;
    with_typed!(&mut conn, |conn| conn.batch_execute(
        "CREATE TABLE IF NOT EXISTS todos (id INTEGER PRIMARY KEY, title TEXT NOT NULL)"
    ))?;
    log().install(&mut conn)?;
    drop(conn);
    let listener = TcpListener::bind(address)?;
    println!("http://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, pool) = (stream?, pool.clone());
        thread::spawn(move || {
            if let Err(error) = serve(stream, &pool) {
                eprintln!("a connection ended: {error}");
            }
        });
    }
    Ok(())
}

/// Answers a request with events, until the browser goes away.
fn serve(mut stream: TcpStream, pool: &AnyPool) -> Outcome {
    let mut position = last_event(&stream)?;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n",
    )?;
    let mut idle = 0;
    loop {
        let log = log();
        // The connection is given back before the pause.
        let read = {
            let mut conn = pool.get()?;
            let from = match position {
                Some(position) => position,
                // Who is new has read the rows, and wants what comes.
                None => log.last(&mut conn)?,
            };
            position = Some(from);
            log.after(&mut conn, from, 100)
        };
        match read {
            Ok(changes) if changes.is_empty() => {
                idle += 1;
                if idle % ALIVE == 0 {
                    stream.write_all(b":\n\n")?;
                }
                thread::sleep(PAUSE);
            }
            Ok(changes) => {
                for change in changes {
                    let data = serde_json::to_string(&change)?;
                    write!(stream, "id: {}\ndata: {data}\n\n", change.number)?;
                    position = Some(change.number);
                }
            }
            Err(ChangeError::Gap { floor: last, .. } | ChangeError::Ahead { last, .. }) => {
                write!(stream, "id: {last}\nevent: reload\ndata:\n\n")?;
                position = Some(last);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads a request, and returns the number of the last change that the browser has.
fn last_event(stream: &TcpStream) -> Outcome<Option<i64>> {
    let mut last = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("last-event-id")
        {
            last = value.trim().parse().ok();
        }
    }
    Ok(last)
}
