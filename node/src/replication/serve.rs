//! Answering a peer: its pulls with parcels, its hints with a pull.

use std::collections::VecDeque;
use std::sync::Arc;

use igain_protocol::parcel::{self, Parcel};
use igain_protocol::sync::{Delivery, End, Message, ProviderEffect, ProviderInput, Pull};
use tokio::sync::mpsc;

use super::link::Link;
use super::{Replication, blocking, lock};
use crate::network::Exchange;
use crate::office::{Actor, Deed, Error, Office, Wanted};

/// Messages that wait to be sent while the next are made: a few parcels, so that memory stays small however slow the
/// link is.
const READY: usize = 4;

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
                Ok(_) => return self.violated(link, "unasked").await,
                Err(error) => {
                    self.violated(link, "malformed").await?;
                    return Err(error.into());
                }
            }
        }
        // The peer has said all; whether it hears our end no longer matters.
        let _ = exchange.finish().await;
        Ok(())
    }

    /// Accounts for a peer that breaks the protocol.
    pub(super) async fn violated(&self, link: &Link, how: &'static str) -> Result<(), Error> {
        let deed = Deed::new(Actor::Bureau(link.bureau), "sync.violation").peer(link.bureau).with("how", how);
        let office = self.office().clone();
        blocking(move || office.account(deed)).await.map(drop)
    }

    async fn answer(&self, link: &Arc<Link>, exchange: &mut Exchange, pull: Pull) -> Result<(), Error> {
        let _serving = link.serving.lock().await;
        let (ready, mut messages) = mpsc::channel::<Message>(READY);
        let (office, serving) = (self.office().clone(), Arc::clone(link));
        let maker = tokio::spawn(blocking(move || Maker { office, link: serving, ready }.make(pull)));
        while let Some(message) = messages.recv().await {
            exchange.send(&message.encode()).await?;
        }
        let mirrored = maker.await.map_err(|_| Error::Interrupted)??;
        if !mirrored {
            link.wake.notify_one();
        }
        link.note_served(self.office().now());
        Ok(())
    }
}

/// Makes the messages of one answer, on a blocking thread.
struct Maker {
    office: Office,
    link: Arc<Link>,
    ready: mpsc::Sender<Message>,
}

impl Maker {
    /// Steps the provider until the answer is complete. Returns whether the other direction is quiet.
    fn make(&self, mut pull: Pull) -> Result<bool, Error> {
        pull.budget_bytes = pull.budget_bytes.min(BUDGET_LIMIT);
        let heads = self.office.heads(self.link.bureau)?;
        let mirror = self.link.held_digest(&self.office)?;
        let mut quiet = mirror == pull.mirror && !pull.news;
        let first = lock(&self.link.provider).handle(ProviderInput::Pull { pull, heads: &heads, mirror });
        let mut effects = VecDeque::from(first);
        let mut ended = false;
        while let Some(effect) = effects.pop_front() {
            match effect {
                ProviderEffect::Read { feed, class, groups, after, room } => {
                    let wanted = Wanted { feed, class, groups, after, room };
                    let open = lock(&self.link.provider).view().open_classes();
                    let read = self.office.disclose(self.link.bureau, &open, wanted)?;
                    effects.extend(lock(&self.link.provider).handle(ProviderInput::Read(read)));
                }
                ProviderEffect::Persist { feeds, delivered } => {
                    self.link.persist(&self.office, &feeds, &delivered)?;
                    self.account(delivered.len())?;
                }
                ProviderEffect::Forget(id, _) => self.link.forget(&self.office, id)?,
                ProviderEffect::Renew(id) => self.link.renew(&self.office, id)?,
                ProviderEffect::Deliver(items) => self.deliver(items)?,
                ProviderEffect::AskCursors => {
                    ended = true;
                    self.send(Message::AskCursors)?;
                }
                ProviderEffect::End(end) => {
                    ended = true;
                    quiet = end.mirrored;
                    self.send(Message::End(end))?;
                }
            }
        }
        if !ended {
            // What the peer may have changed while it was answered: it asks again.
            self.send(Message::End(End { more: true, mirrored: quiet }))?;
        }
        Ok(quiet)
    }

    /// What is about to be disclosed is on disk before it leaves.
    fn account(&self, records: usize) -> Result<(), Error> {
        if records == 0 {
            return Ok(());
        }
        let deed = Deed::new(Actor::Bureau(self.link.bureau), "feed.send").peer(self.link.bureau);
        self.office.account(deed.with("records", records)).map(drop)
    }

    /// Signs and seals one parcel for a peer that may still take part.
    fn deliver(&self, items: Vec<Vec<u8>>) -> Result<(), Error> {
        let peer = self.office.active_peer(self.link.bureau)?;
        let parcel = Parcel { from: self.office.me(), to: self.link.bureau, created: self.office.now(), items };
        let signed = parcel.sign(&self.office.secrets().signing);
        let sealed = parcel::seal(&signed, &peer.card().sealing)?;
        self.send(Message::Delivery(Delivery { sealed }))
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        self.ready.blocking_send(message).map_err(|_| Error::Interrupted)
    }
}
