//! Networks on real loopback sockets. Each test that is about exchanges runs over QUIC and over TCP.

mod door;
mod hostile;

use super::*;

/// Longest wait for something that has to happen; reached only by a test that fails, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a test listens on.
const BOTH: [Transport; 2] = [Transport::Quic, Transport::Tcp];

fn any_port(transport: Transport) -> String {
    match transport {
        Transport::Quic => "/ip4/127.0.0.1/udp/0/quic-v1".into(),
        Transport::Tcp => "/ip4/127.0.0.1/tcp/0".into(),
    }
}

/// A free port that the system gives to nobody who asks for any port: another test could take it while nobody listens.
fn own_port(transport: Transport) -> String {
    let address =
        |nth: u32| any_port(transport).replace("/0", &format!("/{}", 30_000 + (std::process::id() + nth) % 2_000));
    (0..2_000).map(address).find(|address| is_free(address)).unwrap()
}

struct Bureau {
    key: PeerKey,
    network: Network,
    incoming: Incoming,
    notices: Notices,
}

impl Bureau {
    async fn start(seed: u8, listen: Vec<String>, limits: Limits) -> Self {
        let transport_seed = Zeroizing::new([seed; 32]);
        let key = PeerKey::of_seed(&transport_seed).unwrap();
        let (network, incoming) = Network::start(Config { transport_seed, listen, limits }).await.unwrap();
        let notices = network.notices();
        Self { key, network, incoming, notices }
    }

    async fn on(seed: u8, transport: Transport) -> Self {
        Self::start(seed, vec![any_port(transport)], Limits::default()).await
    }

    fn allow(&self, others: &[&Bureau]) {
        let peers = others.iter().map(|other| (other.key, other.network.listening())).collect();
        assert_eq!(self.network.set_allowed(peers), []);
    }

    /// Allows `other` without knowing where it is: this side only listens.
    fn expect(&self, other: &Bureau) {
        self.network.set_allowed(vec![(other.key, vec![])]);
    }

    fn state(&self, other: &Bureau) -> PeerState {
        self.network.peers().into_iter().find(|state| state.key == other.key).unwrap()
    }

    async fn accept(&mut self) -> Exchange {
        tokio::time::timeout(PATIENCE, self.incoming.recv()).await.expect("an exchange comes in").unwrap()
    }

