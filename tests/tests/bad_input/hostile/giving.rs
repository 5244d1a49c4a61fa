//! It gives what was not asked for.

use std::time::Duration;

use igain_node::network::Exchange;
use igain_protocol::bureau::{Card, SealingKey};
use igain_protocol::codec::{self, Signed, Typ};
use igain_protocol::feed::{Entry, FeedKind, Item, Position, Run};
use igain_protocol::label::Label;
use igain_protocol::parcel::{self, PARCEL_LIMIT, Parcel};
use igain_protocol::record::{self, Content, RecordId, SaltKey, Value};
use igain_protocol::sync::{CardMessage, Delivery, End, Hello, Message, Notify};
use igain_protocol::vocabulary::{GroupSet, Kind, Tlp};
use igain_tests::bureau::{GRADING, keys};
use igain_tests::daemon::PATIENCE;

use super::super::{audited, particular};
use super::{HOSTILE, STALL, Siege, now};

pub(super) const END: Message = Message::End(End { more: false, mirrored: true, hello: Hello::ours(u64::MAX) });
pub(super) const MORE: Message = Message::End(End { more: true, mirrored: true, hello: Hello::ours(u64::MAX) });

/// After this, KE has asked for all that it wants for now.
const QUIET: Duration = Duration::from_millis(400);

const FEED: FeedKind = FeedKind::Records;

fn label() -> Label {
    Label::new(Kind::Phone, Tlp::Green)
}

pub(super) fn open_feed() -> Item {
    Item::Open { feed: FEED, generation: 5 }
}

pub(super) fn entries(from: Position, entries: Vec<Entry>) -> Item {
    Item::Run(Run::new(FEED, 5, from, entries))
}

fn put(record: &[u8]) -> Entry {
    Entry::Put { groups: GroupSet::ALL, record: record.to_vec() }
}

impl Siege {
    /// A record of the hostile bureau's own, signed with the keys of `seed`.
    fn record(&self, seed: u8) -> Entry {
        let content = Content {
            id: RecordId::derived(&[1; 32], "hostile", "1"),
            revision: 1,
            owner: self.me(),
            label: label().graded(GRADING),
            created: now(),
            modified: now(),
            retain_until: Some(now().day().plus_days(30)),
            fields: vec![("number".into(), Value::Text("+254700000099".into()))],
        };
        let record = record::sign(&content, &SaltKey::new([7; 32]), &keys(seed).signing()).expect("a record");
        put(record.as_bytes())
    }

    fn parcel(&self, items: &[Item]) -> Parcel {
        let items = items.iter().map(codec::encode).collect();
        Parcel { from: self.me(), to: self.card.bureau, created: now(), items }
    }

    fn seal(&self, parcel: &Parcel, to: &SealingKey) -> Message {
        let signed = parcel.sign(&self.keys.signing());
        Message::Delivery(Delivery { sealed: parcel::seal(&signed, to).expect("sealed") })
    }

    /// A parcel as it should be.
    pub(super) fn deliver(&self, items: &[Item]) -> Message {
        self.seal(&self.parcel(items), &self.card.sealing)
    }

    /// The next exchange in which KE pulls, after its first frame.
    async fn pulled(&mut self) -> Exchange {
        // KE pulls at its next interval in any case.
        if let Ok(mut hint) = self.network.open(self.ke_key()).await {
            let _ = hint.send(&Message::Notify(Notify).encode()).await;
            let _ = hint.recv().await;
        }
        loop {
            let mut exchange =
                self.incoming.as_mut().expect("nobody else answers").recv().await.expect("the network runs");
            if let Ok(Some(frame)) = exchange.recv().await
                && matches!(Message::decode(&frame), Ok(Message::Pull(_)))
            {
                return exchange;
            }
        }
    }

    /// Answers KE's next pull with these messages, and what it pulls after them with nothing new.
    pub(super) fn answer(&mut self, messages: &[Message]) {
        let runtime = tokio::runtime::Handle::clone(self.runtime.handle());
        let answering = async {
            let mut exchange = self.pulled().await;
            for message in messages {
                // KE hangs up at the first breach.
                if exchange.send(&message.encode()).await.is_err() {
                    return;
                }
            }
            // KE asks again where something came, and keeps an exchange in which it was answered; at a breach it hangs up.
            let wait = if messages.last() == Some(&END) { QUIET } else { PATIENCE };
            while let Ok(Ok(Some(_))) = tokio::time::timeout(wait, exchange.recv()).await {
                if exchange.send(&END.encode()).await.is_err() {
                    return;
                }
            }
        };
        let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, answering).await });
        answered.expect("KE pulls, and comes to an end");
    }
}

