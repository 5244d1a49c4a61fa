//! Answering a peer: its pulls with parcels, its hints with a pull.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use igain_protocol::bureau::BureauId;
use igain_protocol::parcel::{self, PARCEL_LIMIT, Parcel};
use igain_protocol::sync::{ClockMessage, Delivery, Message, Pull, Taken, Violation};
use igain_protocol::time::Day;
use tokio::sync::mpsc;

use super::link::Link;
use super::{Replication, blocking};
use crate::network::{self, Exchange};
use crate::office::{Actor, Committed, Content, Deed, Error, Office, Step};

/// Messages that wait to be sent while the next are made: a few parcels, so that memory stays small however slow the
/// link is.
const READY: usize = 4;

/// Steps of an answer that wait to be durable and sealed while the next are made. All that wait share one sync and one
/// entry of the audit log.
const MADE: usize = 6;

/// Parcels that may still be on their way, on a slow link, when a peer is waited for; more wait in its own node.
const ON_THE_WAY: u32 = 4;

/// How long a peer may say nothing while the next message for it is made.
const MAKING: Duration = Duration::from_secs(3_600);

/// How long a peer may keep an exchange in which it asks for nothing: it opens another when it does.
const KEPT: Duration = Duration::from_secs(900);

/// Between two times that a peer is told what this clock says.
const TELL_TIME: Duration = Duration::from_secs(600);

/// Most bytes that one pull is answered with, whatever it asks for.
const BUDGET_LIMIT: u32 = 16 * 1024 * 1024;

impl Replication {
    /// Serves one exchange that a peer opened: any number of pulls, or a hint.
    pub(super) async fn serve(&self, link: &Arc<Link>, mut exchange: Exchange) -> Result<(), Error> {
        let mut patience = exchange.patience(0);
        let (mut asked, mut told) = (false, None::<Instant>);
        loop {
            let frame = match exchange.recv_within(patience).await {
                // Between two pulls nobody owes anybody anything.
                Err(network::Error::Deadline { .. } | network::Error::Closed { .. }) if asked => None,
                frame => frame?,
            };
            let Some(frame) = frame else { break };
            let current = self.link_of(&exchange).is_some_and(|current| Arc::ptr_eq(&current, link));
            if !current || !link.aligned.load(Ordering::Acquire) {
                // The peer asks again; what it may have is not known yet, or another link is served by now.
                return Err(Error::Interrupted);
            }
            match Message::decode(&frame) {
                Ok(Message::Notify(_)) => {
                    link.wake.notify_one();
                    return Ok(exchange.finish().await?);
                }
                Ok(Message::Pull(pull)) => {
                    link.note_hello(pull.hello);
                    if !asked {
                        let served = Arc::clone(&link.served);
                        blocking(move || served.begin_exchange()).await?;
                    }
                    if told.is_none_or(|told| told.elapsed() >= TELL_TIME) && link.bond.revoked.is_none() {
                        told = Some(Instant::now());
                        let time = self.office().clock().system_time();
                        exchange.send(&Message::Clock(ClockMessage { time }).encode()).await?;
                        let (office, peer) = (self.office().clone(), link.bureau);
                        let heads = blocking(move || office.heads(peer)).await?;
                        exchange.send(&Message::Heads(heads).encode()).await?;
                    }
                    let (served, shown) = (Arc::clone(&link.served), pull.clone());
                    if let Some(reclaiming) = blocking(move || served.reclaims(&shown)).await? {
                        self.reclaim(link, &mut exchange, reclaiming).await?;
                    }
                    let on_the_way = self.answer(link, &mut exchange, pull).await?;
                    (patience, asked) = (exchange.patience(on_the_way).max(KEPT), true);
                }
                // Of an answer that is over, or of a newer version.
                Ok(Message::Taken(_) | Message::Other) => {}
                Ok(_) => return Err(Error::Violation(Violation::Unasked)),
                Err(error) => return Err(error.into()),
            }
        }
        // The peer has said all; whether it hears our end no longer matters.
        let _ = exchange.finish().await;
        Ok(())
    }

