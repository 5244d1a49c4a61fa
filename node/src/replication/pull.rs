//! Following a peer: pulling what is new, again and again.

use std::sync::Arc;
use std::time::Duration;

use igain_protocol::codec;
use igain_protocol::log::Item;
use igain_protocol::parcel::{self, PARCEL_LIMIT, Parcel};
use igain_protocol::sync::{Message, Subscriber, SubscriberEffect, SubscriberInput, Violation};

use super::link::Link;
use super::{Replication, blocking, lock};
use crate::network::Exchange;
use crate::office::{Error, Office, Received};

/// First and longest pause after an exchange that failed.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(60));

/// Pulls in a row that a peer may answer with nothing but that there is more: it says so once or twice when its policy
/// changes meanwhile, or feeds begin anew.
const FRUITLESS: u32 = 8;

/// One pull's outcome.
struct Done {
    subscriber: Subscriber,
    received: Received,
    /// It brought something.
    applied: bool,
    more: bool,
    mirrored: bool,
}

impl Replication {
    /// Pulls from a peer for as long as the link is there.
    pub(super) async fn follow(self, link: Arc<Link>) {
        let mut pause = PAUSE.0;
        loop {
            let interval = tokio::time::sleep(self.inner.settings.interval);
            tokio::select! {
                () = link.wake.notified() => {}
                () = interval => {}
            }
            match self.pull_all(&link).await {
                Ok(()) => pause = PAUSE.0,
                Err(error) => {
                    let at_fault = self.ended_early(&link, &error).await;
                    tracing::debug!(peer = %link.bureau, %error, "a pull failed");
                    rest(&link, pause, at_fault).await;
                    pause = (pause * 2).min(PAUSE.1);
                    if pause < PAUSE.1 / 4 {
                        link.wake.notify_one();
                    }
                }
            }
        }
    }

    /// Pulls until the peer has nothing more.
    async fn pull_all(&self, link: &Arc<Link>) -> Result<(), Error> {
        let mut exchange = self.inner.network.open(link.key).await?;
        let mut fruitless = 0;
        loop {
            let done = self.pull_once(link, &mut exchange).await?;
            self.settle(link, &done).await?;
            fruitless = if done.applied { 0 } else { fruitless + 1 };
            if done.more && fruitless > FRUITLESS {
                return Err(Error::Violation(Violation::Endless));
            }
            let more = done.more || done.received.put + done.received.purged > 0;
            link.put_subscriber(done.subscriber);
            if !more {
                return Ok(exchange.finish().await?);
            }
        }
    }

    /// What a pull's outcome asks for: new entitlements, a hint to the peer, notes.
    async fn settle(&self, link: &Arc<Link>, done: &Done) -> Result<(), Error> {
        link.note_pulled(self.office().now(), done.received.put, done.received.refused);
        self.office().note_synced(link.bureau);
        if done.received.reconsider {
            self.refresh().await?;
        } else if done.received.posted || !done.mirrored {
            self.nudge(link);
        }
        Ok(())
    }

    async fn pull_once(&self, link: &Arc<Link>, exchange: &mut Exchange) -> Result<Done, Error> {
        let (office, from) = (self.office().clone(), Arc::clone(link));
        let budget_bytes = self.inner.settings.window.saturating_mul(u32::try_from(PARCEL_LIMIT).unwrap_or(u32::MAX));
        let mut taker = blocking(move || Taker::begin(office, from, budget_bytes)).await?;
        loop {
            for message in std::mem::take(&mut taker.outgoing) {
                exchange.send(&message.encode()).await?;
            }
            if let Some((more, mirrored)) = taker.done {
                let Taker { subscriber, received, applied, .. } = taker;
                return Ok(Done { subscriber, received, applied, more, mirrored });
            }
            let Some(frame) = exchange.recv().await? else { return Err(Error::CutOff) };
            let (back, outcome) = blocking(move || {
                let outcome = taker.take(&frame);
                Ok((taker, outcome))
            })
            .await?;
            taker = back;
            outcome?;
        }
    }
}

