//! Asking a daemon.

use std::io;
use std::path::{Path, PathBuf};

use axum::http::{Method, Request, Response, StatusCode, header};
use futures::TryStreamExt as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::Problem;

/// Bytes of an answer that are taken: a full page of the longest records.
const ANSWER_LIMIT: usize = 256 << 20;

/// Bytes of one line of an answer of lines: a rejected row and its reason.
const LINE_LIMIT: usize = 1 << 20;

/// Why a daemon gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there.
    #[error("no daemon answers on `{}`: {cause}. Start it with `igain run`, or name its socket with --socket", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// The socket is closed to this user.
    #[error("you may not open `{}`. Ask the administrator of the node to put you into the group of `api_group`", .0.display())]
    Closed(PathBuf),
    /// The daemon refuses.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// The daemon went away in the middle.
    #[error("the daemon ended the connection: {0}. See its log, then try again")]
    CutOff(String),
    /// The answer is not what it must be.
    #[error("the daemon's answer cannot be read: {0}. See that `igain` and its daemon are of one version")]
    Unreadable(String),
    /// What was to be sent cannot be read.
    #[error("cannot read what was to be sent: {0}")]
    Source(io::Error),
}

/// A body that is sent as it is read.
pub type Sent = BoxBody<Bytes, io::Error>;

/// A daemon behind its socket.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// The daemon whose socket is at `path`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// Where there is no answer, or it is a problem.
    pub async fn get<T: DeserializeOwned>(&self, call: &str) -> Result<T, Error> {
        self.call(Method::GET, call, Bytes::new()).await
    }

    /// Has something done.
    ///
    /// # Errors
    /// Where there is no answer, or it is a problem.
    pub async fn post<T: DeserializeOwned>(&self, call: &str, what: &impl Serialize) -> Result<T, Error> {
        let body = serde_json::to_vec(what).map_err(|error| Error::Unreadable(error.to_string()))?;
        self.call(Method::POST, call, body.into()).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, call: &str, body: Bytes) -> Result<T, Error> {
        let body = Full::new(body).map_err(|never| match never {}).boxed();
        let response = self.send(method, call, body).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| Error::CutOff(error.to_string()))?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Error::Unreadable(error.to_string()));
        }
        Err(problem(status, &body))
    }

    /// Has something done with a body of any length, and hands each line of the answer to `each` as it comes.
    ///
    /// # Errors
    /// Where there is no answer, it is a problem, or `each` fails.
    pub async fn stream<T: DeserializeOwned, E: From<Error>>(
        &self,
        call: &str,
        body: Sent,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let response = self.send(Method::POST, call, body).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut lines = Lines::default();
        while let Some(bytes) = frame(&mut body).await? {
            lines.push(&bytes)?;
            if status.is_success() {
                while let Some(line) = lines.next() {
                    each(serde_json::from_slice(&line).map_err(|error| Error::Unreadable(error.to_string()))?)?;
                }
            }
        }
        if status.is_success() { Ok(()) } else { Err(problem(status, &lines.rest).into()) }
    }

    /// Has something made whose answer is a line and then bytes of any number, which are taken as they come.
    ///
    /// # Errors
    /// Where there is no answer, or it is a problem.
    pub async fn receive<T: DeserializeOwned>(
        &self,
        call: &str,
        what: &impl Serialize,
    ) -> Result<(T, Receiving), Error> {
        let body = serde_json::to_vec(what).map_err(|error| Error::Unreadable(error.to_string()))?;
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
        let response = self.send(Method::POST, call, body).await?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let body = Limited::new(body, LINE_LIMIT).collect().await;
            let body = body.map_err(|error| Error::CutOff(error.to_string()))?.to_bytes();
            return Err(problem(status, &body));
        }
        let mut lines = Lines::default();
        loop {
            let bytes = frame(&mut body).await?.ok_or_else(|| Error::Unreadable("it has no first line".into()))?;
            lines.push(&bytes)?;
            if let Some(line) = lines.next() {
                let first = serde_json::from_slice(&line).map_err(|error| Error::Unreadable(error.to_string()))?;
                return Ok((first, Receiving { body, begun: lines.rest.into() }));
            }
        }
    }

    async fn send(&self, method: Method, call: &str, body: Sent) -> Result<Response<Incoming>, Error> {
        let unreachable = |cause: io::Error| match cause.kind() {
            io::ErrorKind::PermissionDenied => Error::Closed(self.path.clone()),
            _ => Error::Unreachable { path: self.path.clone(), cause },
        };
        let stream = UnixStream::connect(&self.path).await.map_err(unreachable)?;
        let cut_off = |error: hyper::Error| Error::CutOff(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(cut_off)?;
        // It ends with the answer; what goes wrong on it is seen there.
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(call).header(header::HOST, "igain").body(body);
        let request = request.map_err(|error| Error::Unreadable(error.to_string()))?;
        sender.send_request(request).await.map_err(cut_off)
    }
}

/// Bytes that come from a daemon.
#[derive(Debug)]
pub struct Receiving {
    body: Incoming,
    /// What came with the first line.
    begun: Bytes,
}

impl Receiving {
    /// The next of them; none at the end, which is told from a connection that broke.
    ///
    /// # Errors
    /// Where the answer was cut off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let begun = std::mem::take(&mut self.begun);
        if begun.is_empty() { frame(&mut self.body).await } else { Ok(Some(begun)) }
    }
}

/// A body of one piece followed by all that `rest` gives.
pub fn streamed(
    head: Vec<u8>,
    rest: impl futures::Stream<Item = Result<Bytes, io::Error>> + Send + Sync + 'static,
) -> Sent {
    let head = futures::stream::iter([Ok(Bytes::from(head))]);
    http_body_util::StreamBody::new(futures::StreamExt::chain(head, rest).map_ok(Frame::data)).boxed()
}

async fn frame<B: Body<Data = Bytes, Error = hyper::Error> + Unpin>(body: &mut B) -> Result<Option<Bytes>, Error> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(Error::CutOff(error.to_string())),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

fn problem(status: StatusCode, body: &[u8]) -> Error {
    match serde_json::from_slice(body) {
        Ok(problem) => Error::Refused(problem),
        Err(_) => {
            let start: String = String::from_utf8_lossy(body).chars().take(200).collect();
            Error::Unreadable(format!("{status} {start}"))
        }
    }
}

/// Lines out of pieces.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > LINE_LIMIT + bytes.len() {
            return Err(Error::Unreadable("a line has no end".into()));
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let after = self.rest.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.rest, after);
        line.pop();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_were_cut() {
        let mut lines = Lines::default();
        lines.push(b"{\"a\"").unwrap();
        assert_eq!(lines.next(), None);
        lines.push(b":1}\n{}\n{").unwrap();
        assert_eq!(lines.next().as_deref(), Some(b"{\"a\":1}".as_slice()));
        assert_eq!(lines.next().as_deref(), Some(b"{}".as_slice()));
        assert_eq!(lines.next(), None);
        assert_eq!(lines.rest, b"{");
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; LINE_LIMIT];
        lines.push(&piece).unwrap();
        lines.push(&piece).unwrap();
        assert!(lines.push(b"x").is_err());
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_what_to_do() {
        let client = Client::new(Path::new("/nonexistent/igain.sock"));
        let error = client.get::<serde_json::Value>("/v1/status").await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }));
        assert!(error.to_string().contains("igain run"), "{error}");
    }
}
