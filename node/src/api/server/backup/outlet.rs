//! Where the bytes of an archive leave: in pieces, as fast as the caller takes them.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::App;
use crate::backup::Error;

/// Bytes of a piece.
const PIECE: usize = 256 << 10;

/// How long a caller may take nothing: meanwhile files stay on the disk that should be gone.
const PATIENCE: Duration = Duration::from_secs(600);

/// Bytes in a second that a caller takes at least, for the same reason.
const SLOWEST: u64 = 64 << 10;

/// The writing end of an answer.
pub(super) struct Outlet {
    app: App,
    runtime: Handle,
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    bytes: u64,
    begun: Instant,
}

impl Outlet {
    pub(super) fn new(app: &App, runtime: Handle, to: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { app: app.clone(), runtime, to, piece: Vec::with_capacity(PIECE), bytes: 0, begun: Instant::now() }
    }

    /// How many bytes went through it.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sends what is left: the answer has its end.
    pub(super) fn end(mut self) {
        // Whoever went away will not say that it is stored.
        let _ = self.send();
    }

    /// Cuts the answer off, once the caller takes what waits for it: nothing else waits for that.
    pub(super) fn fail(self, error: &Error) {
        let (to, cut) = (self.to, io::Error::other(error.to_string()));
        self.runtime.spawn(async move {
            // Whoever went away knows.
            let _ = to.send(Err(cut)).await;
        });
    }

    fn send(&mut self) -> io::Result<()> {
        if self.app.is_stopping() {
            return Err(io::Error::other("the node stops"));
        }
        let slowest = PATIENCE + Duration::from_secs(self.bytes / SLOWEST);
        if self.begun.elapsed() > slowest {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the caller takes less than 64 KiB a second"));
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        if piece.is_empty() {
            return Ok(());
        }
        let sent = self.runtime.block_on(tokio::time::timeout(PATIENCE, self.to.send(Ok(piece.into()))));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the caller went away")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the caller took nothing for ten minutes")),
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE.saturating_sub(self.piece.len()).max(1);
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.piece.extend_from_slice(taken);
        self.bytes += taken.len() as u64;
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(taken.len())
    }

    /// Pieces are sent whole; the last one by [`Outlet::end`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
