//! The frame: a version, a kind, and the message of that kind.

use minicbor::{Decoder, Encoder};

use super::{Delivery, End, Notify, Pull, Taken};

/// The version of this protocol; a frame of another one is refused with [`Error::Version`].
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

const PULL: u8 = 0;
const DELIVERY: u8 = 1;
const END: u8 = 2;
const NOTIFY: u8 = 3;
const TAKEN: u8 = 4;

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
            Self::Pull(pull) => pull.write(e.u8(PULL)?),
            Self::Delivery(delivery) => delivery.write(e.u8(DELIVERY)?),
            Self::End(end) => end.write(e.u8(END)?),
            Self::Notify(notify) => notify.write(e.u8(NOTIFY)?),
            Self::Taken(taken) => taken.write(e.u8(TAKEN)?),
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
        if parts != Some(3) {
            return Err(Error::Malformed("expected three parts".into()));
        }
        let message = match d.u8()? {
            PULL => Self::Pull(Pull::read(&mut d)?),
            DELIVERY => Self::Delivery(Delivery::read(&mut d)?),
            END => Self::End(End::read(&mut d)?),
            NOTIFY => Self::Notify(Notify::read(&mut d)?),
            TAKEN => Self::Taken(Taken::read(&mut d)?),
            other => return Err(Error::Malformed(format!("unknown kind of message {other}"))),
        };
        if d.position() == bytes.len() { Ok(message) } else { Err(Error::Malformed("bytes after the message".into())) }
    }
}

/// Reads the head of an array of exactly `len` parts.
pub(super) fn array(d: &mut Decoder<'_>, len: u64) -> Result<(), Error> {
    if d.array()? == Some(len) { Ok(()) } else { Err(Error::Malformed(format!("expected {len} parts"))) }
}

/// Reads a byte string of exactly 16 bytes.
pub(super) fn bytes16(d: &mut Decoder<'_>) -> Result<[u8; 16], Error> {
    d.bytes()?.try_into().map_err(|_| Error::Malformed("expected 16 bytes".into()))
}
