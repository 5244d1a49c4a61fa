//! One entry, as it is stored.

use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Broken, Error};

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Entry {
    /// When.
    #[n(0)]
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Who: `person:a.mwangi`, `uid:1000`, `bureau:FR` or `node`.
    #[n(1)]
    pub actor: String,
    /// What, a stable name such as `record.withdraw`.
    #[n(2)]
    pub action: String,
    /// To what: `record:<id>` or `caf:<id>`.
    #[n(3)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// For which purpose.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// In which case.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// With which bureau.
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Particulars.
    #[n(7)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<(String, String)>,
    /// The last commit of the books that was visible then: books that end before it were put back.
    #[n(8)]
    #[cbor(default)]
    #[serde(skip)]
    pub books: u64,
}

/// An entry and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Numbered {
    /// Its number, from 1 on.
    pub seq: u64,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Which entries to list; what is not given passes.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Actions that begin with this.
    pub action: Option<String>,
    /// With this bureau.
    pub peer: Option<String>,
    /// To this object.
    pub object: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
}

impl Filter {
    /// Whether an entry is among them.
    pub(crate) fn passes(&self, entry: &Entry) -> bool {
        self.action.as_ref().is_none_or(|action| entry.action.starts_with(action.as_str()))
            && self.peer.as_ref().is_none_or(|peer| entry.peer.as_ref() == Some(peer))
            && self.object.as_ref().is_none_or(|object| entry.object.as_ref() == Some(object))
            && self.actor.as_ref().is_none_or(|actor| entry.actor == *actor)
    }
}

#[derive(Encode, Decode)]
struct Stored {
    #[cbor(n(0), with = "minicbor::bytes")]
    before: [u8; 32],
    #[n(1)]
    entry: Entry,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// The bytes of an entry that follows the one with the hash `before`.
pub(super) fn encode(entry: &Entry, before: [u8; 32]) -> Vec<u8> {
    igain_protocol::codec::encode(&Stored { before, entry: entry.clone() })
}

/// The entry and the hash of the one before.
pub(super) fn decode(seq: u64, bytes: &[u8]) -> Result<(Entry, [u8; 32]), Error> {
    let stored: Stored = minicbor::decode(bytes).map_err(|_| Broken { seq, why: "it cannot be read" })?;
    Ok((stored.entry, stored.before))
}

/// The hash of an entry's bytes, which hold the hash of the one before.
pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The number in a key.
pub(super) fn seq_of(key: &[u8]) -> Result<u64, Error> {
    let bytes = key.try_into().map_err(|_| Broken { seq: 0, why: "a key is not a number" })?;
    Ok(u64::from_be_bytes(bytes))
}
