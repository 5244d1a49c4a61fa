//! Connections of TCP over a link.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Way;
use super::link::Link;

/// What is carried at a time: what a frame of Ethernet holds.
pub(super) const SEGMENT: usize = 1_448;

/// Segments of one connection that may be under way in one direction; its sender waits then. 370 KiB: more than any
/// profile's rate and delay need.
const UNDER_WAY: usize = 256;

/// Connections at a time; others are ended at once.
const CONNECTIONS: usize = 256;

/// How long a listener rests that could not accept.
const REST: Duration = Duration::from_millis(10);

/// A segment, and when it arrives.
type Segment = (Instant, Vec<u8>);

/// One direction of one connection.
struct Lane<'a> {
    way: Way,
    link: &'a Link,
    /// How often the link had been cut when the connection was made.
    cuts: u64,
}

/// Carries all connections, for as long as it is awaited.
pub(super) async fn carry_all(listener: TcpListener, to: SocketAddr, link: &Arc<Link>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(_) if link.condition().cut || connections.len() >= CONNECTIONS => {}
                Ok((caller, _)) => {
                    connections.spawn(carry(caller, to, Arc::clone(link)));
                }
                Err(_) => sleep(REST).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection to its end.
async fn carry(caller: TcpStream, to: SocketAddr, link: Arc<Link>) -> io::Result<()> {
    let cuts = link.condition().cuts;
    let called = TcpStream::connect(to).await?;
    caller.set_nodelay(true)?;
    called.set_nodelay(true)?;
    let ((from_caller, to_caller), (from_called, to_called)) = (caller.into_split(), called.into_split());
    let lane = |way| Lane { way, link: &link, cuts };
    let (there, back) = (lane(Way::There), lane(Way::Back));
    tokio::select! {
        () = link.broken(cuts) => Ok(()),
        ended = async { tokio::try_join!(there.carry(from_caller, to_called), back.carry(from_called, to_caller)) } => {
            ended.map(|_| ())
        }
    }
}

impl Lane<'_> {
    async fn carry(&self, from: OwnedReadHalf, to: OwnedWriteHalf) -> io::Result<()> {
        let (sender, receiver) = channel(UNDER_WAY);
        tokio::try_join!(self.take(from, sender), self.give(to, receiver)).map(|_| ())
    }

    /// Takes what is sent, as fast as the link does.
    async fn take(&self, mut from: OwnedReadHalf, sender: Sender<Segment>) -> io::Result<()> {
        let mut segment = vec![0; SEGMENT];
        loop {
            sleep_until(self.link.room(self.way, SEGMENT)).await;
            let bytes = from.read(&mut segment).await?;
            if bytes == 0 {
                return Ok(());
            }
            let at = self.link.segment(self.way, bytes);
            if sender.send((at, segment[..bytes].to_vec())).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Hands on what arrives.
    async fn give(&self, mut to: OwnedWriteHalf, mut receiver: Receiver<Segment>) -> io::Result<()> {
        while let Some((at, segment)) = receiver.recv().await {
            sleep_until(at).await;
            self.link.passable(self.way).await;
            self.unbroken()?;
            to.write_all(&segment).await?;
            self.link.delivered(self.way, segment.len());
        }
        to.shutdown().await
    }

    /// Nothing passes any more once the link was cut.
    fn unbroken(&self) -> io::Result<()> {
        if self.link.condition().cuts == self.cuts { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}
