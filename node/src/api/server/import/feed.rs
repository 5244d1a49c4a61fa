//! The body of a request as something that a thread reads from.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::http::StatusCode;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use crate::api::Problem;

type Piece = Result<Bytes, String>;

/// Passes on the body, piece by piece, as fast as it is read.
pub(super) async fn pump(mut body: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin, to: mpsc::Sender<Piece>) {
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| error.to_string());
        let cut_off = piece.is_err();
        if to.send(piece).await.is_err() || cut_off {
            return;
        }
    }
}

/// What is read of a body.
#[derive(Debug)]
pub(super) struct Feed {
    from: mpsc::Receiver<Piece>,
    piece: Bytes,
    read: Arc<AtomicU64>,
    broken: Option<String>,
}

impl Feed {
    pub(super) fn new(from: mpsc::Receiver<Piece>) -> Self {
        Self { from, piece: Bytes::new(), read: Arc::default(), broken: None }
    }

    /// Counts the bytes read.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// Counts from here on.
    pub(super) fn restart_counter(&self) {
        self.read.store(0, Ordering::Relaxed);
    }

    /// The problem to tell where the caller went away before the end.
    pub(super) fn cut_off(&self) -> Option<Problem> {
        let detail = |why: &String| format!("the file was cut off on its way: {why}. Import it again");
        self.broken.as_ref().map(|why| Problem::new(StatusCode::BAD_REQUEST, "import.cut-off", detail(why)))
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match self.from.blocking_recv() {
                None => break,
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(why)) => {
                    self.broken = Some(why.clone());
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
                }
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.piece.len());
        drop(self.piece.split_to(bytes));
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let count = piece.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_as_one_file_and_counted() {
        let (to, from) = mpsc::channel(4);
        for piece in ["one", "", ",two\nthr", "ee"] {
            to.blocking_send(Ok(Bytes::from_static(piece.as_bytes()))).unwrap();
        }
        drop(to);
        let mut feed = Feed::new(from);
        let counter = feed.counter();
        let mut text = String::new();
        feed.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one,two\nthree");
        assert_eq!(counter.load(Ordering::Relaxed), 13);
        assert!(feed.cut_off().is_none());
    }

    #[test]
    fn a_caller_that_goes_away_is_an_error_and_not_an_end() {
        let (to, from) = mpsc::channel(4);
        to.blocking_send(Ok(Bytes::from_static(b"one"))).unwrap();
        to.blocking_send(Err("reset".into())).unwrap();
        let mut feed = Feed::new(from);
        assert!(feed.read_to_end(&mut Vec::new()).is_err());
        assert_eq!(feed.cut_off().unwrap().code, "import.cut-off");
    }
}
