//! One connection's part of the behaviour: hands out streams of the protocol in both directions.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use libp2p::Stream;
use libp2p::StreamProtocol;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};

use super::{OpenFailure, PROTOCOL, Reply};

/// What the behaviour asks of a connection.
#[derive(Debug)]
pub(in super::super) enum Order {
    /// Open a stream.
    Open(Reply),
    /// Whether the connection may end when no stream uses it.
    Retire(bool),
}

/// Opens and accepts streams. Both queues are short: the openers' places and the inbound negotiations are limited.
#[derive(Debug, Default)]
pub(in super::super) struct Handler {
    asked: VecDeque<Reply>,
    opened: VecDeque<Stream>,
    retired: bool,
    waker: Option<Waker>,
}

impl Handler {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

type Event<'a> = ConnectionEvent<'a, ReadyUpgrade<StreamProtocol>, ReadyUpgrade<StreamProtocol>, (), Reply>;

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = Stream;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Reply;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        !self.retired
    }

    fn on_behaviour_event(&mut self, order: Order) {
        match order {
            Order::Open(reply) => self.asked.push_back(reply),
            Order::Retire(retired) => self.retired = retired,
        }
        self.wake();
    }

    fn on_connection_event(&mut self, event: Event<'_>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. }) => {
                self.opened.push_back(stream);
                self.wake();
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info: reply }) => {
                // A caller that no longer waits drops the stream, which resets it.
                let _ = reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, error }) => {
                let _ = reply.send(Err(failure(error)));
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Reply, Self::ToBehaviour>> {
        if let Some(stream) = self.opened.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        while let Some(reply) = self.asked.pop_front() {
            if !reply.is_closed() {
                let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), reply);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn failure(error: StreamUpgradeError<std::convert::Infallible>) -> OpenFailure {
    match error {
        StreamUpgradeError::NegotiationFailed => OpenFailure::Unsupported,
        StreamUpgradeError::Timeout => OpenFailure::Closed("the peer accepted no stream in time".into()),
        StreamUpgradeError::Io(error) => OpenFailure::Closed(error.to_string()),
    }
}
