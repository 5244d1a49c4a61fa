//! One substream with a peer, cut into frames.
//!
//! A frame is its length as four bytes, most significant first, and that many bytes. The length is checked before
//! anything is allocated, and memory grows only with what has arrived.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};

use super::address::PeerKey;
use super::error::Error;
use super::peer::{Cut, Peer, lock};

/// Longest frame, either way: two sealed parcels of 64 KiB with room for what surrounds them.
pub const FRAME_LIMIT: usize = 160 * 1024;

/// What is read and written at a time; the most that is allocated ahead of what has arrived.
const CHUNK: usize = 16 * 1024;

/// How slowly a peer may go before it is given up: a stalled one must not hold an exchange for ever, and a bureau on
/// a slow satellite link must still get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Longest time without any progress, and what every frame may take on top of its length.
    pub base: Duration,
    /// Slowest acceptable speed of a frame under way.
    pub bytes_per_s: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { base: Duration::from_secs(15), bytes_per_s: 1024 }
    }
}

impl Pace {
    /// Longest time for a frame of `bytes`.
    fn time_for(&self, bytes: usize) -> Duration {
        self.base + Duration::from_secs_f64(bytes as f64 / f64::from(self.bytes_per_s.max(1)))
    }
}

/// A conversation with one peer. Both sides may send at any time; usually one asks and the other answers.
///
/// An exchange fails for good with its first error, except for [`Error::FrameTooLarge`] on sending. A peer that
/// is removed from the allowed ones ends its exchanges at once, also while a call waits.
#[derive(Debug)]
pub struct Exchange {
    stream: Stream,
    peer: Arc<Peer>,
    pace: Pace,
    cut: watch::Receiver<Option<Cut>>,
    arriving: Arriving,
    broken: bool,
    _place: OwnedSemaphorePermit,
}

/// What has arrived of the next frame; kept here so that [`Exchange::recv`] may be dropped half way.
#[derive(Debug, Default)]
struct Arriving {
    header: [u8; 4],
    header_bytes: usize,
    frame: Vec<u8>,
}

impl Exchange {
    pub(super) fn new(stream: Stream, peer: Arc<Peer>, place: OwnedSemaphorePermit, pace: Pace) -> Self {
        let cut = peer.cut_signal();
        Self { stream, peer, pace, cut, arriving: Arriving::default(), broken: false, _place: place }
    }

    /// The peer at the other end, as the handshake proved it.
    pub fn peer(&self) -> PeerKey {
        self.peer.key
    }