/// L4, L16. Each breach is refused, accounted for with its own name, and costs the daemon nothing. Seen to fail with
/// the check of the receiver inside the parcel taken out.
#[test]
fn parcels_that_are_refused() {
    let mut siege = Siege::lay(21);
    let (ke, other) = (siege.card.sealing, keys(22).sealing().sealing_key());
    let good = [open_feed()];
    let foreign = |to: &str| Parcel { to: to.parse().expect("a bureau"), ..siege.parcel(&good) };
    let by_another = {
        let parcel = Parcel { from: "FR".parse().expect("a bureau"), ..siege.parcel(&good) };
        siege.seal(&parcel, &ke)
    };
    let with_anothers_key = {
        let signed = siege.parcel(&good).sign(&keys(22).signing());
        Message::Delivery(Delivery { sealed: parcel::seal(&signed, &ke).expect("sealed") })
    };
    let raw = |items: Vec<Vec<u8>>| siege.seal(&Parcel { items, ..siege.parcel(&[]) }, &ke);
    let nested = raw(vec![vec![0x81; 50_000]]);
    let rubbish = raw(vec![vec![0xa0]]);
    let crowd = raw(vec![vec![0xf6]; 5_000]);
    let long = raw(vec![vec![0; PARCEL_LIMIT - 100], vec![0; 200]]);
    let sealed = parcel::seal(&siege.parcel(&good).sign(&siege.keys.signing()), &ke).expect("sealed");
    let mut bent = sealed.clone();
    let middle = bent.len() - 40;
    bent[middle] ^= 1;
    let gap = Position { seq: 7, head: [1; 16] };
    let gone = Entry::Gone(RecordId::from_bytes([1; 16]));
    let unknown = Item::Run(Run::new(FEED, u64::MAX, Position::default(), vec![gone.clone()]));
    let letters = Item::Run(Run::new(FeedKind::Letters, 0, Position::default(), vec![gone.clone()]));
    let breaches: Vec<(&str, Vec<Message>)> = vec![
        ("parcel.not-for-us", vec![siege.seal(&foreign("FR"), &ke)]),
        ("parcel.not-sealed-for-us", vec![siege.seal(&siege.parcel(&good), &other)]),
        ("parcel.not-by-sender", vec![by_another]),
        ("document.key", vec![with_anothers_key]),
        ("parcel.damaged", vec![Message::Delivery(Delivery { sealed: bent })]),
        ("parcel.damaged", vec![Message::Delivery(Delivery { sealed: sealed[..sealed.len() / 2].to_vec() })]),
        ("parcel.damaged", vec![Message::Delivery(Delivery { sealed: vec![b'a'; 50_000] })]),
        ("document.too-deep", vec![nested]),
        ("document.content", vec![rubbish]),
        ("parcel.too-many", vec![crowd]),
        ("parcel.too-long", vec![long]),
        ("sync.unknown-feed", vec![siege.deliver(&[unknown])]),
        ("sync.misplaced", vec![siege.deliver(&[letters])]),
        ("sync.gap", vec![siege.deliver(&[open_feed(), entries(gap, vec![gone])])]),
        ("sync.unknown-feed", vec![siege.deliver(&[Item::Open { feed: FEED, generation: u64::MAX }])]),
        ("sync.unasked", vec![Message::Notify(Notify)]),
    ];
    for (how, messages) in breaches {
        siege.answer(&messages);
        siege.breach(how);
        // A sound answer, after which KE bears no grudge.
        siege.answer(&[END]);
    }
    for entry in audited(&siege.ke, "sync.violation", Some(HOSTILE)) {
        assert_eq!(entry["actor"], "bureau:BR", "{entry}");
    }
    siege.assert_served();
    siege.assert_sound();
}

/// L8, L16: what was said once counts once, and what was taken back does not come again from an old parcel. Seen to fail
/// when an earlier generation of a feed may follow a later one.
#[test]
fn parcels_that_are_replayed() {
    let mut siege = Siege::lay(23);
    let record = siege.record(23);
    let first = siege.deliver(&[open_feed(), entries(Position::default(), vec![record.clone()])]);
    let after = Run::new(FEED, 5, Position::default(), vec![record]).to;
    let recall = siege.deliver(&[entries(after, vec![Entry::Recall(label().graded(GRADING).digest())])]);
    let anew = siege.deliver(&[Item::Open { feed: FEED, generation: 6 }]);
    let held = |siege: &Siege| {
        let status = siege.ke.json(&["status"]);
        let row = status["records"].as_array().expect("counts").iter().find(|row| row["owner"] == HOSTILE).cloned();
        row.map_or(0, |row| row["records"].as_u64().expect("a count"))
    };
    siege.answer(&[first.clone(), END]);
    assert_eq!(held(&siege), 1);
    siege.answer(&[first.clone(), first.clone(), END]);
    assert_eq!(held(&siege), 1);
    siege.answer(&[recall, END]);
    assert_eq!(held(&siege), 0);
    siege.answer(&[first.clone(), END]);
    assert_eq!(held(&siege), 0);
    siege.answer(&[anew, END]);
    siege.answer(&[first, END]);
    assert_eq!(held(&siege), 0);
    siege.assert_sound();
}

