//! Signed documents from one bureau to another.

/// A signed document for one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it is.
    pub kind: LetterKind,
    /// Its COSE_Sign1 bytes.
    pub bytes: Vec<u8>,
}

/// The kinds of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// The charter of a CAF, signed by its manager: an invitation, or a new version.
    Charter,
    /// A member's acceptance, refusal or leave.
    Acceptance,
    /// Up to where a peer has acted on what it was sent.
    Receipt,
    /// One that a newer version knows, by its number.
    Other(u64),
}

impl LetterKind {
    /// Its number.
    pub const fn number(self) -> u64 {
        match self {
            Self::Charter => 0,
            Self::Acceptance => 1,
            Self::Receipt => 2,
            Self::Other(number) => number,
        }
    }

    /// The kind with this number.
    pub const fn from_number(number: u64) -> Self {
        match number {
            0 => Self::Charter,
            1 => Self::Acceptance,
            2 => Self::Receipt,
            number => Self::Other(number),
        }
    }
}