    /// Answers a pull. Returns how many bytes may still be on their way.
    async fn answer(&self, link: &Arc<Link>, exchange: &mut Exchange, pull: Pull) -> Result<usize, Error> {
        let _serving = link.serving.lock().await;
        let mut void = link.void.subscribe();
        let (ready, mut messages) = mpsc::channel(READY);
        let (serial, window) = (pull.serial, pull.window.max(1));
        let mut answering = Sending { office: self.office(), exchange, serial, window, sent: 0, taken: 0 };
        let (made, to_send) = mpsc::channel(MADE);
        let (office, maker) = (self.office().clone(), Arc::clone(link));
        let making = tokio::spawn(blocking(move || make(&office, &maker, pull, &made)));
        let sending = tokio::spawn(dispatch(self.office().clone(), Arc::clone(link), to_send, ready));
        let sent = tokio::select! {
            biased;
            // What is under way is what was granted before: nothing more of it leaves.
            _ = void.changed() => Err(Error::Interrupted),
            sent = answering.all(&mut messages) => sent,
        };
        // Both end before the next answer begins, also where nobody listens any more.
        drop(messages);
        let (made, dispatched) = (making.await, sending.await);
        sent?;
        dispatched.map_err(|_| Error::Interrupted)??;
        let quiet = made.map_err(|_| Error::Interrupted)??;
        if !quiet {
            link.wake.notify_one();
        }
        link.note_served(self.office().now());
        Ok(answering.on_the_way())
    }

    /// Ends what is under way to a peer from which something was taken back: when this returns, nothing leaves any more
    /// that was granted before.
    pub(super) async fn end_answers(&self, link: &Link) {
        let idle = link.serving.try_lock().is_ok();
        if idle && !link.served.is_under_way().unwrap_or(true) {
            return;
        }
        link.void.send_modify(|ended| *ended += 1);
        self.inner.network.cut(link.key).await;
        drop(link.serving.lock().await);
    }
}

/// A message that may leave on one day.
struct Ready {
    message: Message,
    day: Day,
}

/// The sending end of one answer.
struct Sending<'a> {
    office: &'a Office,
    exchange: &'a mut Exchange,
    serial: u64,
    window: u32,
    /// Parcels.
    sent: u32,
    /// Of those, what the peer says that it has taken in.
    taken: u32,
}

impl Sending<'_> {
    /// Sends what becomes ready; of parcels no more ahead of what the peer has taken in than it asked for.
    async fn all(&mut self, messages: &mut mpsc::Receiver<Ready>) -> Result<(), Error> {
        loop {
            let next = tokio::select! {
                biased;
                next = messages.recv() => next,
                frame = self.exchange.recv_within(MAKING) => {
                    self.note(frame?)?;
                    continue;
                }
            };
            let Some(Ready { message, day }) = next else { return Ok(()) };
            let (parcel, end) = (matches!(message, Message::Delivery(_)), matches!(message, Message::End(_)));
            while parcel && self.sent - self.taken >= self.window {
                let frame = self.exchange.recv_within(self.exchange.patience(self.on_the_way())).await?;
                self.note(frame)?;
            }
            if self.office.now().day() != day {
                return Err(Error::Interrupted);
            }
            self.exchange.send(&message.encode()).await?;
            self.sent += u32::from(parcel);
            if end {
                // What the peer says from now on belongs to its next pull.
                return Ok(());
            }
        }
    }

    /// Bytes that may still be on their way.
    fn on_the_way(&self) -> usize {
        (self.sent - self.taken).min(ON_THE_WAY) as usize * PARCEL_LIMIT
    }

    /// Notes what the peer says while it is answered: what it has taken in, and nothing else.
    fn note(&mut self, frame: Option<Vec<u8>>) -> Result<(), Error> {
        match Message::decode(&frame.ok_or(Error::CutOff)?)? {
            Message::Taken(Taken { serial, parcels }) => {
                if serial == self.serial {
                    self.taken = parcels.clamp(self.taken, self.sent);
                }
                Ok(())
            }
            Message::Other => Ok(()),
            _ => Err(Error::Violation(Violation::Unasked)),
        }
    }
}

