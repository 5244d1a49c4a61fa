//! What one bureau would send another, seen in clear: the provider is stepped by hand over the office's books, and each
//! message is kept before it would be signed and sealed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use igain_node::office::{Actor, Draft, Error, Office, Outcome, Received, Reclaiming, Served, Serving, Step};
use igain_protocol::bureau::BureauId;
use igain_protocol::codec;
use igain_protocol::feed::{Cursor, Cursors, Entry, FeedKind, Item, Run};
use igain_protocol::record::RecordId;
use igain_protocol::sync::{Change, Given, Hello, Message, Pull, Subscriber, SubscriberEffect, SubscriberInput};
use tempfile::TempDir;

use crate::bureau::{card, keys, office};

/// What a provider serves a peer, and the peer.
pub struct Wire {
    served: Arc<Served>,
    subscriber: Subscriber,
    serial: u64,
    between: Between,
}

/// What happens between two steps of an answer.
type Between = Option<Box<dyn FnMut(usize)>>;

/// Two offices that know each other, without sockets: KE provides, FR follows.
pub struct Pair {
    /// The provider.
    pub ke: Office,
    /// The subscriber.
    pub fr: Office,
    /// What stands between them.
    pub wire: Wire,
    /// Where KE and FR keep their data.
    pub folders: [TempDir; 2],
}

impl Pair {
    /// Both, and the policy of KE.
    ///
    /// # Panics
    /// Where the policy is refused.
    pub fn new(policy: &str) -> Self {
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        let (ke, fr) = (office("KE", 1, folders[0].path()), office("FR", 2, folders[1].path()));
        know(&ke, fr.me(), 2);
        know(&fr, ke.me(), 1);
        ke.apply_policy(Actor::Node, policy, "test.cedar").expect("a sound policy");
        let wire = Wire::open(&ke, fr.me());
        Self { ke, fr, wire, folders }
    }

    /// Contributes a record to KE.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn add(&self, draft: Draft) -> RecordId {
        let id = draft.id.expect("an id");
        let done = self.ke.contribute(Actor::Node, vec![draft]).expect("a contribution");
        assert!(!matches!(done.outcomes[..], [Outcome::Refused(_)]), "{:?}", done.outcomes);
        id
    }

    /// Carries to FR what it may have, and returns it.
    ///
    /// # Panics
    /// Where FR cannot take it in.
    pub fn carry(&mut self) -> Vec<Change> {
        let changes = self.wire.pull(&self.ke).changes;
        self.fr.receive(self.ke.me(), changes.clone()).expect("the books");
        changes
    }
}

