//! A link between two bureaus on this machine that is as slow, far, lossy or broken as a test wants it: a relay in user
//! space for UDP (QUIC) and TCP, on loopback addresses only.
//!
//! Each direction is one transmitter with a queue before it and a distance behind it, and all connections share it. What
//! is lost, doubled or held back is drawn from the seed for one datagram after the other, so one seed decides the same
//! again however fast the machine is. TCP ends at the relay on both sides: what is lost there arrives late, as after it
//! is sent again, and nothing is doubled or overtaken.
//!
//! Everything can be changed while it runs, and it ends with its handle.

mod datagrams;
mod link;
mod path;
mod profile;
mod streams;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

use self::link::Link;
pub use self::profile::Profile;

/// A direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From who calls to who is called.
    There,
    /// From who is called to who calls.
    Back,
}

/// Both directions.
pub const WAYS: [Way; 2] = [Way::There, Way::Back];

/// What passed in one direction, and what did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams and segments of TCP that were handed over to the link.
    pub offered: u64,
    /// Bytes that were handed to the other end.
    pub bytes: u64,
    /// Datagrams and segments of TCP that were.
    pub delivered: u64,
    /// Datagrams that were lost by the draw.
    pub lost: u64,
    /// Datagrams that found no room in the queue.
    pub overflowed: u64,
    /// Datagrams that were lost to a cut or a stall.
    pub cut_off: u64,
    /// Datagrams that were sent twice.
    pub doubled: u64,
    /// Datagrams that were held back.
    pub held_back: u64,
    /// Segments of TCP that were lost by the draw and arrived late.
    pub late: u64,
}

/// When a planned cut comes, reckoned from the end of the one before it, or from when it was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After so long.
    After(Duration),
    /// Once so many bytes were handed over in a direction.
    Passed(Way, u64),
}

/// A cut that is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// When it comes.
    pub when: When,
    /// How long it lasts. With no time at all, what is under way is lost and connections end, and others can be made.
    pub lasts: Duration,
}

/// A link between whoever calls its port and one bureau.
pub struct Emulator {
    port: u16,
    link: Arc<Link>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// A link to the bureau that listens on `port` of this machine, over UDP, TCP or both.
    ///
    /// # Panics
    /// Where there are no sockets for it.
    pub fn start(port: u16, profile: Profile, seed: u64) -> Self {
        let link = Arc::new(Link::new(profile, seed));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let running = Arc::clone(&link);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (front, listener) = sockets().await;
                tell.send(listener.local_addr().expect("an address").port()).expect("who started it");
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                tokio::select! {
                    _ = stopped => {}
                    () = running.keep() => {}
                    () = datagrams::carry_all(front, to, &running) => {}
                    () = streams::carry_all(listener, to, &running) => {}
                }
            });
        });
        let port = told.recv().expect("a port");
        Self { port, link, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is called, over UDP and TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address for a card or a configuration that leads over it by QUIC.
    pub fn quic(&self) -> String {
        format!("/ip4/127.0.0.1/udp/{}/quic-v1", self.port)
    }

    /// The address for a card or a configuration that leads over it by TCP.
    pub fn tcp(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// Makes it another link in these directions. What is under way arrives as it would have.
    pub fn set(&self, ways: &[Way], profile: Profile) {
        ways.iter().for_each(|way| self.link.set(*way, profile));
    }

    /// Cuts it until it is mended: connections end, no more are taken, and datagrams are lost.
    pub fn cut(&self) {
        self.link.cut(None);
    }

    /// Cuts it for a moment: connections end and what is under way is lost, and others can be made at once.
    pub fn break_off(&self) {
        self.link.cut(Some(Duration::ZERO));
    }

    /// Lets nothing pass in these directions until it is mended: datagrams are lost, and TCP waits.
    pub fn stall(&self, ways: &[Way]) {
        self.link.stall(ways);
    }

    /// Ends what [`Emulator::cut`] and [`Emulator::stall`] began, and a planned cut that lasts.
    pub fn mend(&self) {
        self.link.mend();
    }

    /// Plans cuts, one after the other, behind those that are planned already.
    pub fn plan(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.link.plan(cuts);
    }

    /// Has something done at each cut, before anything else passes.
    pub fn at_cut(&self, done: impl FnMut() + Send + 'static) {
        self.link.at_cut(Some(Box::new(done)));
    }

    /// What passed in a direction so far.
    pub fn counts(&self, way: Way) -> Counts {
        self.link.counts(way)
    }

    /// How often it was cut, by hand and as planned.
    pub fn cuts(&self) -> u64 {
        self.link.condition().cuts
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A relay that failed has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A port of this machine for both UDP and TCP.
async fn sockets() -> (UdpSocket, TcpListener) {
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        if let Ok(listener) = TcpListener::bind(front.local_addr().expect("an address")).await {
            return (front, listener);
        }
    }
    panic!("no port is free for both UDP and TCP");
}
