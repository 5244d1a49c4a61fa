//! Who gets in: enrolled keys only, from the moment they are known until the moment they are not (L11).
//!
//! Seen failing with the door left open to every key (the stranger), and with either half of a removal taken out: the
//! signal to the exchanges, or the closing of the connections (the removed peer).

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_before_any_protocol() {
    for transport in BOTH {
        let (client, mut server) = pair(transport, Limits::default()).await;
        server.network.set_allowed(vec![]);
        let opened = match client.network.open(server.key).await {
            // The dialler's handshake may be done before it hears of the refusal; then the stream fails.
            Ok(mut exchange) => {
                let sent = exchange.send(b"let me in").await;
                let received = exchange.recv().await;
                sent.is_ok() && matches!(received, Ok(Some(_)))
            }
            Err(_) => false,
        };
        assert!(!opened, "a stranger got an answer over {transport}");
        let refused = server.notice(|notice| matches!(notice, Notice::Refused { .. })).await;
        let Notice::Refused { peer, reason, .. } = refused else { unreachable!() };
        assert_eq!((peer, reason), (Some(client.key), Refusal::NotAllowed));
        assert!(server.network.peers().is_empty(), "nothing is kept about a stranger");
        assert!(server.incoming.0.try_recv().is_err());
        until("the client sees it", || client.state(&server).last_error.is_some()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_does_not_dial_in_a_loop() {
    let (client, mut server) = pair(Transport::Quic, Limits::default()).await;
    // Reckoned from before the first dial, so that a busy machine makes it longer only.
    let begun = std::time::Instant::now();
    server.network.set_allowed(vec![]);
    for _ in 0..5 {
        server.notice(|notice| matches!(notice, Notice::Refused { .. })).await;
    }
    // Pauses of at least 0.25, 0.5, 1 and 2 s.
    assert!(begun.elapsed() >= Duration::from_millis(3_750), "five dials in {:?}", begun.elapsed());
    drop(client);
}

/// Nobody is told that a peer is not allowed because this node stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_when_the_node_stops_ends_for_that() {
    for transport in BOTH {
        let (client, mut server) = pair(transport, Limits::default()).await;
        let (mine, mut theirs) = client.converse(&mut server).await;
        let waiting = tokio::spawn(async move { theirs.recv().await });
        tokio::task::yield_now().await;
        server.network.shutdown().await;
        assert_eq!(waiting.await.unwrap(), Err(Error::Stopped));
        drop(mine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_peer_is_cut_at_once_and_can_come_back() {
    for transport in BOTH {
        let (client, mut server) = pair(transport, Limits::default()).await;
        let (mut mine, mut theirs) = client.converse(&mut server).await;
        let waiting = tokio::spawn(async move { theirs.recv().await });
        tokio::task::yield_now().await;

        server.network.set_allowed(vec![]);
        // A call that waits ends for this, and not because it has waited long enough.
        assert_eq!(waiting.await.unwrap(), Err(Error::NotAllowed { peer: client.key }));
        assert!(!matches!(mine.recv().await, Ok(Some(_))));
        assert_eq!(server.network.open(client.key).await.unwrap_err(), Error::NotAllowed { peer: client.key });

        server.expect(&client);
        until("it is connected again", || server.state(&client).connected).await;
        client.converse(&mut server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_the_list_leaves_who_stays_alone() {
    let (client, mut server) = pair(Transport::Quic, Limits::default()).await;
    let (mut mine, mut theirs) = client.converse(&mut server).await;
    let other = PeerKey::of_seed(&[9; 32]).unwrap();
    for _ in 0..20 {
        server.network.set_allowed(vec![(client.key, vec![]), (other, vec![])]);
        server.network.set_allowed(vec![(client.key, vec![])]);
        mine.send(b"still here").await.unwrap();
        assert_eq!(theirs.recv().await.unwrap().unwrap(), b"still here");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_answers_with_another_key_is_not_the_peer() {
    for transport in BOTH {
        let mut client = Bureau::start(1, vec![], Limits::default()).await;
        let impostor = Bureau::on(3, transport).await;
        impostor.expect(&client);
        let expected = PeerKey::of_seed(&[2; 32]).unwrap();
        client.network.set_allowed(vec![(expected, impostor.network.listening())]);
        let error = client.network.open(expected).await.unwrap_err();
        assert!(matches!(&error, Error::Unreachable { .. }), "{error}");
        if transport == Transport::Tcp {
            let refused = client.notice(|notice| matches!(notice, Notice::Refused { .. })).await;
            let Notice::Refused { peer, reason, .. } = refused else { unreachable!() };
            assert_eq!((peer, reason), (Some(impostor.key), Refusal::WrongKey));
            assert!(error.to_string().contains("answers with another key"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_allowed_is_not_dialled() {
    let client = Bureau::start(1, vec![], Limits::default()).await;
    let peer = PeerKey::of_seed(&[2; 32]).unwrap();
    let error = client.network.open(peer).await.unwrap_err();
    assert_eq!(error, Error::NotAllowed { peer });
    client.network.set_allowed(vec![(peer, vec![])]);
    let error = client.network.open(peer).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { cause, .. } if cause.contains("no address")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    for transport in BOTH {
        let first = Bureau::on(1, transport).await;
        let listen = first.network.listening();
        let second = Config::new(Zeroizing::new([2; 32]), listen.clone());
        let error = Network::start(second).await.map(drop).unwrap_err();
        assert_eq!(error, Error::Taken { address: listen[0].clone() });
        assert!(error.to_string().contains("already in use"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_cannot_be_listened_on_is_named() {
    for (listen, code) in [
        ("nonsense", "network.address"),
        ("/dns4/ncb.example/tcp/7411", "network.address"),
        ("/ip4/203.0.113.9/tcp/7411", "network.listen"),
        ("/ip4/203.0.113.9/udp/7411/quic-v1", "network.listen"),
    ] {
        let config = Config::new(Zeroizing::new([1; 32]), vec![listen.into()]);
        let error = Network::start(config).await.map(drop).unwrap_err();
        assert_eq!((error.code(), error.fault()), (code, Fault::Operator), "{error}");
        assert!(error.to_string().contains(listen), "{error}");
    }
}
