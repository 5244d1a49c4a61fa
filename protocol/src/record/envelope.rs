//! The bytes of a record: what is signed, in pieces, the signature, and the parts that are disclosed.
//!
//! The document that the owner signed is put together from them: the head, the label, and the root of the commitments.
//! The key and the label stand first, because records that follow each other mostly share both.

use minicbor::{Decode, Decoder, Encoder, decode};

use super::commitment::{self, Digest, Seed};
use super::{Error, FIELDS_LIMIT, RECORD_LIMIT};
use crate::bureau::KeyId;
use crate::codec::{self, Claim, Typ};

/// What a digest takes in a record: its head and 32 bytes.
const DIGEST_BYTES: usize = 34;
/// What a disclosed part takes at most beside its bytes: a salt, and the head of a byte string.
const PART_OVERHEAD: usize = 16 + 3;
/// What the heads of the arrays and strings take at most, and key, signature and seed.
const FIXED: usize = 120;

/// The head of the array of a record.
const WHOLE: u8 = 0x86;
/// The head of one that leaves out what it shares with the record before.
const SHORT: u8 = 0x84;

/// Most bytes that a record may share with the one before: more than the longest label takes with the key. What is longer is
/// said in each record.
const SHARED_LIMIT: usize = 8 * 1024;
/// What follows in a record has at least its signature, so that what many short ones grow to is bounded by what came.
const OWN_LEAST: usize = 66;

/// The keys of label and root in what is signed: the last two of one byte, all others stand before.
pub(super) const LABEL: u8 = 22;
const ROOT: u8 = 23;
/// Most entries of the head, so that its map has a head of one byte with these two.
const HEAD_ENTRIES: u8 = 21;
const MAP: u8 = 0xa0;

/// What is not disclosed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: all salts and decoys come from this.
    Nothing(Seed),
    /// The digests of withheld parts and decoys, ascending. Each part carries its salt, 16 bytes.
    Withheld(Vec<Digest>),
}

/// A record taken apart.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The key that signed.
    pub(super) kid: KeyId,
    /// The encoding of the label.
    pub(super) label: &'a [u8],
    /// What is signed but label and root.
    pub(super) head: &'a [u8],
    pub(super) signature: [u8; 64],
    /// As they stand: with their salts, unless there is a seed.
    pub(super) parts: Vec<&'a [u8]>,
    pub(super) rest: Rest,
}

impl<'a> Envelope<'a> {
    /// Takes a record apart, with all bounds checked.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes.len() {
            length if length > RECORD_LIMIT => Err(Error::TooLong(length)),
            _ => Ok(codec::decode(bytes)?),
        }
    }

    /// The bytes of a record of these pieces, of which `parts` are disclosed.
    pub(super) fn encode<P: AsRef<[u8]>>(&self, parts: &[P], rest: &Rest) -> Vec<u8> {
        let disclosed = parts.iter().map(|part| part.as_ref().len() + 3).sum::<usize>();
        let withheld = if let Rest::Withheld(digests) = rest { digests.len() * DIGEST_BYTES } else { 0 };
        let mut bytes = Vec::with_capacity(FIXED + self.label.len() + self.head.len() + disclosed + withheld);
        bytes.push(WHOLE);
        let mut e = Encoder::new(&mut bytes);
        let written: Result<(), minicbor::encode::Error<std::convert::Infallible>> = (|| {
            e.bytes(self.kid.as_bytes())?;
            e.writer_mut().extend_from_slice(self.label);
            e.bytes(self.head)?.bytes(&self.signature)?.array(parts.len() as u64)?;
            parts.iter().try_for_each(|part| e.bytes(part.as_ref())?.ok())?;
            match rest {
                Rest::Nothing(Seed(seed)) => e.bytes(seed)?.ok(),
                Rest::Withheld(digests) => {
                    e.array(digests.len() as u64)?;
                    digests.iter().try_for_each(|digest| e.bytes(digest)?.ok())
                }
            }
        })();
        let _ = written;
        bytes
    }

    /// The parts, each without its salt.
    pub(super) fn contents(&self) -> impl Iterator<Item = &'a [u8]> {
        let salted = matches!(self.rest, Rest::Withheld(_));
        self.parts.iter().map(move |part| part.get(if salted { 16 } else { 0 }..).unwrap_or_default())
    }

    /// Whether anything may be withheld.
    pub(super) fn is_redacted(&self) -> bool {
        matches!(self.rest, Rest::Withheld(_))
    }

    /// The head and the label, as the map of which they are entries.
    pub(super) fn described(&self) -> Result<Vec<u8>, Error> {
        joined(self.head, self.label, None)
    }

    /// What the owner signs.
    ///
    /// # Errors
    /// Where the digests of the parts are not distinct, or not of a number that there may be, or the head cannot be one.
    pub(super) fn payload(&self) -> Result<Vec<u8>, Error> {
        joined(self.head, self.label, Some(&self.root()?))
    }

    /// That the owner signed just these parts.
    ///
    /// # Errors
    /// As for [`Envelope::payload`].
    pub(super) fn claim(&self) -> Result<Claim, Error> {
        Ok(Claim::new(Typ::Record, self.kid, &self.payload()?, self.signature))
    }

    fn root(&self) -> Result<Digest, Error> {
        let mut digests: Vec<Digest> = match &self.rest {
            Rest::Nothing(seed) => {
                let salts = seed.salts();
                let parts = self.parts.iter().enumerate();
                let parts = parts.map(|(index, part)| commitment::digest(&salts.salt(index), part));
                parts.chain(salts.decoys(self.parts.len())).collect()
            }
            Rest::Withheld(withheld) => {
                let parts = self.parts.iter().map(|salted| commitment::digest(&[], salted));
                parts.chain(withheld.iter().copied()).collect()
            }
        };
        digests.sort_unstable();
        let sound = !digests.is_empty() && digests.len().is_multiple_of(commitment::PADDING);
        if sound && digests.is_sorted_by(|a, b| a < b) {
            Ok(commitment::root(&digests))
        } else {
            Err(Error::Commitment)
        }
    }

    /// The most bytes that a record of these pieces can have, however it is redacted: a digest can be longer than the
    /// short part that it stands for.
    pub(super) fn most_bytes(&self, parts: &[Vec<u8>]) -> usize {
        let most = |part: &Vec<u8>| (part.len() + PART_OVERHEAD).max(DIGEST_BYTES);
        let decoys = parts.len().next_multiple_of(commitment::PADDING).max(commitment::PADDING) - parts.len();
        let parts = parts.iter().map(most).sum::<usize>() + decoys * DIGEST_BYTES;
        FIXED + self.label.len() + self.head.len() + parts
    }
}

