//! Following a peer: pulling what is new, again and again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{self, BoxFuture, FutureExt as _, OptionFuture};
use igain_protocol::bureau::BureauId;
use igain_protocol::codec;
use igain_protocol::feed::Item;
use igain_protocol::parcel::PARCEL_LIMIT;
use igain_protocol::sync::{Change, Message, Subscriber, SubscriberEffect, SubscriberInput, Taken, Violation};
use tokio::sync::{mpsc, watch};

use super::link::Link;
use super::reclaim::{give_back, opened};
use super::{Replication, blocking};
use crate::network::{self, Exchange};
use crate::office::{Error, Examined, Office, Received};

/// First and longest pause after an exchange that failed.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(60));

/// Parcels that are opened and verified together, where so many have come: their records fill a batch of signatures.
const TOGETHER: usize = 4;

/// What is verified and waits to be taken in, so that verifying goes on while the disk is busy. A connection that breaks
/// loses nothing of it.
const AHEAD: usize = 2;

/// Windows of parcels that a pull asks for after a brisk one: they pass without a pause, while those taken in are told of.
const WINDOWS: u32 = 4;

/// Pulls in a row after which what receipts have named may be forgotten by the provider.
const BRIEF: u32 = 2;

/// A pull that took no longer was brisk. After another, one window is asked for: what happens at the peer meanwhile, such
/// as a withdrawal, comes with the next answer, and must not wait long for it on a slow link.
const BRISK: Duration = Duration::from_secs(2);

/// Longest pause before a bureau that has spent what it may is looked at again.
const HELD_UP: Duration = Duration::from_secs(10);

/// Frames with fewer bytes than this have so few records that they are verified where they are opened.
const SHORT: usize = 16 * 1024;

/// Messages that an answer has besides its parcels.
const ENDS: usize = 3;

/// Pulls in a row that a peer may answer with nothing but that there is more: it says so once or twice when its policy
/// changes meanwhile, or feeds begin anew.
const FRUITLESS: u32 = 8;

/// Messages of a newer version, and of the time, that one answer may bring.
const OTHERS: u32 = 64;

