//! Just enough HTTP/1.1 to stand between a client and a server, and to be either.

use std::io::{self, BufRead, Read, Write};

/// A request or an answer, with its body as it was before any transfer encoding.
#[derive(Debug, Clone)]
pub struct Message {
    /// `POST /path HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub start: String,
    /// Without those that say how long the body is.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    /// A request that carries JSON.
    pub fn post(path: &str, token: Option<&str>, body: &str) -> Self {
        let mut headers = vec![
            ("Host".to_owned(), "localhost".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        if let Some(token) = token {
            headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
        }
        Self {
            start: format!("POST {path} HTTP/1.1"),
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    /// Reads the next message; none when the other side has closed the connection.
    ///
    /// # Errors
    ///
    /// What is not HTTP is [`io::ErrorKind::InvalidData`].
    pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let start = line(stream)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        let mut length = 0;
        let mut chunked = false;
        loop {
            let header = line(stream)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').ok_or_else(invalid)?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(|_| invalid())?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = true;
            } else {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        let body = if chunked {
            chunks(stream)?
        } else {
            exactly(stream, length)?
        };
        Ok(Some(Self {
            start,
            headers,
            body,
        }))
    }

    pub fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        stream.write_all(&self.head())?;
        stream.write_all(&self.body)?;
        stream.flush()
    }

    /// Everything before the body.
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        head.into_bytes()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Of an answer.
    pub fn status(&self) -> u16 {
        let number = self.start.split(' ').nth(1).unwrap_or_default();
        number.parse().expect("an answer")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn exactly(stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid())?;
        body.extend(exactly(stream, size)?);
        line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn invalid() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