/// What is signed: the entries of the head, then the label, then the root.
pub(super) fn joined(head: &[u8], label: &[u8], root: Option<&Digest>) -> Result<Vec<u8>, Error> {
    let not_a_head = || Error::from(codec::Error::Content("the head is no map of at most 21 entries".into()));
    let (first, entries) = head.split_first().ok_or_else(not_a_head)?;
    let count = first.checked_sub(MAP).filter(|count| *count <= HEAD_ENTRIES).ok_or_else(not_a_head)?;
    let mut payload = Vec::with_capacity(head.len() + label.len() + 40);
    payload.push(MAP + count + 1 + u8::from(root.is_some()));
    payload.extend_from_slice(entries);
    payload.push(LABEL);
    payload.extend_from_slice(label);
    if let Some(root) = root {
        payload.extend_from_slice(&[ROOT, 0x58, 32]);
        payload.extend_from_slice(root);
    }
    Ok(payload)
}

/// The head of what [`joined`] made of it and a label.
pub(super) fn head_of(described: &[u8], label: &[u8]) -> Vec<u8> {
    let end = described.len().saturating_sub(label.len() + 1);
    let mut head = described.get(..end).unwrap_or_default().to_vec();
    if let Some(first) = head.first_mut() {
        *first -= 1;
    }
    head
}

/// What a record may share with the one before, its key and label, and all behind; none where the bytes are no record, or
/// that is too long to be shared.
pub(crate) fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = record.split_first()?;
    let mut d = Decoder::new(rest);
    d.bytes().ok().filter(|_| *head == WHOLE)?;
    d.skip().ok()?;
    rest.split_at_checked(d.position()).filter(|(shared, _)| shared.len() <= SHARED_LIMIT)
}

/// The bytes of a record of which `own` is all behind what it shares with the one before.
pub(crate) fn shortened(own: &[u8]) -> Vec<u8> {
    [&[SHORT], own].concat()
}

/// The whole record of one that was shortened; none where it was not.
pub(crate) fn lengthened(record: &[u8], shared: &[u8]) -> Option<Vec<u8>> {
    let own = record.strip_prefix(&[SHORT]).filter(|own| own.len() >= OWN_LEAST)?;
    Some([&[WHOLE], shared, own].concat())
}

/// Whether the bytes say that they leave out what the record before says.
pub(crate) fn is_short(record: &[u8]) -> bool {
    record.first() == Some(&SHORT)
}

impl<'b> Decode<'b, ()> for Envelope<'b> {
    fn decode(d: &mut Decoder<'b>, _: &mut ()) -> Result<Self, decode::Error> {
        if d.array()? != Some(6) {
            return Err(refused(d, "not the six pieces of a record"));
        }
        let kid = d.bytes()?.try_into().map_err(|_| refused(d, "a key id that has not 8 bytes"))?;
        let start = d.position();
        d.skip()?;
        let label = d.input().get(start..d.position()).unwrap_or_default();
        let head = d.bytes()?;
        let signature = d.bytes()?.try_into().map_err(|_| refused(d, "a signature that has not 64 bytes"))?;
        let count = list(d)?;
        let parts: Vec<&[u8]> = (0..count).map(|_| d.bytes()).collect::<Result<_, _>>()?;
        let rest = match d.datatype()? {
            minicbor::data::Type::Bytes => {
                Rest::Nothing(Seed(d.bytes()?.try_into().map_err(|_| refused(d, "a seed that has not 16 bytes"))?))
            }
            _ => Rest::Withheld(withheld(d, &parts)?),
        };
        Ok(Self { kid: KeyId::from_bytes(kid), label, head, signature, parts, rest })
    }
}

fn withheld(d: &mut Decoder<'_>, parts: &[&[u8]]) -> Result<Vec<Digest>, decode::Error> {
    if parts.iter().any(|part| part.len() <= 16) {
        return Err(refused(d, "a part without its salt"));
    }
    let count = list(d)?;
    let digest = |d: &mut Decoder<'_>| d.bytes()?.try_into().map_err(|_| refused(d, "a digest that has not 32 bytes"));
    let withheld = (0..count).map(|_| digest(d)).collect::<Result<Vec<_>, _>>()?;
    if withheld.is_sorted_by(|a, b| a < b) { Ok(withheld) } else { Err(refused(d, "digests out of order")) }
}

/// The length of a list, which is within bounds before anything is allocated for it.
fn list(d: &mut Decoder<'_>) -> Result<usize, decode::Error> {
    let count = d.array()?.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= FIELDS_LIMIT);
    count.ok_or_else(|| refused(d, "a list that is too long"))
}

fn refused(d: &Decoder<'_>, what: &'static str) -> decode::Error {
    decode::Error::message(what).at(d.position())
}
