//! Answering a peer: its pulls with parcels, its hints with a pull.

use std::collections::VecDeque;
use std::sync::Arc;

use igain_protocol::bureau::BureauId;
use igain_protocol::log::FeedId;
use igain_protocol::parcel::{self, Parcel};
use igain_protocol::sync::{Delivery, End, Feed, Message, ProviderEffect, ProviderInput, Pull, Violation};
use tokio::sync::mpsc;

use super::link::Link;
use super::{Replication, blocking, lock};
use crate::ledger::Deliveries;
use crate::network::Exchange;
use crate::office::{Actor, Deed, Error, Notes, Office, Wanted};
use crate::store::Pending;

/// Messages that wait to be sent while the next are made: a few parcels, so that memory stays small however slow the
/// link is.
const READY: usize = 4;

/// Steps of an answer that wait to be durable and sealed while the next are made. All that wait share one sync and one
/// entry of the audit log.
const MADE: usize = 3;

/// Most bytes that one pull is answered with, whatever it asks for.
const BUDGET_LIMIT: u32 = 16 * 1024 * 1024;

impl Replication {
    /// Serves one exchange that a peer opened: any number of pulls, or a hint.
    pub(super) async fn serve(&self, link: &Arc<Link>, mut exchange: Exchange) -> Result<(), Error> {
        while let Some(frame) = exchange.recv().await? {
            match Message::decode(&frame) {
                Ok(Message::Notify(_)) => {
                    link.wake.notify_one();
                    return Ok(exchange.finish().await?);
                }
                Ok(Message::Pull(pull)) => self.answer(link, &mut exchange, pull).await?,
                Ok(_) => return Err(Error::Violation(Violation::Unasked)),
                Err(error) => return Err(error.into()),
            }
        }
        // The peer has said all; whether it hears our end no longer matters.
        let _ = exchange.finish().await;
        Ok(())
    }

    async fn answer(&self, link: &Arc<Link>, exchange: &mut Exchange, pull: Pull) -> Result<(), Error> {
        let _serving = link.serving.lock().await;
        let (ready, mut messages) = mpsc::channel::<Message>(READY);
        let (made, to_send) = mpsc::channel(MADE);
        let maker = Maker::new(self.office(), link, made);
        let making = tokio::spawn(blocking(move || maker.make(pull)));
        let sending = tokio::spawn(dispatch(self.office().clone(), Arc::clone(link), to_send, ready));
        let mut sent = Ok(());
        while let Some(message) = messages.recv().await {
            sent = exchange.send(&message.encode()).await;
            if sent.is_err() {
                break;
            }
        }
        // Both end before the next answer begins, also where nobody listens any more.
        drop(messages);
        let (made, dispatched) = (making.await, sending.await);
        sent?;
        dispatched.map_err(|_| Error::Interrupted)??;
        let mirrored = made.map_err(|_| Error::Interrupted)??;
        if !mirrored {
            link.wake.notify_one();
        }
        link.note_served(self.office().now());
        Ok(())
    }
}

/// A step of an answer on its way out.
struct Outgoing {
    /// What must be durable before it leaves.
    pending: Vec<Pending>,
    /// Records that it discloses.
    records: usize,
    content: Content,
}

enum Content {
    /// Items that are yet to be signed and sealed.
    Parcel(Vec<Vec<u8>>),
    Message(Message),
}

/// Makes the steps of one answer, on a blocking thread.
struct Maker {
    office: Office,
    link: Arc<Link>,
    notes: Notes,
    deliveries: Deliveries,
    pending: Vec<Pending>,
    records: usize,
    made: mpsc::Sender<Outgoing>,
}

impl Maker {
    fn new(office: &Office, link: &Arc<Link>, made: mpsc::Sender<Outgoing>) -> Self {
        Self {
            office: office.clone(),
            link: Arc::clone(link),
            notes: Notes::default(),
            deliveries: Deliveries::new(link.bureau),
            pending: Vec::new(),
            records: 0,
            made,
        }
    }

