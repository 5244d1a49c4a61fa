//! What a bureau of a version to come signs: records that say what is not known yet, made by hand as the format has it.

use igain_protocol::bureau::{BureauId, SigningKey};
use igain_protocol::codec::{self, Typ};
use igain_protocol::label::Label;
use igain_protocol::record::{self, Content, RecordId, SaltKey, Value, redact_bytes};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{GroupSet, Kind, Tlp};
use minicbor::{Decoder, Encoder};
use sha2::{Digest, Sha256};

use crate::bureau::GRADING;

/// A record of a phone that anybody can read.
///
/// # Panics
/// Where it cannot be signed.
pub fn record(owner: BureauId, key: &SigningKey, id: RecordId, revision: u32, at: Timestamp, until: Day) -> Vec<u8> {
    let content = Content {
        id,
        revision,
        owner,
        label: label(),
        created: at,
        modified: at,
        retain_until: Some(until),
        fields: vec![("number".into(), Value::Text("+254700000001".into()))],
    };
    record::sign(&content, &SaltKey::new([7; 32]), key).expect("a record").as_bytes().to_vec()
}

/// Its label.
pub fn label() -> Label {
    Label::new(Kind::Phone, Tlp::Green).graded(GRADING)
}

/// A record with nothing disclosed, as its owner signs it whose node is newer: `change` is made to its label and head.
///
/// # Panics
/// Where the bytes are no record of a phone.
pub fn changed(whole: &[u8], key: &SigningKey, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> Vec<u8> {
    let bytes = redact_bytes(whole, Kind::Phone, GroupSet::EMPTY, &|_| true).expect("a record");
    let mut d = Decoder::new(&bytes);
    d.array().expect("a record");
    let kid = d.bytes().expect("a key id");
    let start = d.position();
    d.skip().expect("a label");
    let mut label = bytes[start..d.position()].to_vec();
    let mut head = d.bytes().expect("a head").to_vec();
    d.skip().expect("a signature");
    let rest = bytes[d.position()..].to_vec();
    let digests: Vec<u8> = rest[2..].chunks(34).flat_map(|digest| digest[2..].to_vec()).collect();
    change(&mut label, &mut head);
    // What is signed: the head, the label and the root.
    let root = Sha256::digest(&digests);
    let payload = [&[head[0] + 2], &head[1..], &[22], &label, &[23, 0x58, 32], &root[..]].concat();
    let signature = codec::sign_apart(Typ::Record, &payload, key);
    let mut e = Encoder::new(vec![0x86]);
    e.bytes(kid).expect("memory");
    e.writer_mut().extend(label);
    e.bytes(&head).and_then(|e| e.bytes(&signature)).expect("memory");
    [e.into_writer(), rest].concat()
}

/// Of a version that does not exist yet.
///
/// # Panics
/// As [`changed`].
pub fn of_another_version(whole: &[u8], key: &SigningKey) -> Vec<u8> {
    changed(whole, key, |_, head| {
        assert_eq!(head[1..3], [0, 2]);
        head[2] = 3;
    })
}

/// Of a kind that is not known yet.
///
/// # Panics
/// As [`changed`].
pub fn of_another_kind(whole: &[u8], key: &SigningKey) -> Vec<u8> {
    changed(whole, key, |label, _| {
        assert_eq!(label[1..3], [0, Kind::Phone.number()]);
        label[2] = 23;
    })
}

/// With a label that says one thing more.
///
/// # Panics
/// As [`changed`].
pub fn of_a_longer_label(whole: &[u8], key: &SigningKey) -> Vec<u8> {
    changed(whole, key, |label, _| {
        label[0] += 1;
        // The entry 21 is not known yet.
        label.extend([21, 1]);
    })
}
