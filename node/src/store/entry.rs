//! What the key directory holds for a key.

use super::crypt::{FileCipher, TAG, Use};

/// Where the value of a key is, or, if it is small, the value itself, sealed.
///
/// Each names the one operation in the journal that it comes from, so that a merge can tell what is still in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// In a journal file.
    Value { file: u32, offset: u32, length: u32 },
    /// The value is empty.
    Empty { file: u32, ordinal: u32 },
    /// Here, under the key of the file that it comes from.
    Inline { file: u32, ordinal: u32, sealed: Box<[u8]> },
}

impl Entry {
    /// The entry of a small value.
    pub(crate) fn inline(file: u32, ordinal: u32, cipher: &FileCipher, key: &[u8], value: Vec<u8>) -> Option<Self> {
        if value.is_empty() {
            return Some(Self::Empty { file, ordinal });
        }
        let mut sealed = value;
        sealed.reserve_exact(TAG);
        cipher.seal(Use::Inline, u64::from(ordinal), key, &mut sealed, 0)?;
        Some(Self::Inline { file, ordinal, sealed: sealed.into() })
    }

    /// The file that it comes from.
    pub(crate) const fn file(&self) -> u32 {
        match self {
            Self::Value { file, .. } | Self::Empty { file, .. } | Self::Inline { file, .. } => *file,
        }
    }

    /// The operation that it comes from: the offset of its value, or its number, in the file.
    pub(crate) const fn origin(&self) -> (bool, u32) {
        match self {
            Self::Value { offset, .. } => (true, *offset),
            Self::Empty { ordinal, .. } | Self::Inline { ordinal, .. } => (false, *ordinal),
        }
    }

    /// What the value takes in the journal.
    pub(crate) fn journal_bytes(&self) -> u64 {
        match self {
            Self::Value { length, .. } => u64::from(*length) + TAG as u64,
            Self::Empty { .. } => 1,
            Self::Inline { sealed, .. } => sealed.len() as u64,
        }
    }

    /// What the entry takes in the directory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Value { .. } => 13,
            Self::Empty { .. } => 9,
            Self::Inline { sealed, .. } => 9 + sealed.len(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (_, origin) = self.origin();
        let (kind, tail): (u8, &[u8]) = match self {
            Self::Value { length, .. } => (0, &length.to_be_bytes()),
            Self::Empty { .. } => (1, &[]),
            Self::Inline { sealed, .. } => (u8::try_from(sealed.len()).unwrap_or(u8::MAX), sealed),
        };
        out.push(kind);
        out.extend_from_slice(&self.file().to_be_bytes());
        out.extend_from_slice(&origin.to_be_bytes());
        out.extend_from_slice(tail);
    }

    /// Reads an entry and tells what follows it. A kind above one is the length of a sealed value, which has a tag.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&kind, rest) = bytes.split_first()?;
        let (file, rest) = rest.split_first_chunk::<4>()?;
        let (origin, rest) = rest.split_first_chunk::<4>()?;
        let (file, origin) = (u32::from_be_bytes(*file), u32::from_be_bytes(*origin));
        match kind {
            0 => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                Some((Self::Value { file, offset: origin, length: u32::from_be_bytes(*length) }, rest))
            }
            1 => Some((Self::Empty { file, ordinal: origin }, rest)),
            _ => {
                let (sealed, rest) = rest.split_at_checked(usize::from(kind))?;
                Some((Self::Inline { file, ordinal: origin, sealed: sealed.into() }, rest))
            }
        }
    }
}