    /// Steps the provider until the answer is complete. Returns whether the other direction is quiet.
    fn make(mut self, mut pull: Pull) -> Result<bool, Error> {
        pull.budget_bytes = pull.budget_bytes.min(BUDGET_LIMIT);
        let heads = self.office.heads(self.link.bureau)?;
        let mirror = self.link.held_digest(&self.office)?;
        let mut quiet = mirror == pull.mirror && !pull.news;
        let first = lock(&self.link.provider).handle(ProviderInput::Pull { pull, heads: &heads, mirror });
        let mut effects = VecDeque::from(first);
        let mut ended = false;
        while let Some(effect) = effects.pop_front() {
            match effect {
                ProviderEffect::Read { feed, class, groups, after, again, room } => {
                    let wanted = Wanted { feed, class, groups, after, again, room };
                    let open = lock(&self.link.provider).view().open_classes();
                    let (notes, deliveries) = (&mut self.notes, &mut self.deliveries);
                    let read = self.office.disclose(self.link.bureau, &open, wanted, notes, deliveries)?;
                    effects.extend(lock(&self.link.provider).handle(ProviderInput::Read(read)));
                }
                ProviderEffect::Persist { feeds, delivered } => self.persist(&feeds, &delivered)?,
                ProviderEffect::Forget(id, _) => self.office.forget_feed(self.link.bureau, id)?,
                ProviderEffect::Renew(id) => self.link.renew(&self.office, id)?,
                ProviderEffect::Deliver(items) => self.hand_on(Content::Parcel(items))?,
                ProviderEffect::AskCursors => {
                    ended = true;
                    self.hand_on(Content::Message(Message::AskCursors))?;
                }
                ProviderEffect::End(end) => {
                    ended = true;
                    quiet = end.mirrored;
                    self.hand_on(Content::Message(Message::End(end)))?;
                }
            }
        }
        if !ended {
            // What the peer may have changed while it was answered: it asks again.
            self.hand_on(Content::Message(Message::End(End { more: true, mirrored: quiet })))?;
        }
        Ok(quiet)
    }

    /// Hands to the store what is about to be sent, which may leave once this is durable.
    fn persist(&mut self, feeds: &[(FeedId, Feed)], delivered: &[(FeedId, u64)]) -> Result<(), Error> {
        let notes = std::mem::take(&mut self.notes);
        let peer = self.link.bureau;
        // Which references were withheld is read again with the next parcel, so it must be visible by then.
        let read_again = notes.withhold() || self.office.ledger().has_withheld(peer)?;
        let batch = {
            let mut provider = lock(&self.link.provider);
            self.office.note_sent(peer, &mut provider, feeds, delivered, &notes, &mut self.deliveries)?
        };
        let pending = self.office.ledger().store().submit(batch)?;
        if read_again {
            pending.wait()?;
        } else {
            self.pending.push(pending);
        }
        self.records += delivered.len();
        Ok(())
    }

    fn hand_on(&mut self, content: Content) -> Result<(), Error> {
        let (pending, records) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.records));
        self.made.blocking_send(Outgoing { pending, records, content }).map_err(|_| Error::Interrupted)
    }
}

/// Hands on the steps of one answer once what they depend on is durable: all that wait share one entry of the audit log.
async fn dispatch(
    office: Office,
    link: Arc<Link>,
    mut made: mpsc::Receiver<Outgoing>,
    ready: mpsc::Sender<Message>,
) -> Result<(), Error> {
    while let Some(first) = made.recv().await {
        let more = std::iter::from_fn(|| made.try_recv().ok()).take(MADE);
        let steps: Vec<Outgoing> = std::iter::once(first).chain(more).collect();
        let (office, peer) = (office.clone(), link.bureau);
        for message in blocking(move || seal_all(&office, peer, steps)).await? {
            ready.send(message).await.map_err(|_| Error::Interrupted)?;
        }
    }
    Ok(())
}

/// Waits until steps are durable and accounted for, and makes messages of them.
fn seal_all(office: &Office, peer: BureauId, steps: Vec<Outgoing>) -> Result<Vec<Message>, Error> {
    account(office, peer, steps.iter().map(|step| step.records).sum())?;
    let message = |Outgoing { pending, content, .. }: Outgoing| {
        pending.into_iter().try_for_each(|pending| pending.wait().map(drop))?;
        match content {
            Content::Message(message) => Ok(message),
            Content::Parcel(items) => seal(office, peer, items),
        }
    };
    steps.into_iter().map(message).collect()
}

/// What is about to be disclosed is on disk before it leaves.
fn account(office: &Office, peer: BureauId, records: usize) -> Result<(), Error> {
    if records == 0 {
        return Ok(());
    }
    let deed = Deed::new(Actor::Bureau(peer), "feed.send").peer(peer);
    office.account(deed.with("records", records)).map(drop)
}

/// Signs and seals one parcel for a peer that may still take part.
fn seal(office: &Office, to: BureauId, items: Vec<Vec<u8>>) -> Result<Message, Error> {
    let peer = office.active_peer(to)?;
    let parcel = Parcel { from: office.me(), to, created: office.now(), items };
    let signed = parcel.sign(&office.secrets().signing);
    let sealed = parcel::seal(&signed, &peer.card().sealing)?;
    Ok(Message::Delivery(Delivery { sealed }))
}
