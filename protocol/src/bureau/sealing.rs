//! Sealing keys: age X25519 (<https://age-encryption.org/v1>).

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::Error;
use crate::codec::text;

const PUBLIC: Hrp = Hrp::parse_unchecked("age");
const SECRET: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// The key to seal with for a bureau: an age X25519 recipient, shown as `age1…`.
///
/// In CBOR its 32 bytes. Never one of the points of small order, for which there is nothing secret to agree on (and at
/// which the age library panics).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::NotASealingKey`] for a number beyond the field, [`Error::WeakSealingKey`] for a point of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        if !bytes.iter().rev().lt(FIELD_ORDER.iter().rev()) {
            return Err(Error::NotASealingKey(text::shorten(&Self(*bytes).to_string())));
        }
        match SMALL_ORDER.contains(bytes) {
            true => Err(Error::WeakSealingKey),
            false => Ok(Self(*bytes)),
        }
    }

    /// The 32 bytes of RFC 7748.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) const fn unchecked(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The same key for the age library; it takes no other form than its text.
    pub(crate) fn to_recipient(self) -> Option<age::x25519::Recipient> {
        self.to_string().parse().ok()
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, PUBLIC, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for SealingKey {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self, Error> {
        let bad = || Error::NotASealingKey(text::shorten(typed));
        let parsed = CheckedHrpstring::new::<Bech32>(typed).map_err(|_| bad())?;
        if parsed.hrp() != PUBLIC {
            return Err(bad());
        }
        let bytes: Vec<u8> = parsed.byte_iter().collect();
        Self::from_bytes(bytes.as_slice().try_into().map_err(|_| bad())?)
    }
}

impl<C> Encode<C> for SealingKey {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SealingKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("a sealing key has 32 bytes"))?;
        Self::from_bytes(bytes).map_err(decode::Error::message)
    }
}

/// The key that opens what was sealed for a bureau. Wiped from memory when dropped; never shown.
pub struct SealingIdentity {
    seed: Zeroizing<[u8; 32]>,
    identity: age::x25519::Identity,
    public: SealingKey,
}

impl ZeroizeOnDrop for SealingIdentity {}

impl SealingIdentity {
    /// The identity that a seed stands for; the seed must come from a good source of randomness.
    #[expect(clippy::expect_used, reason = "the text is made here, two lines above")]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        // INVARIANT: 32 bytes in Bech32 under age's prefix are an age identity, its public half is an age recipient,
        // and clamping (RFC 7748 §5) keeps that half out of the points of small order.
        let text = Zeroizing::new(bech32::encode_upper::<Bech32>(SECRET, seed.as_slice()).expect("32 bytes fit"));
        let identity: age::x25519::Identity = text.parse().expect("an age identity");
        let public = identity.to_public().to_string().parse().expect("an age recipient");
        Self { seed, identity, public }
    }

    /// The seed again, to be stored sealed.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        self.seed.clone()
    }

    /// The public half.
    pub fn sealing_key(&self) -> SealingKey {
        self.public
    }

    pub(crate) fn as_age(&self) -> &age::x25519::Identity {
        &self.identity
    }
}

impl fmt::Debug for SealingIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingIdentity({})", self.public)
    }
}

/// 2^255 - 19, little end first.
const FIELD_ORDER: [u8; 32] = little_endian(0xed, 0xff, 0x7f);

/// The u coordinates of small order on the curve and its twist: 0, 1, -1 and the two of order eight
/// (<https://cr.yp.to/ecdh.html#validate>).
pub(super) const SMALL_ORDER: [[u8; 32]; 5] = [
    little_endian(0x00, 0x00, 0x00),
    little_endian(0x01, 0x00, 0x00),
    little_endian(0xec, 0xff, 0x7f),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}
