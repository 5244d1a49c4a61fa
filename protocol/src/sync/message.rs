//! The frame: a version, a kind, and the message of that kind.

use minicbor::{Decoder, Encoder};

use super::{CardMessage, ClockMessage, Delivery, End, Heads, Notify, Pull, Reclaim, Returned, Taken};

/// The version of this protocol; a frame of another one is refused with [`Error::Version`]. It is raised only for what must
/// not be passed over: parts behind those that are known, and messages of other kinds, are.
pub const VERSION: u8 = 3;

/// One frame between two bureaus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Subscriber to provider: what it holds.
    Pull(Pull),
    /// Provider to subscriber: a sealed parcel.
    Delivery(Delivery),
    /// Provider to subscriber: all sent that fits the budget.
    End(End),
    /// Provider to subscriber, unasked: there is something new.
    Notify(Notify),
    /// Subscriber to provider, during an answer: so much of it is taken in.
    Taken(Taken),
    /// Provider to subscriber, before the parcels: its newest card.
    Card(CardMessage),
    /// Provider to subscriber, before an answer, each ten minutes: what its clock says.
    Clock(ClockMessage),
    /// Provider to subscriber, before an answer: give back what is the provider's own.
    Reclaim(Reclaim),
    /// Subscriber to provider: what is given back.
    Returned(Returned),
    /// Provider to subscriber, before an answer, each ten minutes: what binds both to their audit logs.
    Heads(Heads),
    /// One that a newer version knows; it is passed over.
    Other,
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The peer speaks another version.
    #[error(
        "the peer speaks version {0} of the sync protocol, this node speaks {VERSION}. Update the older of the two"
    )]
    Version(u8),
    /// The frame is malformed.
    #[error("malformed sync frame: {0}")]
    Malformed(String),
}

impl From<minicbor::decode::Error> for Error {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

const PULL: u64 = 0;
const DELIVERY: u64 = 1;
const END: u64 = 2;
const NOTIFY: u64 = 3;
const TAKEN: u64 = 4;
const CARD: u64 = 5;
const CLOCK: u64 = 6;
const RECLAIM: u64 = 7;
const RETURNED: u64 = 8;
const HEADS: u64 = 9;

/// Writing to a `Vec` cannot fail; this names the result once.
pub(super) type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

impl Message {
    /// The bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut e = Encoder::new(&mut bytes);
        #[expect(clippy::expect_used, reason = "INVARIANT: writing to a Vec cannot fail")]
        self.write(&mut e).expect("infallible");
        bytes
    }

    fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(3)?.u8(VERSION)?;
        match self {
            Self::Pull(pull) => pull.write(e.u64(PULL)?),
            Self::Delivery(delivery) => delivery.write(e.u64(DELIVERY)?),
            Self::End(end) => end.write(e.u64(END)?),
            Self::Notify(notify) => notify.write(e.u64(NOTIFY)?),
            Self::Taken(taken) => taken.write(e.u64(TAKEN)?),
            Self::Card(card) => card.write(e.u64(CARD)?),
            Self::Clock(clock) => clock.write(e.u64(CLOCK)?),
            Self::Reclaim(reclaim) => reclaim.write(e.u64(RECLAIM)?),
            Self::Returned(returned) => returned.write(e.u64(RETURNED)?),
            Self::Heads(heads) => heads.write(e.u64(HEADS)?),
            // INVARIANT: nobody sends one of these.
            Self::Other => e.u8(u8::MAX)?.null()?.ok(),
        }
    }

    /// The message of a frame.
    ///
    /// # Errors
    /// [`Error::Version`] for a frame of another version, whatever follows; [`Error::Malformed`] for all else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut d = Decoder::new(bytes);
        let parts = d.array()?;
        match d.u8()? {
            VERSION => {}
            other => return Err(Error::Version(other)),
        }
        let more = parts.and_then(|parts| parts.checked_sub(3));
        let more = more.ok_or_else(|| Error::Malformed("expected three parts".into()))?;
        let message = match d.u64()? {
            PULL => Self::Pull(Pull::read(&mut d)?),
            DELIVERY => Self::Delivery(Delivery::read(&mut d)?),
            END => Self::End(End::read(&mut d)?),
            NOTIFY => Self::Notify(Notify::read(&mut d)?),
            TAKEN => Self::Taken(Taken::read(&mut d)?),
            CARD => Self::Card(CardMessage::read(&mut d)?),
            CLOCK => Self::Clock(ClockMessage::read(&mut d)?),
            RECLAIM => Self::Reclaim(Reclaim::read(&mut d)?),
            RETURNED => Self::Returned(Returned::read(&mut d)?),
            HEADS => Self::Heads(Heads::read(&mut d)?),
            _ => {
                skip(&mut d, 1)?;
                Self::Other
            }
        };
        skip(&mut d, more)?;
        if d.position() == bytes.len() { Ok(message) } else { Err(Error::Malformed("bytes after the message".into())) }
    }
}