    async fn notice(&mut self, wanted: impl Fn(&Notice) -> bool) -> Notice {
        let wait = async {
            loop {
                let notice = self.notices.recv().await.expect("the network runs");
                if wanted(&notice) {
                    return notice;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the notice comes")
    }

    /// An exchange with `server`, and its other end.
    async fn converse(&self, server: &mut Bureau) -> (Exchange, Exchange) {
        let mut mine = self.network.open(server.key).await.unwrap();
        // The other side learns of an exchange with its first frame.
        mine.send(b"hello").await.unwrap();
        let mut theirs = server.accept().await;
        assert_eq!(theirs.recv().await.unwrap().unwrap(), b"hello");
        (mine, theirs)
    }
}

/// Two bureaus; the first dials the second.
async fn pair(transport: Transport, limits: Limits) -> (Bureau, Bureau) {
    let client = Bureau::start(1, vec![], limits.clone()).await;
    let server = Bureau::start(2, vec![any_port(transport)], limits).await;
    server.expect(&client);
    client.allow(&[&server]);
    (client, server)
}

/// Waits until `condition` holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < by, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// QUIC says goodbye for some round trips after the end, from the same socket.
fn is_free(listen: &str) -> bool {
    transport::refuse_taken(&Address::to_listen(listen).unwrap()).is_ok()
}

fn brisk(base_ms: u64) -> Limits {
    Limits { pace: Pace { base: Duration::from_millis(base_ms), bytes_per_s: 32 * 1024 }, ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_every_size_arrive_whole_and_in_order() {
    for transport in BOTH {
        let (client, mut server) = pair(transport, Limits::default()).await;
        let key = server.key;
        let answering = tokio::spawn(async move {
            let mut exchange = server.accept().await;
            while let Some(frame) = exchange.recv().await.unwrap() {
                exchange.send(&frame).await.unwrap();
            }
            exchange.finish().await.unwrap();
            server
        });
        let mut exchange = client.network.open(key).await.unwrap();
        assert_eq!(exchange.peer(), key);
        let sizes = [0, 1, 1_023, 16 * 1024 - 4, 16 * 1024, 16 * 1024 + 1, 64 * 1024, FRAME_LIMIT];
        for size in sizes {
            let frame: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            exchange.send(&frame).await.unwrap();
            assert_eq!(exchange.recv().await.unwrap().unwrap(), frame, "{size} bytes over {transport}");
        }
        exchange.finish().await.unwrap();
        let server = answering.await.unwrap();

        let bytes = sizes.iter().map(|size| *size as u64 + 4).sum::<u64>();
        until("the ping is measured", || client.state(&server).rtt_ms.is_some()).await;
        for (state, address) in [(client.state(&server), true), (server.state(&client), false)] {
            assert_eq!((state.bytes_in, state.bytes_out), (bytes, bytes));
            assert_eq!((state.connected, state.connections, state.transport), (true, 1, Some(transport)));
            assert!(state.since.is_some() && state.last_error.is_none(), "{state:?}");
            assert_eq!(state.address == Some(server.network.listening()[0].clone()), address);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_comes_after_the_last_frame() {
    for transport in BOTH {
        let (client, mut server) = pair(transport, Limits::default()).await;
        let (mine, mut theirs) = client.converse(&mut server).await;
        theirs.send(&[7; FRAME_LIMIT]).await.unwrap();
        theirs.finish().await.unwrap();
        let mut mine = mine;
        assert_eq!(mine.recv().await.unwrap().unwrap(), [7; FRAME_LIMIT]);
        assert_eq!(mine.recv().await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_a_frame_can_be_dropped_and_taken_up() {
    for transport in BOTH {
        let (client, mut server) = pair(transport, Limits::default()).await;
        let (mut mine, mut theirs) = client.converse(&mut server).await;
        let receiving = tokio::spawn(async move {
            loop {
                // Shorter than any frame takes, so that most waits are dropped half way.
                if let Ok(frame) = tokio::time::timeout(Duration::from_micros(50), theirs.recv()).await {
                    return frame.unwrap().unwrap();
                }
            }
        });
        let frame: Vec<u8> = (0..FRAME_LIMIT).map(|i| (i % 253) as u8).collect();
        mine.send(&frame).await.unwrap();
        assert!(receiving.await.unwrap() == frame, "the frame is not what was sent over {transport}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quic_is_preferred_and_tcp_serves_where_udp_is_lost() {
    let client = Bureau::start(1, vec![], Limits::default()).await;
    let mut server = Bureau::start(2, BOTH.map(any_port).to_vec(), Limits::default()).await;
    server.expect(&client);
    client.allow(&[&server]);
    client.converse(&mut server).await;
    assert_eq!(client.state(&server).transport, Some(Transport::Quic));

    // A UDP port that swallows everything, as a firewall does.
    let swallow = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let lost = format!("/ip4/127.0.0.1/udp/{}/quic-v1", swallow.local_addr().unwrap().port());
    let tcp = server.network.listening().into_iter().find(|address| address.contains("tcp")).unwrap();
    client.network.set_allowed(vec![]);
    until("the connection is gone", || !server.state(&client).connected).await;
    client.network.set_allowed(vec![(server.key, vec![lost, tcp])]);
    client.converse(&mut server).await;
    assert_eq!(client.state(&server).transport, Some(Transport::Tcp));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialling_each_other_leaves_one_connection() {
    for transport in BOTH {
        // A connection's task notices that its last exchange is gone when something wakes it: at the next ping. That is
        // also how long the answer to one may take.
        let limits = Limits { ping: Duration::from_secs(5), ..Limits::default() };
        let mut a = Bureau::start(1, vec![any_port(transport)], limits.clone()).await;
        let mut b = Bureau::start(2, vec![any_port(transport)], limits).await;
        a.allow(&[&b]);
        b.allow(&[&a]);
        // Exchanges opened meanwhile do not suffer from it.
        for _ in 0..20 {
            a.converse(&mut b).await;
            b.converse(&mut a).await;
        }
        until("one connection is left", || a.state(&b).connections == 1 && b.state(&a).connections == 1).await;
        a.converse(&mut b).await;
        b.converse(&mut a).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_peer_is_found_again_without_being_asked() {
    for transport in BOTH {
        let listen = vec![own_port(transport)];
        let client = Bureau::start(1, vec![], Limits::default()).await;
        let server = Bureau::start(2, listen.clone(), Limits::default()).await;
        server.expect(&client);
        client.allow(&[&server]);
        until("they are connected", || client.state(&server).connected).await;
        server.network.shutdown().await;
        until("the loss is seen", || !client.state(&server).connected).await;
        assert!(client.state(&server).last_error.is_some());
        assert_eq!(server.network.open(client.key).await.unwrap_err(), Error::NotAllowed { peer: client.key });

        until("the ports are free", || listen.iter().all(|address| is_free(address))).await;
        let mut server = Bureau::start(2, listen, Limits::default()).await;
        server.expect(&client);
        until("they are connected again", || client.state(&server).connected).await;
        client.converse(&mut server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lost_peer_disturbs_no_other() {
    let (client, mut server) = pair(Transport::Quic, Limits::default()).await;
    // Held, so that no other test listens there, but not listening.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = held.local_addr().unwrap().port();
    let absent = PeerKey::of_seed(&[9; 32]).unwrap();
    client.network.set_allowed(vec![
        (absent, vec![format!("/ip4/127.0.0.1/tcp/{gone}")]),
        (server.key, server.network.listening()),
    ]);
    let (absence, _) = tokio::join!(client.network.open(absent), client.converse(&mut server));
    let error = absence.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { cause, .. } if cause.contains("refused")), "{error}");
    assert_eq!((error.code(), error.fault()), ("peer.unreachable", Fault::Peer));
    let state = client.network.peers().into_iter().find(|state| state.key == absent).unwrap();
    assert!(!state.connected && state.last_error.is_some_and(|failure| failure.message.contains("refused")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_nothing_opens() {
    let (client, mut server) = pair(Transport::Tcp, Limits::default()).await;
    client.converse(&mut server).await;
    let other = client.network.clone();
    client.network.shutdown().await;
    assert_eq!(other.open(server.key).await.unwrap_err(), Error::NotAllowed { peer: server.key });
    other.set_allowed(vec![(server.key, server.network.listening())]);
    assert_eq!(other.open(server.key).await.unwrap_err(), Error::Stopped);
}