/// Makes the steps of one answer, on a blocking thread. Returns whether the other direction is quiet.
fn make(office: &Office, link: &Link, mut pull: Pull, made: &mpsc::Sender<Content>) -> Result<bool, Error> {
    pull.budget_bytes = pull.budget_bytes.min(BUDGET_LIMIT);
    let mut answer = link.served.answer(pull, link.held_digest(office)?)?;
    loop {
        match answer.step()? {
            Step::Busy => {}
            Step::Send(content) => made.blocking_send(content).map_err(|_| Error::Interrupted)?,
            Step::Done { quiet } => return Ok(quiet),
        }
    }
}

/// Hands on the steps of one answer once what they depend on is durable: all that wait share one entry of the audit log. What
/// comes next is sealed while the disk is busy.
async fn dispatch(
    office: Office,
    link: Arc<Link>,
    mut made: mpsc::Receiver<Content>,
    ready: mpsc::Sender<Ready>,
) -> Result<(), Error> {
    let (sealed, mut to_leave) = mpsc::channel::<Sealed>(1);
    let sealing = async {
        // Moved in, so that the other ends when this has.
        let sealed = sealed;
        while let Some(first) = made.recv().await {
            let more = std::iter::from_fn(|| made.try_recv().ok()).take(MADE);
            let steps: Vec<Content> = std::iter::once(first).chain(more).collect();
            let (office, peer) = (office.clone(), link.bureau);
            let done = blocking(move || seal_all(&office, peer, steps)).await?;
            sealed.send(done).await.map_err(|_| Error::Interrupted)?;
        }
        Ok(())
    };
    let leaving = async {
        while let Some(sealed) = to_leave.recv().await {
            for message in blocking(move || sealed.wait()).await? {
                ready.send(message).await.map_err(|_| Error::Interrupted)?;
            }
        }
        Ok(())
    };
    tokio::try_join!(sealing, leaving).map(|_| ())
}

/// Messages that may leave once what they depend on is durable and accounted for.
struct Sealed {
    account: Option<Committed>,
    steps: Vec<Content>,
    ready: Vec<Ready>,
}

impl Sealed {
    fn wait(self) -> Result<Vec<Ready>, Error> {
        self.account.map_or(Ok(()), |account| account.wait())?;
        self.steps.iter().try_for_each(Content::wait)?;
        Ok(self.ready)
    }
}

/// Makes messages of steps, and accounts for them.
fn seal_all(office: &Office, peer: BureauId, mut steps: Vec<Content>) -> Result<Sealed, Error> {
    let records: usize = steps.iter().map(|step| step.records).sum();
    let deed = Deed::new(Actor::Bureau(peer), "feed.send").peer(peer).with("records", records);
    let account = if records > 0 { Some(office.account_ahead(deed)?) } else { None };
    let mut ready = Vec::with_capacity(steps.len());
    for step in &mut steps {
        let message = match step.message.take() {
            Some(message) => message,
            None => Message::Delivery(Delivery { sealed: seal(office, peer, std::mem::take(&mut step.items))? }),
        };
        ready.push(Ready { message, day: step.day });
    }
    Ok(Sealed { account, steps, ready })
}

/// Signs and seals one parcel for a peer.
pub(super) fn seal(office: &Office, to: BureauId, items: Vec<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let peer = office.linked_peer(to)?;
    let parcel = Parcel { from: office.me(), to, created: office.now(), items };
    let signed = parcel.sign(&office.secrets().signing);
    Ok(parcel::seal(&signed, &peer.card().sealing)?)
}