/// Enrols the bureau with the keys of `seed`.
///
/// # Panics
/// Where its card is refused.
pub fn know(office: &Office, id: BureauId, seed: u8) {
    let card = card(id, &keys(seed), &["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned()]);
    office.enrol(Actor::Node, card, None, Vec::new()).expect("a sound card");
}

/// Serials of links that are resumed.
static SERIALS: AtomicU64 = AtomicU64::new(1);

/// Carries to an office all that another has for it, from where it stands.
///
/// # Panics
/// Where one of them cannot read or write its books.
pub fn carry(from: &Office, to: &Office) -> Received {
    let cursors = to.ledger().cursors(from.me()).expect("the books");
    let mut wire = Wire::resume(from, to.me(), cursors);
    wire.give_back(to, wire.cursors());
    let changes = wire.pull(from).changes;
    let received = to.receive(from.me(), changes).expect("the books");
    to.align().expect("the books");
    received
}

/// Carries to an office that gives nothing back what another has for it. What it brought.
///
/// # Panics
/// Where one of them cannot read or write its books.
pub fn carry_without_giving(from: &Office, to: &Office) -> Vec<Change> {
    let cursors = to.ledger().cursors(from.me()).expect("the books");
    let changes = Wire::resume(from, to.me(), cursors).pull(from).changes;
    to.receive(from.me(), changes.clone()).expect("the books");
    changes
}

/// Has a provider be given these things by a peer whose pull it would answer, whatever it asks for: by the number of the
/// question.
///
/// # Panics
/// Where it asks for nothing, or cannot write its books.
pub fn reclaim_with(provider: &Office, holder: &Office, gives: impl Fn(usize) -> Vec<Given>) {
    let cursors = holder.ledger().cursors(provider.me()).expect("the books");
    let mut wire = Wire::resume(provider, holder.me(), cursors);
    let mut reclaiming = wire.reclaims(cursors).expect("it asks");
    for nth in 0.. {
        if reclaiming.ask().is_none() {
            return;
        }
        reclaiming.take(gives(nth)).expect("the books");
    }
}

/// What a bureau brings another in a feed, after all that it has brought before.
///
/// # Panics
/// Where the books cannot be read.
pub fn brings(to: &Office, from: BureauId, feed: FeedKind, entries: Vec<Entry>) -> Vec<Change> {
    let cursor = to.ledger().cursors(from).expect("the books").of(feed);
    let generation = cursor.generation.max(1);
    let open = (cursor.generation == 0).then_some(Change::Open { feed, generation });
    let Run { from, to, entries, .. } = Run::new(feed, generation, cursor.at, entries);
    let entries = Change::Entries { feed, from, entries, to: Cursor { generation, at: to } };
    open.into_iter().chain([entries]).collect()
}

/// What one pull brought.
#[derive(Debug, Default)]
pub struct Sent {
    /// Every message in order; of a parcel, its items in clear.
    pub messages: Vec<Vec<u8>>,
    /// What it changes at the peer.
    pub changes: Vec<Change>,
}

impl Wire {
    /// A peer of `office` that holds nothing yet.
    ///
    /// # Panics
    /// Where the books cannot be read.
    pub fn open(office: &Office, peer: BureauId) -> Self {
        let served = Served::open(office, peer).expect("a view");
        let subscriber = Subscriber::new(Cursors::default());
        Self { served, subscriber, serial: 0, between: None }
    }

    /// A peer of `office` that has come this far.
    ///
    /// # Panics
    /// Where the books cannot be read.
    pub fn resume(office: &Office, peer: BureauId, cursors: Cursors) -> Self {
        let served = Served::open(office, peer).expect("a view");
        // A link's serials never begin anew: they follow the clock.
        let serial = SERIALS.fetch_add(1 << 20, Ordering::Relaxed);
        Self { served, subscriber: Subscriber::new(cursors), serial, between: None }
    }

    /// Has something happen between the steps of every answer, which are counted from 0 on for each pull.
    pub fn between(&mut self, what: impl FnMut(usize) + 'static) {
        self.between = Some(Box::new(what));
    }

    /// Brings the view in line with the policy, and pulls until a pull brings nothing.
    pub fn pull(&mut self, office: &Office) -> Sent {
        self.entitle(office);
        let mut sent = Sent::default();
        loop {
            self.serial += 1;
            let start = SubscriberInput::Start {
                serial: self.serial,
                mirror: [0; 16],
                news: false,
                budget_bytes: 1 << 20,
                window: 64,
                hello: Hello::ours(u64::MAX),
            };
            let before = sent.changes.len();
            if !self.exchange(start, &mut sent) && sent.changes.len() == before {
                return sent;
            }
        }
    }

    /// Brings what peers may have in line with the policy.
    ///
    /// # Panics
    /// Where the books cannot be read or written.
    pub fn entitle(&self, office: &Office) {
        office.align().expect("the books");
    }

    /// The provider's answer to a peer that names these cursors, whatever it was sent before.
    pub fn answer_to(&mut self, cursors: Cursors) -> Vec<Vec<u8>> {
        let pull = self.next_pull(cursors);
        let mut sent = Sent::default();
        self.answer(pull, &mut sent);
        sent.messages
    }

    /// Where the peer is in each feed.
    pub fn cursors(&self) -> Cursors {
        *self.subscriber.cursors()
    }

    /// Has an office that shows these cursors give the provider back what it asks for, if it does.
    ///
    /// # Panics
    /// Where one of them cannot read or write its books.
    pub fn give_back(&mut self, holder: &Office, cursors: Cursors) {
        let Some(mut reclaiming) = self.reclaims(cursors) else { return };
        while let Some(ask) = reclaiming.ask() {
            let items = holder.give_back(self.served.office().me(), &ask).expect("the books");
            let given = items.iter().map(|item| codec::decode(item).expect("an item")).collect();
            reclaiming.take(given).expect("the books");
        }
    }

    /// What the provider asks for before it answers a pull that shows these cursors.
    fn reclaims(&mut self, cursors: Cursors) -> Option<Reclaiming> {
        let pull = self.next_pull(cursors);
        self.served.reclaims(&pull).expect("the books")
    }

    fn next_pull(&mut self, cursors: Cursors) -> Pull {
        self.serial += 1;
        Pull {
            serial: self.serial,
            cursors,
            budget_bytes: 1 << 20,
            window: 64,
            mirror: [0; 16],
            news: false,
            hello: Hello::ours(u64::MAX),
        }
    }

    /// What the next pull fails with.
    ///
    /// # Panics
    /// Where it does not fail.
    pub fn fails(&mut self) -> Error {
        let pull = self.next_pull(self.cursors());
        let mut serving = self.served.answer(pull, [0; 16]).expect("the books");
        loop {
            match serving.step() {
                Err(error) => return error,
                Ok(Step::Done { .. }) => panic!("the answer is complete"),
                Ok(_) => {}
            }
        }
    }

    /// Whether the peer would be told now that there is news.
    ///
    /// # Panics
    /// Where the books cannot be read.
    pub fn hints(&self) -> bool {
        self.served.has_news().expect("the books")
    }

    /// One step of the subscriber and all that follows from it; whether it must pull again.
    fn exchange(&mut self, input: SubscriberInput, sent: &mut Sent) -> bool {
        let mut inputs = VecDeque::from([input]);
        let mut again = false;
        while let Some(input) = inputs.pop_front() {
            for effect in self.subscriber.handle(input) {
                match effect {
                    SubscriberEffect::Send(Message::Pull(pull)) => inputs.extend(self.answer(pull, sent)),
                    SubscriberEffect::Apply(changes) => sent.changes.extend(changes),
                    SubscriberEffect::Done { more, .. } => again = more,
                    other => panic!("unexpected: {other:?}"),
                }
            }
        }
        again
    }

    /// The provider's answer to one pull.
    fn answer(&mut self, pull: Pull, sent: &mut Sent) -> Vec<SubscriberInput> {
        let mut serving: Serving = self.served.answer(pull, [0; 16]).expect("the books");
        let mut answers = Vec::new();
        for nth in 0.. {
            let step = serving.step().expect("the books");
            match step {
                Step::Busy => {}
                Step::Done { .. } => break,
                Step::Send(content) => {
                    content.wait().expect("a commit");
                    sent.messages.extend(content.message.iter().map(Message::encode));
                    match content.message {
                        Some(Message::End(end)) => answers.push(SubscriberInput::End(end)),
                        Some(other) => panic!("unexpected: {other:?}"),
                        None => {
                            let items = content.items.iter();
                            let decoded = items.map(|item| codec::decode::<Item>(item).expect("an item"));
                            answers.push(SubscriberInput::Parcel(decoded.collect()));
                            sent.messages.extend(content.items);
                        }
                    }
                }
            }
            self.between.iter_mut().for_each(|between| between(nth));
        }
        answers
    }
}