/// Parcels whose records are being verified.
struct Examining {
    parcels: u32,
    examined: BoxFuture<'static, Result<Examined, Error>>,
}

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
        // Kept from one pull to the next: to open another costs more than a pull that brings nothing.
        let (mut kept, mut pause) = (None, PAUSE.0);
        loop {
            if let Some(wait) = self.office().holds_up(link.bureau, false) {
                // What it sends waits until it has been given back what it spent; it is looked at now and then.
                tracing::debug!(peer = %link.bureau, ?wait, "a bureau has spent what it may");
                tokio::time::sleep(wait.min(HELD_UP)).await;
                link.wake.notify_one();
                continue;
            }
            let interval = tokio::time::sleep(self.inner.settings.interval);
            tokio::select! {
                () = link.wake.notified() => {}
                () = interval => {}
            }
            match self.pull_all(&link, kept.take()).await {
                Ok(exchange) => (kept, pause) = (Some(exchange), PAUSE.0),
                Err(error) => {
                    let at_fault = self.ended_early(&link, &error).await;
                    rest(&link, pause, at_fault).await;
                    pause = (pause * 2).min(PAUSE.1);
                    if pause < PAUSE.1 / 4 {
                        link.wake.notify_one();
                    }
                }
            }
        }
    }

    /// Pulls until the peer has nothing more, in an exchange that was kept or another one. Returns it.
    async fn pull_all(&self, link: &Arc<Link>, kept: Option<Exchange>) -> Result<Exchange, Error> {
        let mut fresh = kept.is_none();
        let mut exchange = match kept {
            Some(exchange) => exchange,
            None => self.inner.network.open(link.key).await?,
        };
        let (mut fruitless, mut windows) = (0, 1);
        let (mut receipted, mut pulls) = (false, 0);
        loop {
            let begun = Instant::now();
            let done = match self.pull_once(link, &mut exchange, windows).await {
                // What was kept may have been ended by the peer meanwhile, or its connection may be gone.
                Err(Error::CutOff | Error::Network(network::Error::Closed { .. })) if !fresh => {
                    fresh = true;
                    exchange = self.inner.network.open(link.key).await?;
                    continue;
                }
                done => done?,
            };
            fresh = true;
            windows = if begun.elapsed() <= BRISK { WINDOWS } else { 1 };
            self.settle(link, &done).await?;
            fruitless = if done.applied { 0 } else { fruitless + 1 };
            if done.more && fruitless > FRUITLESS {
                return Err(Error::Violation(Violation::Endless));
            }
            (receipted, pulls) = (receipted | done.received.receipted, pulls + 1);
            let more = done.more || done.received.put + done.received.purged > 0;
            link.put_subscriber(done.subscriber);
            let held_up = self.office().holds_up(link.bureau, false).is_some();
            if !more || held_up {
                if receipted && pulls > BRIEF {
                    let (office, from) = (self.office().clone(), link.bureau);
                    blocking(move || office.receipt_again(from)).await?;
                }
                return Ok(exchange);
            }
        }
    }

    /// What a pull's outcome asks for: new entitlements, a hint to the peer, notes.
    async fn settle(&self, link: &Arc<Link>, done: &Done) -> Result<(), Error> {
        link.note_pulled(self.office().now(), done.received.put, done.received.refused);
        self.office().note_synced(link.bureau);
        if !done.mirrored && blocking_news(link).await? {
            self.nudge(link);
        }
        Ok(())
    }

    /// Pulls once, so many windows of parcels.
    async fn pull_once(&self, link: &Arc<Link>, exchange: &mut Exchange, windows: u32) -> Result<Done, Error> {
        let (office, from) = (self.office().clone(), Arc::clone(link));
        let window = self.inner.settings.window;
        let taker = blocking(move || Taker::begin(office, from, window, windows)).await?;
        let (examined, waiting) = mpsc::channel(AHEAD);
        let (tell, taken) = watch::channel(0);
        let taking_in = tokio::spawn(take_in(self.office().clone(), link.bureau, waiting, tell));
        let answered = self.take_answer(exchange, taker, examined, taken).await;
        // What came whole is taken in, also where the rest did not come.
        let received = taking_in.await.map_err(|_| Error::Interrupted)??;
        let (Taker { subscriber, applied, .. }, (more, mirrored)) = answered?;
        Ok(Done { subscriber, received, applied, more, mirrored })
    }

    /// Takes the messages of an answer to its end. They are read as fast as they come, so that what has come whole is
    /// taken in although the connection breaks, and need not come again.
    async fn take_answer(
        &self,
        exchange: &mut Exchange,
        taker: Taker,
        examined: mpsc::Sender<Examining>,
        mut taken: watch::Receiver<u32>,
    ) -> Result<(Taker, (bool, bool)), Error> {
        let most = usize::try_from(self.inner.settings.window).unwrap_or(usize::MAX).saturating_add(ENDS);
        let (mut come, mut broken) = (VecDeque::new(), None);
        let (mut idle, mut working) = (Some(taker), OptionFuture::default());
        let mut serial = 0;
        loop {
            if let Some(mut taker) = idle.take() {
                for message in std::mem::take(&mut taker.outgoing) {
                    if let Message::Pull(pull) = &message {
                        serial = pull.serial;
                    }
                    exchange.send(&message.encode()).await?;
                }
                if let Some(done) = taker.done {
                    return Ok((taker, done));
                }
                let frames: Vec<Vec<u8>> = come.drain(..come.len().min(TOGETHER)).collect();
                if !frames.is_empty() {
                    working = Some(Box::pin(examine(taker, frames, &examined))).into();
                } else if let Some(error) = broken {
                    return Err(error);
                } else {
                    idle = Some(taker);
                }
            }
            tokio::select! {
                Some(worked) = &mut working => {
                    working = OptionFuture::default();
                    let (taker, outcome) = worked?;
                    outcome?;
                    idle = Some(taker);
                }
                changed = taken.changed(), if broken.is_none() => {
                    // Where taking in has failed, that is the error to tell: nothing more would come to show it.
                    changed.map_err(|_| Error::Interrupted)?;
                    let told = Taken { serial, parcels: *taken.borrow_and_update() };
                    broken = exchange.send(&Message::Taken(told).encode()).await.err().map(Error::from);
                }
                frame = exchange.recv(), if broken.is_none() && come.len() < most => match frame {
                    Ok(Some(frame)) => come.push_back(frame),
                    Ok(None) => broken = Some(Error::CutOff),
                    Err(error) => broken = Some(error.into()),
                },
            }
        }
    }
}