/// Reads the head of an array of at least `len` parts. How many more it has.
pub(super) fn array(d: &mut Decoder<'_>, len: u64) -> Result<u64, Error> {
    let more = d.array()?.and_then(|parts| parts.checked_sub(len));
    more.ok_or_else(|| Error::Malformed(format!("expected {len} parts")))
}

/// Passes over parts that a newer version knows.
pub(super) fn skip(d: &mut Decoder<'_>, parts: u64) -> Result<(), Error> {
    for _ in 0..parts {
        d.skip()?;
    }
    Ok(())
}

/// Reads a byte string of exactly 16 bytes.
pub(super) fn bytes16(d: &mut Decoder<'_>) -> Result<[u8; 16], Error> {
    d.bytes()?.try_into().map_err(|_| Error::Malformed("expected 16 bytes".into()))
}

#[cfg(test)]
mod tests {
    use super::super::{Commitment, Hello, PLACE_LIMIT, WANT_LIMIT};
    use super::*;
    use crate::feed::{Cursor, Cursors, Position};
    use crate::record::RecordId;
    use crate::time::Timestamp;

    fn messages() -> Vec<Message> {
        let records = Cursor { generation: 7, at: Position { seq: 3, head: [5; 16] } };
        let cursors = Cursors { records, ..Cursors::default() };
        let hello = Hello { format: 9, capabilities: 1 << 40, seen: 1 << 41 };
        let (budget_bytes, window, mirror) = (1 << 20, 4, [8; 16]);
        let own = Commitment { at: Timestamp::from_ms(1 << 40), digest: [3; 32] };
        vec![
            Message::Pull(Pull { serial: 1 << 40, cursors, budget_bytes, window, mirror, news: true, hello }),
            Message::Delivery(Delivery { sealed: vec![1, 2, 3] }),
            Message::End(End { more: true, mirrored: false, hello }),
            Message::Notify(Notify),
            Message::Taken(Taken { serial: 4, parcels: 2 }),
            Message::Card(CardMessage { card: vec![4, 5] }),
            Message::Clock(ClockMessage { time: Timestamp::from_ms(1 << 41) }),
            Message::Reclaim(Reclaim { after: vec![6, 7], want: vec![RecordId::from_bytes([9; 16])] }),
            Message::Returned(Returned { sealed: vec![8] }),
            Message::Heads(Heads { own, kept: Commitment::default() }),
        ]
    }

    #[test]
    fn messages_come_back_as_they_went() {
        for message in messages() {
            assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        let refused = |after: usize, want: usize| {
            let reclaim = Reclaim { after: vec![0; after], want: vec![RecordId::from_bytes([0; 16]); want] };
            Message::decode(&Message::Reclaim(reclaim).encode()).is_err()
        };
        assert!(!refused(PLACE_LIMIT, WANT_LIMIT));
        assert!(refused(PLACE_LIMIT + 1, 0));
        assert!(refused(0, WANT_LIMIT + 1));
    }

    #[test]
    fn what_a_newer_version_adds_is_passed_over() {
        for message in messages() {
            let mut bytes = message.encode();
            assert_eq!(bytes[0], 0x83);
            bytes[0] = 0x84;
            bytes.extend([0xa1, 0x00, 0x01]);
            assert_eq!(Message::decode(&bytes), Ok(message));
        }
        let mut end = Message::End(End { more: true, mirrored: true, hello: Hello::ours(0) }).encode();
        assert_eq!(end[3], 0x83, "of three parts");
        end[3] = 0x84;
        end.push(0xf6);
        assert!(matches!(Message::decode(&end), Ok(Message::End(_))));
        // What came later is as if it were zero.
        let bytes = [0x83, VERSION, 2, 0x83, 0xf5, 0xf4, 0x82, 2, 0];
        let hello = Hello { format: 2, capabilities: 0, seen: 0 };
        assert_eq!(Message::decode(&bytes), Ok(Message::End(End { more: true, mirrored: false, hello })));
        let other = [0x83, VERSION, 0x18, 200, 0x82, 1, 0x40];
        assert_eq!(Message::decode(&other), Ok(Message::Other));
    }

    #[test]
    fn frames_of_another_version_and_damaged_ones_are_errors() {
        for message in messages() {
            let bytes = message.encode();
            for cut in 0..bytes.len() {
                assert!(Message::decode(&bytes[..cut]).is_err(), "{message:?} cut at {cut}");
            }
            let mut newer = bytes.clone();
            newer[1] = VERSION + 1;
            assert_eq!(Message::decode(&newer), Err(Error::Version(VERSION + 1)));
        }
        let deep = [&[0x83, VERSION, 9][..], &[0x81; 100_000]].concat();
        assert!(Message::decode(&deep).is_err());
    }
}