/// Pauses after an exchange that failed. Where the link was at fault, a connection that comes up or a hint of the peer
/// ends the pause, but for its shortest part; a peer that breaks the protocol must not drive this bureau so.
async fn rest(link: &Link, pause: Duration, at_fault: bool) {
    let rest = tokio::time::sleep(pause);
    if at_fault {
        return rest.await;
    }
    tokio::time::sleep(PAUSE.0).await;
    tokio::select! {
        () = rest => {}
        () = link.wake.notified() => link.wake.notify_one(),
    }
}

/// Takes the messages of one answer in, on blocking threads.
struct Taker {
    office: Office,
    link: Arc<Link>,
    subscriber: Subscriber,
    outgoing: Vec<Message>,
    received: Received,
    applied: bool,
    /// Bytes of sealed parcels that the answer may still bring.
    room: usize,
    done: Option<(bool, bool)>,
}

impl Taker {
    fn begin(office: Office, link: Arc<Link>, budget_bytes: u32) -> Result<Self, Error> {
        let mut subscriber = link.take_subscriber(&office)?;
        let mirror = lock(&link.provider).view().acked_digest();
        let news = link.has_news(&office)?;
        let serial = link.next_serial(office.now());
        let effects = subscriber.handle(SubscriberInput::Start { serial, mirror, news, budget_bytes });
        // A provider counts what is in its parcels, and may go a parcel beyond; signing and sealing add to each.
        let room = (budget_bytes as usize).saturating_add(PARCEL_LIMIT).saturating_mul(2);
        let (outgoing, received) = (Vec::new(), Received::default());
        let mut taker = Self { office, link, subscriber, outgoing, received, applied: false, room, done: None };
        taker.carry_out(effects)?;
        Ok(taker)
    }

    fn take(&mut self, frame: &[u8]) -> Result<(), Error> {
        let input = match Message::decode(frame)? {
            Message::AskCursors => SubscriberInput::AskedCursors { serial: self.link.next_serial(self.office.now()) },
            Message::Delivery(delivery) => {
                let room = self.room.checked_sub(delivery.sealed.len());
                self.room = room.ok_or(Error::Violation(Violation::Overlong))?;
                SubscriberInput::Parcel(self.open(&delivery.sealed)?)
            }
            Message::End(end) => SubscriberInput::End(end),
            Message::Pull(_) | Message::Notify(_) => return Err(Error::Violation(Violation::Unasked)),
        };
        let effects = self.subscriber.handle(input);
        self.carry_out(effects)
    }

    /// The items of a sealed parcel, once it is found to be the peer's word to this bureau.
    fn open(&self, sealed: &[u8]) -> Result<Vec<Item>, Error> {
        let peer = self.office.active_peer(self.link.bureau)?;
        let signed = parcel::open(sealed, &self.office.secrets().sealing)?;
        let parcel = Parcel::verify(&signed, self.office.me(), (self.link.bureau, &peer.card().signing))?;
        let items = parcel.items.iter().map(|item| codec::decode(item));
        items.collect::<Result<_, _>>().map_err(|error| Error::Parcel(error.into()))
    }

    fn carry_out(&mut self, effects: Vec<SubscriberEffect>) -> Result<(), Error> {
        for effect in effects {
            match effect {
                SubscriberEffect::Send(message) => self.outgoing.push(message),
                SubscriberEffect::Apply(changes) => {
                    let received = self.office.receive(self.link.bureau, changes)?;
                    self.received.merge(&received);
                    self.applied = true;
                }
                SubscriberEffect::Done { more, mirrored } => self.done = Some((more, mirrored)),
                SubscriberEffect::Violated(violation) => return Err(Error::Violation(violation)),
            }
        }
        Ok(())
    }
}
