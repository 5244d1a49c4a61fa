//! A parcel with one of each item and entry, and an exchange as it was recorded.

use igain_protocol::bureau::SealingIdentity;
use igain_protocol::codec;
use igain_protocol::feed::{Cursor, Cursors, Entry, FeedKind, Item, Letter, LetterKind, Position, Run};
use igain_protocol::label::Label;
use igain_protocol::parcel::{self, Parcel};
use igain_protocol::sync::{CardMessage, Delivery, End, Hello, Message, Notify, Pull, Taken};
use igain_protocol::vocabulary::{GroupSet, Kind, Tlp};
use serde_json::{Value as Json, json};

use super::{
    FR_SEALING, KE_SIGNING, KE_TRANSPORT, SigningKey, at, card, charter, check, hex, id, identity_text, ke, keys,
    records, stored, unhex,
};

const GENERATION: u64 = 1_767_600_000_000;

fn run(feed: FeedKind, from: Position, entries: Vec<Entry>) -> Run {
    Run::new(feed, GENERATION, from, entries)
}

/// One of each.
fn items() -> Vec<Vec<u8>> {
    let letter = Letter { kind: LetterKind::Charter, bytes: charter().sign(&ke()).unwrap().as_bytes().to_vec() };
    let later = Letter { kind: LetterKind::Other(9), bytes: vec![0xf6] };
    let label = Label::new(Kind::Phone, Tlp::Green).digest();
    let [one, other] = records::alike();
    let put = |record: Vec<u8>, groups| Entry::Put { groups, record };
    let records = vec![
        put(one, GroupSet::ALL),
        // The second says its key and label by the first.
        put(other, GroupSet::ALL),
        Entry::Gone(records::record_id(8)),
        Entry::Withdraw(records::withdrawn()),
        Entry::Other(vec![0x82, 0x18, 0x63, 0x01]),
        Entry::Recall(label),
        Entry::Complete,
    ];
    let begin = |feed| codec::encode(&Item::Open { feed, generation: GENERATION });
    let letters = run(FeedKind::Letters, Position::default(), vec![Entry::Letter(letter), Entry::Letter(later)]);
    vec![
        begin(FeedKind::Letters),
        codec::encode(&Item::Run(letters)),
        begin(FeedKind::Records),
        codec::encode(&Item::Run(run(FeedKind::Records, Position::default(), records))),
        // Of a later version.
        vec![0x82, 0x18, 0x63, 0xf6],
    ]
}

/// The place after the entries of a parcel in a feed.
fn place(items: &[Vec<u8>], feed: FeedKind) -> Cursor {
    let mut runs = items.iter().rev().filter_map(|item| match codec::decode(item).unwrap() {
        Item::Run(run) if run.feed == feed => Some(Cursor { generation: run.generation, at: run.to }),
        _ => None,
    });
    runs.next().unwrap()
}

fn in_json(cursor: Cursor) -> Json {
    json!([cursor.generation, cursor.at.seq, hex(&cursor.at.head)])
}

/// The sealed parcel of a vector, which is kept as long as it opens to the same.
fn sealed(signed: &[u8], kept: Option<Vec<u8>>) -> Vec<u8> {
    let identity = SealingIdentity::from_seed(FR_SEALING);
    let opens = |bytes: &Vec<u8>| parcel::open(bytes, [&identity]).is_ok_and(|opened| *opened == signed);
    kept.filter(opens).unwrap_or_else(|| parcel::seal(signed, &identity.sealing_key()).unwrap())
}

fn all_keys() -> Json {
    let mut keys = keys(&KE_SIGNING);
    keys["sealing_identity"] = json!(identity_text(&FR_SEALING));
    keys
}

#[test]
fn the_parcel_of_all_items_is_as_it_was() {
    let items = items();
    let (from, to, created) = (id("KE"), id("FR"), at("2026-01-05T00:00:00Z"));
    let signed = Parcel { from, to, created, items: items.clone() }.sign(&ke());
    let kept = stored("parcel-items").and_then(|old| old["bytes"].as_str().map(unhex));
    check(
        "parcel-items",
        &json!({
            "name": "parcel-items",
            "description": "A parcel with one of each item and each entry, and where the feeds are after it",
            "keys": all_keys(),
            "input": {
                "from": "KE",
                "to": "FR",
                "created_ms": created.as_ms(),
                "items": items.iter().map(|item| hex(item)).collect::<Vec<_>>(),
            },
            "entries": ["letter", "letter", "put", "put", "gone", "withdraw", "other", "recall", "complete"],
            "letters": in_json(place(&items, FeedKind::Letters)),
            "records": in_json(place(&items, FeedKind::Records)),
            "signed": hex(&signed),
            "bytes": hex(&sealed(&signed, kept)),
        }),
    );
}

/// FR pulls from KE, of which it has an older card and nothing else; and then once more.
#[test]
fn the_exchange_is_as_it_was() {
    let items = items();
    let (from, to, created) = (id("KE"), id("FR"), at("2026-01-05T00:00:00Z"));
    let signed = Parcel { from, to, created, items: items.clone() }.sign(&ke());
    let frame = |old: &Json| {
        let frames = old["frames"].as_array()?;
        let delivery = frames.iter().find(|frame| frame["message"] == "delivery")?;
        let Ok(Message::Delivery(delivery)) = Message::decode(&unhex(delivery["bytes"].as_str()?)) else { return None };
        Some(delivery.sealed)
    };
    let sealed = sealed(&signed, stored("exchange").as_ref().and_then(frame));
    let serial = created.as_ms();
    let seen = |seen| Hello { format: 2, capabilities: 0, seen };
    let none = Cursors::default();
    let all = Cursors { letters: place(&items, FeedKind::Letters), records: place(&items, FeedKind::Records) };
    let pull = |nth: u64, cursors, card| {
        let (budget_bytes, window, mirror, news) = (1 << 20, 4, none.digest(), false);
        Message::Pull(Pull { serial: serial + nth, cursors, budget_bytes, window, mirror, news, hello: seen(card) })
    };
    let card = card().sign(&ke(), &SigningKey::from_seed(KE_TRANSPORT)).unwrap().as_bytes().to_vec();
    let end = |mirrored| Message::End(End { more: false, mirrored, hello: seen(7) });
    let frames = [
        ("FR", "pull", pull(0, none, 0)),
        ("KE", "card", Message::Card(CardMessage { card })),
        ("KE", "delivery", Message::Delivery(Delivery { sealed })),
        ("KE", "end", end(true)),
        ("FR", "taken", Message::Taken(Taken { serial, parcels: 1 })),
        ("FR", "pull", pull(1, all, 1)),
        ("KE", "end", end(true)),
        ("KE", "notify", Message::Notify(Notify)),
    ];
    let frames = frames.map(|(by, message, frame)| {
        let bytes = frame.encode();
        assert_eq!(Message::decode(&bytes), Ok(frame));
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        json!({ "from": by, "message": message, "length": hex(&length), "bytes": hex(&bytes) })
    });
    check(
        "exchange",
        &json!({
            "name": "exchange",
            "description": "FR pulls from KE all that there is, and once more; the notify is in an exchange of KE's own",
            "keys": all_keys(),
            "letters": in_json(all.letters),
            "records": in_json(all.records),
            "frames": frames,
        }),
    );
}