async fn blocking_news(link: &Arc<Link>) -> Result<bool, Error> {
    let link = Arc::clone(link);
    blocking(move || Ok(link.served.has_news().unwrap_or(true) || link.owes_card(link.served.office()))).await
}

/// Has frames opened, and what they change verified, which goes on while the next are opened.
async fn examine(
    mut taker: Taker,
    frames: Vec<Vec<u8>>,
    to: &mpsc::Sender<Examining>,
) -> Result<(Taker, Result<(), Error>), Error> {
    let short = frames.iter().map(Vec::len).sum::<usize>() < SHORT;
    let (mut taker, outcome, examined) = blocking(move || {
        let outcome = taker.take(&frames);
        let examined = short.then(|| taker.examine()());
        Ok((taker, outcome, examined))
    })
    .await?;
    let parcels = std::mem::take(&mut taker.parcels);
    if parcels > 0 {
        let examined = match examined {
            Some(examined) => future::ready(Ok(examined)).boxed(),
            None => {
                let examine = taker.examine();
                let task = tokio::spawn(blocking(move || Ok(examine())));
                async { task.await.map_err(|_| Error::Interrupted)? }.boxed()
            }
        };
        // Where taking in has failed, that is the error to tell.
        to.send(Examining { parcels, examined }).await.map_err(|_| Error::Interrupted)?;
    }
    Ok((taker, outcome))
}