    /// Sends one frame. It has left this node's buffers for the connection when this returns.
    ///
    /// A call that is dropped before it returns leaves half a frame behind: the exchange is broken then.
    ///
    /// # Errors
    /// The frame is too long, the peer takes it too slowly, or the exchange is over.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        let length = match u32::try_from(frame.len()) {
            Ok(length) if frame.len() <= FRAME_LIMIT => length,
            _ => return Err(self.too_large(frame.len() as u64)),
        };
        self.check_usable()?;
        let total = Instant::now() + self.pace.time_for(frame.len());
        let (first, rest) = frame.split_at(frame.len().min(CHUNK));
        // Length and beginning leave together: a small frame is one packet.
        let first = [&length.to_be_bytes(), first].concat();
        self.broken = true;
        for chunk in std::iter::once(first.as_slice()).chain(rest.chunks(CHUNK)) {
            let (by, after) = self.deadline(total);
            guarded(&mut self.cut, &self.peer, "take a frame", by, after, self.stream.write_all(chunk)).await?;
            self.peer.bytes_out.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        let (by, after) = self.deadline(total);
        guarded(&mut self.cut, &self.peer, "take a frame", by, after, self.stream.flush()).await?;
        self.broken = false;
        Ok(())
    }

    /// Receives the next frame; `None` when nothing more comes. May be dropped and called again.
    ///
    /// Whether a conversation is complete is for the messages to say: over TCP an exchange that the peer dropped
    /// between two frames ends like one that it finished.
    ///
    /// # Errors
    /// The peer sends nothing, or too slowly, or a frame that is too long or ends too early; or the exchange is over.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.recv_within(self.pace.base).await
    }

    /// Like [`Exchange::recv`], waiting up to `idle` for the frame to begin.
    ///
    /// # Errors
    /// As for [`Exchange::recv`].
    pub async fn recv_within(&mut self, idle: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.check_usable()?;
        let received = self.recv_frame(idle).await;
        self.broken = received.is_err();
        received
    }

    /// How long an answer may take to begin while so many bytes are still on their way to the peer.
    pub fn patience(&self, bytes: usize) -> Duration {
        self.pace.time_for(bytes)
    }

    /// Tells the peer that nothing more will be sent: after the frames sent so far its `recv` gives `None`.
    ///
    /// An exchange that is dropped without this may take its last frames with it.
    ///
    /// # Errors
    /// The peer does not take what is left, or the exchange is over.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.check_usable()?;
        let (by, after) = self.deadline(Instant::now() + self.pace.base);
        guarded(&mut self.cut, &self.peer, "take the end of an exchange", by, after, self.stream.close()).await
    }

    async fn recv_frame(&mut self, idle: Duration) -> Result<Option<Vec<u8>>, Error> {
        let begin = Instant::now() + idle;
        while self.arriving.header_bytes < self.arriving.header.len() {
            let (by, after) = match self.arriving.header_bytes {
                0 => (begin, idle),
                _ => self.deadline(begin.max(Instant::now() + self.pace.base)),
            };
            let space = self.arriving.header.get_mut(self.arriving.header_bytes..).unwrap_or_default();
            let read = self.stream.read(space);
            match guarded(&mut self.cut, &self.peer, "send a frame", by, after, read).await? {
                0 if self.arriving.header_bytes == 0 => return Ok(None),
                0 => return Err(Error::Truncated { peer: self.peer.key }),
                bytes => self.arriving.header_bytes += bytes,
            }
        }
        let length = u32::from_be_bytes(self.arriving.header);
        match usize::try_from(length) {
            Ok(bytes) if bytes <= FRAME_LIMIT => self.recv_body(bytes).await?,
            _ => return Err(self.too_large(u64::from(length))),
        }
        let wait = lock(&self.peer.quota).take(std::time::Instant::now());
        if !wait.is_zero() {
            // Back-pressure instead of an error: a peer that asks faster than its share only waits longer.
            tokio::time::sleep(wait).await;
        }
        let arrived = std::mem::take(&mut self.arriving);
        self.peer.bytes_in.fetch_add((arrived.header.len() + arrived.frame.len()) as u64, Ordering::Relaxed);
        Ok(Some(arrived.frame))
    }

    async fn recv_body(&mut self, length: usize) -> Result<(), Error> {
        let total = Instant::now() + self.pace.time_for(length);
        let mut chunk = [0; CHUNK];
        while self.arriving.frame.len() < length {
            let (by, after) = self.deadline(total);
            let space = chunk.get_mut(..CHUNK.min(length - self.arriving.frame.len())).unwrap_or_default();
            let read = self.stream.read(space);
            let bytes = guarded(&mut self.cut, &self.peer, "send a whole frame", by, after, read).await?;
            if bytes == 0 {
                return Err(Error::Truncated { peer: self.peer.key });
            }
            self.arriving.frame.extend_from_slice(chunk.get(..bytes).unwrap_or_default());
        }
        Ok(())
    }

    /// When the next step must be done, and how long that is from now.
    fn deadline(&self, total: Instant) -> (Instant, Duration) {
        let now = Instant::now();
        let by = total.min(now + self.pace.base);
        (by, by.saturating_duration_since(now))
    }

    fn check_usable(&self) -> Result<(), Error> {
        if let Some(cut) = self.peer.cut() {
            return Err(cut.error(self.peer.key));
        }
        if self.broken {
            return Err(Error::Closed { peer: self.peer.key, cause: "it failed before".into() });
        }
        Ok(())
    }

    fn too_large(&self, bytes: u64) -> Error {
        Error::FrameTooLarge { peer: self.peer.key, bytes, limit: FRAME_LIMIT }
    }
}

/// Runs `step` until it is done, the deadline passes, or the peer is cut.
async fn guarded<T>(
    cut: &mut watch::Receiver<Option<Cut>>,
    peer: &Peer,
    doing: &'static str,
    by: Instant,
    after: Duration,
    step: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Error> {
    let peer = peer.key;
    tokio::select! {
        biased;
        // It only ends with the peer, which the exchange holds.
        cut = cut.wait_for(Option::is_some) => Err(cut.ok().and_then(|cut| *cut).unwrap_or(Cut::Removed).error(peer)),
        done = timeout_at(by, step) => match done {
            Ok(done) => done.map_err(|error| closed(peer, &error)),
            Err(_) => Err(Error::Deadline { peer, doing, after }),
        },
    }
}

/// The error for a stream that failed. The protocol is negotiated with the first frame, so it may fail there too.
fn closed(peer: PeerKey, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::Closed { peer, cause: "the peer ended it".into() },
        _ if error.to_string().contains("negotiation failed") => Error::Unsupported { peer },
        _ => Error::Closed { peer, cause: error.to_string() },
    }
}
