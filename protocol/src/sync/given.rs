//! What a subscriber gives back of the provider's own: the items of the parcel that answers a `reclaim`.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::reclaim::PLACE_LIMIT;
use crate::feed::{Letter, LetterKind};
use crate::record::RecordId;
use crate::vocabulary::GroupSet;

/// One thing that is given back, or told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A record that is held, and its revision.
    Held(RecordId, u32),
    /// A record of which the provider's signed withdrawal is held.
    Ended(RecordId),
    /// The record, as it is held: perhaps redacted, to these groups of fields.
    Record(GroupSet, Vec<u8>),
    /// The signed withdrawal.
    Withdrawal(Vec<u8>),
    /// A charter or an answer that the provider has signed.
    Letter(Letter),
    /// The newest card of the provider.
    Card(Vec<u8>),
    /// More follows behind this place; where it is not there, this was all.
    Next(Vec<u8>),
    /// One that a newer version knows; it is passed over.
    Other,
}

const HELD: u64 = 0;
const ENDED: u64 = 1;
const RECORD: u64 = 2;
const WITHDRAWAL: u64 = 3;
const LETTER: u64 = 4;
const CARD: u64 = 5;
const NEXT: u64 = 6;

impl<C> Encode<C> for Given {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Held(id, revision) => e.array(3)?.u64(HELD)?.bytes(id.as_bytes())?.u32(*revision)?.ok(),
            Self::Ended(id) => e.array(2)?.u64(ENDED)?.bytes(id.as_bytes())?.ok(),
            Self::Record(groups, bytes) => e.array(3)?.u64(RECORD)?.u64(groups.bits().into())?.bytes(bytes)?.ok(),
            Self::Withdrawal(bytes) => e.array(2)?.u64(WITHDRAWAL)?.bytes(bytes)?.ok(),
            Self::Letter(letter) => e.array(3)?.u64(LETTER)?.u64(letter.kind.number())?.bytes(&letter.bytes)?.ok(),
            Self::Card(bytes) => e.array(2)?.u64(CARD)?.bytes(bytes)?.ok(),
            Self::Next(place) => e.array(2)?.u64(NEXT)?.bytes(place)?.ok(),
            // INVARIANT: nobody makes one of these.
            Self::Other => e.array(0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Given {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let start = d.position();
        let parts = d.array()?;
        let code = d.u64()?;
        let known = match code {
            HELD | RECORD | LETTER => 3,
            ENDED | WITHDRAWAL | CARD | NEXT => 2,
            _ => {
                d.set_position(start);
                d.skip()?;
                return Ok(Self::Other);
            }
        };
        let more = parts.and_then(|parts| parts.checked_sub(known));
        let more = more.ok_or_else(|| decode::Error::message("a shorter item").at(start))?;
        let given = match code {
            HELD => Self::Held(id(d)?, d.u32()?),
            ENDED => Self::Ended(id(d)?),
            RECORD => Self::Record(GroupSet::from_bits_known(d.u64()?), d.bytes()?.to_vec()),
            WITHDRAWAL => Self::Withdrawal(d.bytes()?.to_vec()),
            LETTER => Self::Letter(Letter { kind: LetterKind::from_number(d.u64()?), bytes: d.bytes()?.to_vec() }),
            CARD => Self::Card(d.bytes()?.to_vec()),
            _ => Self::Next(place(d)?),
        };
        // What a later version says besides.
        (0..more).try_for_each(|_| d.skip())?;
        Ok(given)
    }
}

fn id(d: &mut Decoder<'_>) -> Result<RecordId, decode::Error> {
    let at = d.position();
    let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("expected 16 bytes").at(at))?;
    Ok(RecordId::from_bytes(bytes))
}

fn place(d: &mut Decoder<'_>) -> Result<Vec<u8>, decode::Error> {
    let at = d.position();
    match d.bytes()? {
        place if place.len() <= PLACE_LIMIT => Ok(place.to_vec()),
        _ => Err(decode::Error::message("a place that is too long").at(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn all() -> Vec<Given> {
        let id = RecordId::from_bytes([7; 16]);
        let letter = Letter { kind: LetterKind::Charter, bytes: vec![3] };
        vec![
            Given::Held(id, 9),
            Given::Ended(id),
            Given::Record(GroupSet::ALL, vec![1; 300]),
            Given::Withdrawal(vec![2]),
            Given::Letter(letter),
            Given::Card(vec![4]),
            Given::Next(vec![5; PLACE_LIMIT]),
        ]
    }

    #[test]
    fn what_is_given_back_comes_back_as_it_went() {
        for given in all() {
            let bytes = codec::encode(&given);
            assert_eq!(codec::decode::<Given>(&bytes), Ok(given.clone()));
            assert!((0..bytes.len()).all(|cut| codec::decode::<Given>(&bytes[..cut]).is_err()), "{given:?}");
        }
    }

    #[test]
    fn what_a_newer_version_gives_is_passed_over_and_what_is_too_long_is_refused() {
        for given in all() {
            let mut bytes = codec::encode(&given);
            bytes[0] += 1;
            bytes.push(0xf6);
            assert_eq!(codec::decode::<Given>(&bytes), Ok(given));
        }
        assert_eq!(codec::decode::<Given>(&[0x82, 0x18, 99, 0x40]), Ok(Given::Other));
        assert!(codec::decode::<Given>(&codec::encode(&Given::Next(vec![0; PLACE_LIMIT + 1]))).is_err());
    }
}