/// Takes in what was examined, as it comes: all that waits in one commit. `tell` says how many parcels are durable.
async fn take_in(
    office: Office,
    provider: BureauId,
    mut opened: mpsc::Receiver<Examining>,
    tell: watch::Sender<u32>,
) -> Result<Received, Error> {
    let (mut received, mut parcels) = (Received::default(), 0);
    while let Some(first) = opened.recv().await {
        let mut together = Vec::new();
        for examining in std::iter::once(first).chain(opened.try_recv().ok()) {
            together.push(examining.examined.await?);
            parcels += examining.parcels;
        }
        let office = office.clone();
        received.merge(&blocking(move || office.take_in(provider, together)).await?);
        tell.send_replace(parcels);
    }
    Ok(received)
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

/// Opens and verifies the messages of one answer, on blocking threads.
struct Taker {
    office: Office,
    link: Arc<Link>,
    subscriber: Subscriber,
    outgoing: Vec<Message>,
    changes: Vec<Change>,
    /// Parcels that they came in.
    parcels: u32,
    /// The answer brought something.
    applied: bool,
    /// Bytes of sealed parcels that the answer may still bring.
    room: usize,
    /// Messages of a newer version that it may still bring.
    others: u32,
    /// It brought a card.
    carded: bool,
    done: Option<(bool, bool)>,
}

impl Taker {
    fn begin(office: Office, link: Arc<Link>, window: u32, windows: u32) -> Result<Self, Error> {
        let parcel = u32::try_from(PARCEL_LIMIT).unwrap_or(u32::MAX);
        let budget_bytes = window.saturating_mul(windows).saturating_mul(parcel);
        let mut subscriber = link.take_subscriber(&office)?;
        let mirror = link.served.acked_digest()?;
        // What of its own this bureau cannot read keeps nobody else's word from it.
        let news = link.served.has_news().unwrap_or(true) || link.owes_card(&office);
        let hello = office.hello(link.bureau);
        let serial = link.next_serial(office.now());
        let effects = subscriber.handle(SubscriberInput::Start { serial, mirror, news, budget_bytes, window, hello });
        // A provider counts what is in its parcels, and may go a parcel beyond; signing and sealing add to each.
        let room = (budget_bytes as usize).saturating_add(PARCEL_LIMIT).saturating_mul(2);
        let mut taker = Self {
            office,
            link,
            subscriber,
            outgoing: Vec::new(),
            changes: Vec::new(),
            parcels: 0,
            applied: false,
            room,
            others: OTHERS,
            carded: false,
            done: None,
        };
        taker.carry_out(effects)?;
        Ok(taker)
    }

    /// Takes frames, up to the first that is wrong.
    fn take(&mut self, frames: &[Vec<u8>]) -> Result<(), Error> {
        frames.iter().try_for_each(|frame| self.take_one(frame))
    }

    /// What verifies the changes of the frames taken so far.
    fn examine(&mut self) -> impl FnOnce() -> Examined + use<> {
        let (office, provider) = (self.office.clone(), self.link.bureau);
        let changes = std::mem::take(&mut self.changes);
        move || office.examine(provider, changes)
    }

    fn take_one(&mut self, frame: &[u8]) -> Result<(), Error> {
        let input = match Message::decode(frame)? {
            Message::Delivery(delivery) => {
                let room = self.room.checked_sub(delivery.sealed.len());
                self.room = room.ok_or(Error::Violation(Violation::Overlong))?;
                self.parcels += 1;
                SubscriberInput::Parcel(self.open(&delivery.sealed)?)
            }
            Message::End(end) => {
                self.link.note_hello(end.hello);
                SubscriberInput::End(end)
            }
            Message::Card(card) => {
                if std::mem::replace(&mut self.carded, true) {
                    return Err(Error::Violation(Violation::Unasked));
                }
                return match self.office.renew_peer(self.link.bureau, &card.card) {
                    Ok(_) => Ok(()),
                    Err(error @ (Error::Ledger(_) | Error::Audit(_))) => Err(error),
                    // The one known serves until then.
                    Err(Error::Card(error)) if error.may_be_good() => {
                        tracing::warn!(peer = %self.link.bureau, %error, "a newer card of a peer cannot be taken in now");
                        Ok(())
                    }
                    Err(error) => Err(Error::RefusedCard(Box::new(error))),
                };
            }
            Message::Clock(clock) => {
                self.others = self.others.checked_sub(1).ok_or(Error::Violation(Violation::Unasked))?;
                if let Err(error) = self.office.hear_time(self.link.bureau, clock.time) {
                    // On a full disk what it says is weighed later; what it takes back must come in.
                    tracing::error!(peer = %self.link.bureau, %error, "what a peer says of the time could not be accounted for");
                }
                return Ok(());
            }
            Message::Heads(heads) => {
                self.others = self.others.checked_sub(1).ok_or(Error::Violation(Violation::Unasked))?;
                if let Err(error) = self.office.hear_heads(self.link.bureau, &heads) {
                    tracing::error!(peer = %self.link.bureau, %error, "what a peer keeps of the audit log could not be looked at");
                }
                return Ok(());
            }
            Message::Reclaim(asked) => {
                self.outgoing.push(give_back(&self.office, &self.link, &asked)?);
                return Ok(());
            }
            // Of a newer version; not without end, for there is nothing that counts them.
            Message::Other => {
                self.others = self.others.checked_sub(1).ok_or(Error::Violation(Violation::Unasked))?;
                return Ok(());
            }
            Message::Pull(_) | Message::Notify(_) | Message::Taken(_) | Message::Returned(_) => {
                return Err(Error::Violation(Violation::Unasked));
            }
        };
        let effects = self.subscriber.handle(input);
        self.carry_out(effects)
    }

    /// The items of a sealed parcel, once it is found to be the peer's word to this bureau.
    fn open(&self, sealed: &[u8]) -> Result<Vec<Item>, Error> {
        let items = opened(&self.office, self.link.bureau, sealed)?;
        let items = items.iter().map(|item| codec::decode(item));
        items.collect::<Result<_, _>>().map_err(|error| Error::Parcel(error.into()))
    }

    fn carry_out(&mut self, effects: Vec<SubscriberEffect>) -> Result<(), Error> {
        for effect in effects {
            match effect {
                SubscriberEffect::Send(message) => self.outgoing.push(message),
                SubscriberEffect::Apply(changes) => {
                    self.changes.extend(changes);
                    self.applied = true;
                }
                SubscriberEffect::Done { more, mirrored } => self.done = Some((more, mirrored)),
                SubscriberEffect::Violated(violation) => return Err(Error::Violation(violation)),
            }
        }
        Ok(())
    }
}