/// L4. Seen to fail when refused records are counted and not accounted for.
#[test]
fn records_that_are_not_their_owners_word() {
    let mut siege = Siege::lay(24);
    let forged = siege.record(25);
    let Entry::Put { record: mut bent, .. } = siege.record(24) else { unreachable!() };
    let last = bent.len() - 1;
    bent[last] ^= 1;
    let run = vec![forged, put(&bent), Entry::Withdraw(vec![1, 2, 3])];
    let parcel = siege.deliver(&[open_feed(), entries(Position::default(), run)]);
    siege.answer(&[parcel, END]);
    let refused = siege.accounts("record.refused", 3);
    assert!(refused.iter().all(|entry| !particular(entry, "why").is_empty()), "{refused:?}");
    siege.assert_sound();
}

/// L16, L17. Seen to fail when each is an entry of its own: KE's writers waited for a thousand of them.
#[test]
fn records_that_are_refused_without_end_do_not_fill_the_audit_log() {
    const MANY: usize = 1_000;
    let mut siege = Siege::lay(28);
    let junk: Vec<Entry> = (0..MANY).map(|nth| put(&nth.to_be_bytes())).collect();
    let parcel = siege.deliver(&[open_feed(), entries(Position::default(), junk)]);
    siege.answer(&[parcel, END]);
    let refused = siege.accounts("record.refused", 17);
    let untold = refused.iter().map(|entry| particular(entry, "untold").parse().unwrap_or(0)).sum::<usize>();
    assert_eq!((refused.len() - 1) + untold, MANY, "{refused:?}");
    siege.assert_sound();
}

/// L16. Seen to fail with an answer of any length, and with any number of pulls that bring nothing.
#[test]
fn answers_without_end() {
    let mut siege = Siege::lay(26);
    let nothing = siege.deliver(&[]);
    let Message::Delivery(one) = &nothing else { unreachable!() };
    let many = 2 * (PARCEL_LIMIT * 40) / one.sealed.len();
    siege.answer(&vec![nothing; many]);
    siege.breach("sync.overlong");
    siege.answer(&[END]);
    let runtime = tokio::runtime::Handle::clone(siege.runtime.handle());
    runtime.block_on(async {
        let mut exchange = tokio::time::timeout(PATIENCE, siege.pulled()).await.expect("KE pulls");
        let promise = async {
            while exchange.send(&MORE.encode()).await.is_ok() && matches!(exchange.recv().await, Ok(Some(_))) {}
        };
        tokio::time::timeout(PATIENCE, promise).await.expect("KE has enough");
    });
    siege.breach("sync.endless");
    siege.answer(&[END]);
    siege.assert_sound();
}

/// L16, L17. Seen to fail when a peer may be silent for an hour.
#[test]
fn an_answer_that_never_comes() {
    let mut siege = Siege::lay(27);
    let runtime = tokio::runtime::Handle::clone(siege.runtime.handle());
    runtime.block_on(async {
        let mut exchange = tokio::time::timeout(PATIENCE, siege.pulled()).await.expect("KE pulls");
        let ended = tokio::time::timeout(STALL, exchange.recv()).await.expect("KE gives up");
        assert!(!matches!(ended, Ok(Some(_))), "KE has nothing more to say");
    });
    siege.accounts("exchange.failed", 1);
    siege.assert_sound();
}

/// L7, L19: a card that is of a later version, or whose time has not come, stops nothing: the one known serves until then.
/// Any other that cannot be taken is a breach. Seen to fail when every card that is refused ends the answer.
#[test]
fn a_card_that_cannot_be_taken_yet_stops_nothing_behind_it() {
    let mut siege = Siege::lay(29);
    let own = |change: &dyn Fn(&mut Card)| super::card(HOSTILE, &siege.keys, change);
    let early = own(&|card| {
        card.serial = 6;
        (card.not_before, card.not_after) = (now().plus_ms(86_400_000), now().plus_ms(2 * 86_400_000));
    });
    let payload = Signed::parse(Typ::Card, early.as_bytes()).expect("a document").payload().to_vec();
    // Entry 0 of the payload, its version, is the first.
    let later = codec::sign(Typ::Card, &[&payload[..2], &[9], &payload[3..]].concat(), &siege.keys.signing());
    let message = |card: &[u8]| Message::Card(CardMessage { card: card.to_vec() });
    let (mut at, mut generation) = (Position::default(), Some(open_feed()));
    for card in [early.as_bytes(), &later] {
        let run = Run::new(FEED, 5, at, vec![Entry::Gone(RecordId::from_bytes([1; 16]))]);
        at = run.to;
        let items: Vec<Item> = generation.take().into_iter().chain([Item::Run(run)]).collect();
        let parcel = siege.deliver(&items);
        siege.answer(&[message(card), parcel, END]);
    }
    siege.accounts("peer.enrol", 1);
    assert!(audited(&siege.ke, "sync.violation", Some(HOSTILE)).is_empty());
    let state = siege.ke.json(&["peer", "show", HOSTILE]);
    assert_eq!(state["card"]["serial"], 5, "{state}");
    let foreign = super::card(HOSTILE, &keys(30), |card| card.serial = 7);
    siege.answer(&[message(foreign.as_bytes())]);
    siege.breach("card.other-key");
    siege.assert_sound();
}
