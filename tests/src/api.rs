//! A daemon's API without a command line in between: a call costs no process, and what an import acknowledges is heard
//! as it happens.
//!
//! HTTP/1.0 by hand over the Unix socket: the answer ends where the connection does, so that one that is cut off is
//! seen to be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::wait::PATIENCE;

/// A daemon behind its socket.
#[derive(Debug, Clone)]
pub struct Api {
    socket: PathBuf,
}

/// What a daemon answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The data or the problem.
    pub body: Value,
}

impl Answer {
    /// The data.
    ///
    /// # Panics
    /// Where it is a problem.
    pub fn data(self) -> Value {
        assert!(self.status < 300, "{}: {}", self.status, self.body);
        self.body
    }
}

impl Api {
    /// The daemon whose socket is at `socket`.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// Where there is no daemon, or it goes away before its answer is whole.
    pub fn get(&self, call: &str) -> io::Result<Answer> {
        let (status, mut answer) = self.send("GET", call, &[])?;
        whole(status, &mut answer)
    }

    /// Has something done.
    ///
    /// # Errors
    /// Where there is no daemon, or it goes away before its answer is whole.
    pub fn post(&self, call: &str, body: &Value) -> io::Result<Answer> {
        let (status, mut answer) = self.send("POST", call, body.to_string().as_bytes())?;
        whole(status, &mut answer)
    }

    /// Imports `table` by `mapping` and hands each event of the answer to `each`.
    ///
    /// # Errors
    /// Where there is no daemon, it refuses, or it goes away before its report.
    pub fn import(&self, mapping: &str, table: &str, mut each: impl FnMut(&Value)) -> io::Result<Value> {
        let files = json!([{ "name": "table.csv" }]);
        let head = json!({ "mapping_file": "mapping.toml", "mapping": mapping, "files": files });
        let (status, mut answer) = self.send("POST", "/v1/import", format!("{head}\n{table}").as_bytes())?;
        if status >= 300 {
            return Err(io::Error::other(whole(status, &mut answer)?.body.to_string()));
        }
        let mut line = String::new();
        loop {
            line.clear();
            answer.read_line(&mut line)?;
            let event: Value = serde_json::from_str(&line)?;
            if let Some(report) = event.get("report") {
                return Ok(report.clone());
            }
            if let Some(problem) = event.get("problem") {
                return Err(io::Error::other(problem.to_string()));
            }
            each(&event);
        }
    }

    /// Sends a request; gives the status and what follows the head of the answer.
    fn send(&self, method: &str, call: &str, body: &[u8]) -> io::Result<(u16, BufReader<UnixStream>)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "{method} {call} HTTP/1.0\r\nHost: igain\r\nContent-Length: {}\r\n\r\n", body.len())?;
        stream.write_all(body)?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        while line != "\r\n" {
            line.clear();
            if answer.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((status, answer))
    }
}

fn whole(status: u16, answer: &mut impl Read) -> io::Result<Answer> {
    let mut body = Vec::new();
    answer.read_to_end(&mut body)?;
    Ok(Answer { status, body: serde_json::from_slice(&body)? })
}
