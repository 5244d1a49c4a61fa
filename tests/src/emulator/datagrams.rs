//! Datagrams over a link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, spawn};
use tokio::time::{Instant, sleep, sleep_until};

use super::Way;
use super::link::Link;

/// Datagrams that may be under way, both ways: 8 MiB of QUIC's, and more than any profile's rate and delay need.
pub(super) const UNDER_WAY: usize = 6_000;

/// Datagrams that were just handed over.
const POSTED: usize = 64;

/// Callers that are remembered; the one that came first gives way to another.
const CALLERS: usize = 64;

/// Longer than any datagram.
const LONGEST: usize = 65_536;

/// How long a socket rests that could not receive.
const REST: Duration = Duration::from_millis(10);

/// A caller, and the socket that stands for it towards the one that is called.
struct Route {
    caller: SocketAddr,
    back: UdpSocket,
}

/// A route, and the task that listens for what comes back; it ends with this.
struct Caller {
    route: Arc<Route>,
    listening: JoinHandle<()>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// A datagram that is under way.
struct Datagram {
    at: Instant,
    way: Way,
    /// How often the link had been cut when it was handed over.
    cuts: u64,
    route: Arc<Route>,
    bytes: Arc<[u8]>,
}

/// What hands datagrams over to a link.
#[derive(Clone)]
struct Post {
    link: Arc<Link>,
    sender: Sender<Datagram>,
}

/// Carries all datagrams, for as long as it is awaited.
pub(super) async fn carry_all(front: UdpSocket, to: SocketAddr, link: &Arc<Link>) {
    let (sender, receiver) = channel(POSTED);
    let post = Post { link: Arc::clone(link), sender };
    tokio::join!(call(&front, to, &post), deliver(&front, receiver, link));
}

/// Takes what callers send.
async fn call(front: &UdpSocket, to: SocketAddr, post: &Post) {
    let (mut callers, mut datagram) = (VecDeque::new(), vec![0; LONGEST]);
    loop {
        let Ok((bytes, from)) = front.recv_from(&mut datagram).await else {
            sleep(REST).await;
            continue;
        };
        let route = route(&mut callers, from, to, post).await;
        post.hand_over(Way::There, &route, &datagram[..bytes]).await;
    }
}

/// The route of a caller, made where it is new.
async fn route(callers: &mut VecDeque<Caller>, from: SocketAddr, to: SocketAddr, post: &Post) -> Arc<Route> {
    if let Some(known) = callers.iter().find(|caller| caller.route.caller == from) {
        return Arc::clone(&known.route);
    }
    let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    back.connect(to).await.expect("the one that is called");
    let route = Arc::new(Route { caller: from, back });
    let listening = spawn(answer(Arc::clone(&route), post.clone()));
    callers.truncate(CALLERS - 1);
    callers.push_front(Caller { route: Arc::clone(&route), listening });
    route
}

/// Takes what comes back for one caller.
async fn answer(route: Arc<Route>, post: Post) {
    let mut datagram = vec![0; LONGEST];
    loop {
        match route.back.recv(&mut datagram).await {
            Ok(bytes) => post.hand_over(Way::Back, &route, &datagram[..bytes]).await,
            // Nobody listens there, for now.
            Err(_) => sleep(REST).await,
        }
    }
}

impl Post {
    async fn hand_over(&self, way: Way, route: &Arc<Route>, bytes: &[u8]) {
        let cuts = self.link.condition().cuts;
        let arrivals = self.link.datagram(way, bytes.len());
        if arrivals == [None; 2] {
            return;
        }
        let bytes: Arc<[u8]> = bytes.into();
        for at in arrivals.into_iter().flatten() {
            let datagram = Datagram { at, way, cuts, route: Arc::clone(route), bytes: Arc::clone(&bytes) };
            // It is received as long as this task runs.
            let _ = self.sender.send(datagram).await;
        }
    }
}

/// Delivers each datagram at its time, in the order in which they were handed over where that is the same.
async fn deliver(front: &UdpSocket, mut receiver: Receiver<Datagram>, link: &Link) {
    let (mut under_way, mut order) = (BinaryHeap::<Reverse<Ordered>>::new(), 0_u64);
    loop {
        let next = under_way.peek().map(|Reverse(first)| first.0.at);
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {
                if let Some(Reverse(Ordered(datagram, _))) = under_way.pop() {
                    hand_on(front, &datagram, link).await;
                }
            }
            Some(datagram) = receiver.recv() => {
                order += 1;
                if under_way.len() < UNDER_WAY {
                    under_way.push(Reverse(Ordered(datagram, order)));
                } else {
                    link.count(datagram.way, |counts| counts.overflowed += 1);
                }
            }
        }
    }
}

async fn hand_on(front: &UdpSocket, Datagram { way, cuts, route, bytes, .. }: &Datagram, link: &Link) {
    let condition = link.condition();
    if condition.cuts != *cuts || !condition.passes(*way) {
        link.count(*way, |counts| counts.cut_off += 1);
        return;
    }
    // What the system cannot take is lost, as on any network.
    let _ = match way {
        Way::There => route.back.send(bytes).await,
        Way::Back => front.send_to(bytes, route.caller).await,
    };
    link.delivered(*way, bytes.len());
}

/// A datagram with the number under which it was handed over.
struct Ordered(Datagram, u64);

impl Ordered {
    const fn key(&self) -> (Instant, u64) {
        (self.0.at, self.1)
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
