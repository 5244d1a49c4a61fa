//! A relay of datagrams between one bureau and another, which counts them.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Datagrams further apart than this belong to different exchanges.
const PAUSE: Duration = Duration::from_millis(300);

/// How long a thread waits for a datagram before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Longer than any datagram.
const LONGEST: usize = 65_536;

/// Datagrams that came close together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    /// Bytes in them, both ways.
    pub(super) bytes: usize,
    /// How many, both ways.
    pub(super) datagrams: usize,
    last: Instant,
}

/// What both directions share.
#[derive(Debug)]
struct Shared {
    /// What faces the bureau that calls.
    front: UdpSocket,
    /// What faces the one that is called.
    back: UdpSocket,
    /// Where calls come from.
    caller: Mutex<Option<SocketAddr>>,
    bursts: Mutex<Vec<Burst>>,
    stop: AtomicBool,
}

/// A relay that runs.
pub(super) struct Relay {
    /// Where it is called.
    pub(super) port: u16,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Relays to the bureau that listens on `port`.
    pub(super) fn start(port: u16) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.set_read_timeout(Some(LOOK)).expect("its patience");
            socket
        };
        let (front, back) = (socket(), socket());
        back.connect(("127.0.0.1", port)).expect("the other side");
        let at = front.local_addr().expect("an address").port();
        let shared =
            Shared { front, back, caller: Mutex::default(), bursts: Mutex::default(), stop: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let (there, back) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![std::thread::spawn(move || there.there()), std::thread::spawn(move || back.back())];
        Self { port: at, shared, threads }
    }

    /// The bursts that have ended since the last call.
    pub(super) fn bursts(&self) -> Vec<Burst> {
        let mut bursts = self.shared.bursts.lock().expect("the bursts");
        let going_on = bursts.last().is_some_and(|last| last.last.elapsed() < PAUSE);
        let ended = bursts.len() - usize::from(going_on);
        bursts.drain(..ended).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread");
        }
    }
}

impl Shared {
    fn there(&self) {
        let mut datagram = vec![0; LONGEST];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((bytes, from)) = self.front.recv_from(&mut datagram) else { continue };
            *self.caller.lock().expect("the caller") = Some(from);
            self.count(bytes);
            // What is lost is sent again.
            let _ = self.back.send(&datagram[..bytes]);
        }
    }

    fn back(&self) {
        let mut datagram = vec![0; LONGEST];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(bytes) = self.back.recv(&mut datagram) else { continue };
            let Some(to) = *self.caller.lock().expect("the caller") else { continue };
            self.count(bytes);
            let _ = self.front.send_to(&datagram[..bytes], to);
        }
    }

    fn count(&self, bytes: usize) {
        let now = Instant::now();
        let mut bursts = self.bursts.lock().expect("the bursts");
        match bursts.last_mut().filter(|last| now.duration_since(last.last) < PAUSE) {
            Some(last) => *last = Burst { bytes: last.bytes + bytes, datagrams: last.datagrams + 1, last: now },
            None => bursts.push(Burst { bytes, datagrams: 1, last: now }),
        }
    }
}
