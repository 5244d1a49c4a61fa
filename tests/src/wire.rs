//! What one bureau would send another, seen in clear: the provider is stepped by hand over the office's books, and each
//! message is kept before it would be signed and sealed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use igain_node::keystore::Keys;
use igain_node::ledger::Deliveries;
use igain_node::office::{Actor, Draft, Notes, Office, Outcome, Secrets, Wanted};
use igain_node::store::Batch;
use igain_protocol::bureau::BureauId;
use igain_protocol::codec;
use igain_protocol::log::{Cursor, FeedId, Item};
use igain_protocol::record::RecordId;
use igain_protocol::sync::{
    Change, Message, Provider, ProviderEffect, ProviderInput, Pull, Subscriber, SubscriberEffect, SubscriberInput,
};
use tempfile::TempDir;

use crate::bureau::{card, keys, office};

/// A provider and the peer that it serves.
pub struct Wire {
    peer: BureauId,
    secrets: Secrets,
    provider: Provider,
    subscriber: Subscriber,
    serial: u64,
}

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
        let wire = Wire::open(&ke, &keys(1), fr.me());
        Self { ke, fr, wire, folders }
    }

    /// Contributes a record to KE.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn add(&self, draft: Draft) -> RecordId {
        let id = draft.id.expect("an id");
        let done = self.ke.contribute(vec![draft]).expect("a contribution");
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

/// What one pull brought.
#[derive(Debug, Default)]
pub struct Sent {
    /// Every message in order; of a parcel, its items in clear.
    pub messages: Vec<Vec<u8>>,
    /// What it changes at the peer.
    pub changes: Vec<Change>,
}

impl Wire {
    /// A peer that holds nothing yet, of an office with these keys.
    ///
    /// # Panics
    /// Where the books cannot be read.
    pub fn open(office: &Office, keys: &Keys, peer: BureauId) -> Self {
        let provider = Provider::new(office.ledger().view(peer).expect("a view"));
        let subscriber = Subscriber::new(BTreeMap::new(), BTreeSet::new());
        Self { peer, secrets: Secrets::of(keys), provider, subscriber, serial: 0 }
    }

    /// Brings the view in line with the policy, and pulls until a pull brings nothing.
    pub fn pull(&mut self, office: &Office) -> Sent {
        self.entitle(office);
        let mut sent = Sent::default();
        loop {
            self.serial += 1;
            let start =
                SubscriberInput::Start { serial: self.serial, mirror: [0; 16], news: false, budget_bytes: 1 << 20 };
            let before = sent.changes.len();
            if !self.exchange(office, start, &mut sent) && sent.changes.len() == before {
                return sent;
            }
        }
    }

    /// Brings the view in line with the policy.
    pub fn entitle(&mut self, office: &Office) {
        let grants = office.grants(None);
        let mine = grants.get(&self.peer).cloned().unwrap_or_default();
        let mine = office.shown(self.provider.view(), &mine);
        let now = office.now().as_ms();
        let changed = self.provider.view_mut().entitle(self.peer, &self.secrets.feed, &mine, now);
        self.store(office, &changed);
    }

    /// The provider's answer to a peer that names these cursors, whatever it was sent before.
    pub fn answer_to(&mut self, office: &Office, cursors: Vec<Cursor>) -> Vec<Vec<u8>> {
        self.serial += 1;
        let (serial, digest) = (self.serial, [0xee; 16]);
        let pull = Pull { serial, digest, cursors: Some(cursors), budget_bytes: 1 << 20, mirror: [0; 16], news: false };
        let mut sent = Sent::default();
        self.answer(office, pull, &mut sent);
        sent.messages
    }

    /// Where the peer is in each feed.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.subscriber.cursors().iter().map(|(feed, at)| Cursor { feed: *feed, at: *at }).collect()
    }

    /// Whether the peer would be told now that there is news.
    pub fn hints(&self, office: &Office) -> bool {
        self.provider.view().has_news(&office.heads(self.peer).expect("the books"))
    }

    /// One step of the subscriber and all that follows from it; whether it must pull again.
    fn exchange(&mut self, office: &Office, input: SubscriberInput, sent: &mut Sent) -> bool {
        let mut inputs = VecDeque::from([input]);
        let mut again = false;
        while let Some(input) = inputs.pop_front() {
            for effect in self.subscriber.handle(input) {
                match effect {
                    SubscriberEffect::Send(Message::Pull(pull)) => inputs.extend(self.answer(office, pull, sent)),
                    SubscriberEffect::Apply(changes) => sent.changes.extend(changes),
                    SubscriberEffect::Done { more, .. } => again = more,
                    other => panic!("unexpected: {other:?}"),
                }
            }
        }
        again
    }

    /// The provider's answer to one pull.
    fn answer(&mut self, office: &Office, pull: Pull, sent: &mut Sent) -> Vec<SubscriberInput> {
        let heads = office.heads(self.peer).expect("the books");
        let mut effects =
            VecDeque::from(self.provider.handle(ProviderInput::Pull { pull, heads: &heads, mirror: [0; 16] }));
        let mut answers = Vec::new();
        let (mut notes, mut deliveries) = (Notes::default(), Deliveries::new(self.peer));
        while let Some(effect) = effects.pop_front() {
            match effect {
                ProviderEffect::Read { feed, class, groups, after, again, room } => {
                    let wanted = Wanted { feed, class, groups, after, again, room };
                    let open = self.provider.view().open_classes();
                    let read = office.disclose(self.peer, &open, wanted, &mut notes, &mut deliveries);
                    let read = read.expect("the books");
                    effects.extend(self.provider.handle(ProviderInput::Read(read)));
                }
                ProviderEffect::Persist { feeds, delivered } => {
                    let notes = std::mem::take(&mut notes);
                    let batch =
                        office.note_sent(self.peer, &mut self.provider, &feeds, &delivered, &notes, &mut deliveries);
                    office.ledger().commit(batch.expect("the books")).expect("a commit");
                }
                ProviderEffect::Forget(id, _) => office.forget_feed(self.peer, id).expect("the books"),
                ProviderEffect::Renew(id) => {
                    let now = office.now().as_ms();
                    let changed = self.provider.view_mut().renew(self.peer, &self.secrets.feed, id, now);
                    self.store(office, &changed);
                }
                ProviderEffect::Deliver(items) => {
                    let decoded = items.iter().map(|item| codec::decode::<Item>(item).expect("an item"));
                    answers.push(SubscriberInput::Parcel(decoded.collect()));
                    sent.messages.extend(items);
                }
                ProviderEffect::AskCursors => {
                    self.serial += 1;
                    sent.messages.push(Message::AskCursors.encode());
                    answers.push(SubscriberInput::AskedCursors { serial: self.serial });
                }
                ProviderEffect::End(end) => {
                    sent.messages.push(Message::End(end).encode());
                    answers.push(SubscriberInput::End(end));
                }
            }
        }
        answers
    }

    fn store(&self, office: &Office, changed: &[FeedId]) {
        let mut batch = Batch::default();
        for id in changed {
            match self.provider.view().feeds.get(id) {
                Some(feed) => office.ledger().put_feed(&mut batch, self.peer, *id, feed),
                None => office.ledger().delete_feed(&mut batch, self.peer, *id),
            }
        }
        office.ledger().commit(batch).expect("a commit");
    }
}
