//! The bytes of a record: the signed head, the disclosed fields, the digests of the rest.

use minicbor::{Decode, Decoder, Encoder, decode};

use super::commitment::Digest;
use super::{Error, FIELDS_LIMIT, RECORD_LIMIT};
use crate::codec;

/// What a digest takes in a record: its head and 32 bytes.
pub(super) const DIGEST_BYTES: usize = 34;

/// What the heads of the byte string of a disclosure take at most, for a record of [`RECORD_LIMIT`].
const DISCLOSURE_HEAD: usize = 3;

/// What the heads of the arrays take at most: one byte, and three each for the lists and the signed document.
const HEADS: usize = 10;

/// A record taken apart.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The COSE_Sign1 of the header.
    pub(super) signed: &'a [u8],
    /// Where it ends in the record.
    pub(super) signed_end: usize,
    /// Arrays of salt, name and value.
    pub(super) disclosed: Vec<&'a [u8]>,
    /// Digests of withheld fields and decoys, ascending.
    pub(super) withheld: Vec<Digest>,
}

impl<'a> Envelope<'a> {
    /// Takes a record apart, with all bounds checked.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes.len() {
            length if length > RECORD_LIMIT => Err(Error::TooLong(length)),
            _ => Ok(codec::decode(bytes)?),
        }
    }

    /// The bytes of a record; `withheld` is brought into order.
    pub(super) fn encode(signed: &[u8], disclosed: &[&[u8]], withheld: &mut [Digest]) -> Vec<u8> {
        withheld.sort_unstable();
        let disclosures = disclosed.iter().map(|disclosure| disclosure.len() + DISCLOSURE_HEAD).sum::<usize>();
        let mut bytes = Vec::with_capacity(HEADS + signed.len() + disclosures + withheld.len() * DIGEST_BYTES);
        let mut e = Encoder::new(&mut bytes);
        let written = (|| {
            e.array(3)?.bytes(signed)?.array(disclosed.len() as u64)?;
            disclosed.iter().try_for_each(|disclosure| e.bytes(disclosure)?.ok())?;
            e.array(withheld.len() as u64)?;
            withheld.iter().try_for_each(|digest| e.bytes(digest)?.ok())
        })();
        let _: Result<(), minicbor::encode::Error<std::convert::Infallible>> = written;
        bytes
    }

    /// The most bytes that a record of these parts can have, however it is redacted: a digest can be longer than the
    /// short disclosure that it stands for.
    pub(super) fn most_bytes(signed: &[u8], disclosed: &[Vec<u8>], decoys: usize) -> usize {
        let most = |disclosure: &Vec<u8>| (disclosure.len() + DISCLOSURE_HEAD).max(DIGEST_BYTES);
        HEADS + signed.len() + disclosed.iter().map(most).sum::<usize>() + decoys * DIGEST_BYTES
    }
}

impl<'b> Decode<'b, ()> for Envelope<'b> {
    fn decode(d: &mut Decoder<'b>, _: &mut ()) -> Result<Self, decode::Error> {
        if d.array()? != Some(3) {
            return Err(refused(d, "not the three parts of a record"));
        }
        let signed = d.bytes()?;
        let signed_end = d.position();
        let count = list(d)?;
        let disclosed = (0..count).map(|_| d.bytes()).collect::<Result<_, _>>()?;
        let count = list(d)?;
        let withheld = (0..count).map(|_| digest(d)).collect::<Result<Vec<_>, _>>()?;
        match withheld.is_sorted_by(|a, b| a < b) {
            true => Ok(Self { signed, signed_end, disclosed, withheld }),
            false => Err(refused(d, "digests out of order")),
        }
    }
}

/// The length of a list, which is within bounds before anything is allocated for it.
fn list(d: &mut Decoder<'_>) -> Result<usize, decode::Error> {
    let count = d.array()?.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= FIELDS_LIMIT);
    count.ok_or_else(|| refused(d, "a list that is too long"))
}

fn digest(d: &mut Decoder<'_>) -> Result<Digest, decode::Error> {
    d.bytes()?.try_into().map_err(|_| refused(d, "a digest that has not 32 bytes"))
}

fn refused(d: &Decoder<'_>, what: &'static str) -> decode::Error {
    decode::Error::message(what).at(d.position())
}
