//! The format of an archive, and the head that says what is in it.
//!
//! ```text
//! file    := age(archive)                       binary age v1, X25519 recipients, at most 16
//! archive := "IGBAKUP1" length:u32 head content* "IGBAKEND" digest:32
//! head    := CBOR, at most 16 MiB               below, strict
//! content := bytes digest:32
//! ```
//!
//! Numbers are big-endian. The head names all contents with their lengths, and they follow in the order in which it names
//! them: first the whole files, then the journal files of the books, then those of the audit log. Of a journal file,
//! bytes `from` to `bytes` are in this archive; where that is none, it has no content here.
//!
//! The digest of a whole file is SHA-256 over its bytes. That of a journal file is SHA-256 over the digest of what the
//! archives before this one have of it (zeros where there is none), `from` as u64, and the bytes: so the digest after the
//! last archive speaks for the whole file. The digest at the end is SHA-256 over all that comes before it. The age layer
//! tells changes and cuts by itself; the digests tie archives together, and show a fault of this program or of memory.
//!
//! Bounds: the head 16 MiB, which is some 200,000 journal files; a whole file 1 MiB, a list of journal files 256 MiB; an
//! age header 8 KiB. No length in a head is trusted for more than it is worth: nothing is reserved by it, content is read
//! and put down in pieces of 256 KiB, and it ends where the file ends.
//!
//! A head whose version is higher is refused. Numbers of kinds and keys that are not known here are an error: a later
//! version that adds some raises the version.

use std::collections::BTreeSet;

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::name::{Name, SetName};
use crate::store;

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// What an archive begins with, inside of age.
pub(super) const BEGIN: [u8; 8] = *b"IGBAKUP1";

/// What it ends with, before the last digest.
pub(super) const END: [u8; 8] = *b"IGBAKEND";

/// Most bytes of a head.
pub(super) const HEAD_LIMIT: usize = 16 << 20;

/// Most bytes of a whole file but a list of journal files: keys, policy, people, configuration and checkpoint.
pub(super) const FILE_LIMIT: u64 = 1 << 20;

/// What was drawn for a series or an archive.
pub type Id = ByteArray<16>;

/// A SHA-256 digest.
pub(super) type Digest = ByteArray<32>;

/// What an archive is and holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    #[n(0)]
    pub(super) version: u32,
    /// Whose backup it is.
    #[n(1)]
    pub bureau: BureauId,
    /// Of which set.
    #[n(2)]
    pub(super) set: String,
    #[n(3)]
    pub(super) series: Id,
    /// Its own number, drawn at random.
    #[n(4)]
    pub id: Id,
    /// Its place in the series, from 1.
    #[n(5)]
    pub number: u32,
    /// The archive that it follows; none where it is full.
    #[n(6)]
    pub(super) follows: Option<Id>,
    /// The moment that it holds.
    #[n(7)]
    pub at: Timestamp,
    #[n(8)]
    pub(super) files: Vec<File>,
    #[n(9)]
    pub(super) books: Journal,
    #[n(10)]
    pub(super) audit: Journal,
}

/// A file that is in every archive as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct File {
    #[n(0)]
    pub(super) kind: Kind,
    #[n(1)]
    pub(super) bytes: u64,
}

/// Which file that is. Where it is put back follows from this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub(super) enum Kind {
    /// The configuration file.
    #[n(0)]
    Config,
    /// The policy file.
    #[n(1)]
    Policy,
    /// The people file.
    #[n(2)]
    People,
    /// The key file, sealed under its passphrase.
    #[n(3)]
    Keys,
    /// The books' list of journal files.
    #[n(4)]
    BooksList,
    /// The audit log's.
    #[n(5)]
    AuditList,
    /// The audit log's last signed checkpoint.
    #[n(6)]
    Checkpoint,
}

impl Kind {
    /// Most bytes of such a file.
    pub(super) const fn limit(self) -> u64 {
        match self {
            Self::BooksList | Self::AuditList => store::snapshot::LIST_LIMIT,
            _ => FILE_LIMIT,
        }
    }

    /// Without which nothing can be restored.
    const NEEDED: [Self; 4] = [Self::Keys, Self::BooksList, Self::AuditList, Self::Checkpoint];
}

/// The journal files of one store that there are, and what of them is here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Journal {
    /// Drawn when the store was made.
    #[n(0)]
    pub(super) store: Id,
    #[n(1)]
    pub(super) files: Vec<Piece>,
}

/// A journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Piece {
    #[n(0)]
    pub(super) id: u32,
    /// Where what is here begins.
    #[n(1)]
    pub(super) from: u64,
    /// How long the file is: where what is here ends.
    #[n(2)]
    pub(super) bytes: u64,
    /// The digest of what earlier archives have of it.
    #[n(3)]
    pub(super) before: Digest,
}

/// Which of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Books,
    Audit,
}

/// One content of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole(File),
    Piece(Place, Piece),
}

impl Part {
    /// Its bytes in the archive.
    pub(super) const fn bytes(&self) -> u64 {
        match self {
            Self::Whole(file) => file.bytes,
            Self::Piece(_, piece) => piece.bytes.saturating_sub(piece.from),
        }
    }
}

impl Head {
    /// What the archive is called.
    pub(super) fn name(&self) -> Option<Name> {
        let series = self.series.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let set = self.set().ok()?;
        Some(Name { bureau: self.bureau, set, at: self.at, series, number: self.number, full: self.is_full() })
    }

    /// Of which set it is.
    pub(super) fn set(&self) -> Result<SetName, String> {
        self.set.parse()
    }

    /// Whether it follows none.
    pub const fn is_full(&self) -> bool {
        self.follows.is_none()
    }

    /// The journal files of one store.
    pub(super) const fn journal(&self, place: Place) -> &Journal {
        match place {
            Place::Books => &self.books,
            Place::Audit => &self.audit,
        }
    }

    /// All journal files.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (Place, &Piece)> {
        let of = |place| self.journal(place).files.iter().map(move |piece| (place, piece));
        of(Place::Books).chain(of(Place::Audit))
    }

    /// The contents of the archive, in their order.
    pub(super) fn parts(&self) -> Vec<Part> {
        let whole = self.files.iter().map(|file| Part::Whole(*file));
        let pieces = self.pieces().filter(|(_, piece)| piece.from < piece.bytes);
        whole.chain(pieces.map(|(place, piece)| Part::Piece(place, *piece))).collect()
    }

    /// Whether a head that was read makes sense by itself; what does not, in words.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        self.set().map_err(|_| "its set has no name")?;
        if self.number == 0 || self.is_full() != (self.number == 1) {
            return Err("its number does not fit what it follows");
        }
        let kinds: BTreeSet<Kind> = self.files.iter().map(|file| file.kind).collect();
        if kinds.len() != self.files.len() || !Kind::NEEDED.iter().all(|kind| kinds.contains(kind)) {
            return Err("a file that must be in it once is not");
        }
        if self.files.iter().any(|file| file.bytes > file.kind.limit()) {
            return Err("a file in it is longer than it can be");
        }
        for place in [Place::Books, Place::Audit] {
            let files = &self.journal(place).files;
            let ids: BTreeSet<u32> = files.iter().map(|piece| piece.id).collect();
            if ids.len() != files.len() {
                return Err("it has two journal files of one number");
            }
        }
        let wrong = |piece: &Piece| piece.from > piece.bytes || (self.is_full() && piece.from > 0);
        if self.pieces().any(|(_, piece)| wrong(piece)) {
            return Err("a journal file begins where it cannot");
        }
        Ok(())
    }
}
