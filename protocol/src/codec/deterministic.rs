//! One encoding for each value: the core deterministic requirements of RFC 8949 §4.2.1, checked on untrusted bytes.

use super::Error;

/// How deep arrays, maps and tags may stand inside each other: twice what the deepest document of this protocol needs.
pub const NESTING_LIMIT: usize = 16;

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// Checks that `bytes` are exactly one data item: shortest heads, definite lengths, map keys ascending and unique,
/// text in UTF-8, nothing but booleans and null of the simple values (this protocol has no floating point).
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(bytes);
    reader.item(0)?;
    reader.end()
}

/// Walks over CBOR without trusting a length before it has seen the bytes.
pub(super) struct Reader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { whole: bytes, rest: bytes }
    }

    pub(super) fn at(&self) -> usize {
        self.whole.len().saturating_sub(self.rest.len())
    }

    pub(super) fn end(&self) -> Result<(), Error> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(Error::Trailing { bytes }),
        }
    }

    /// The value under the key 0 of a map that starts with it, where that is an unsigned number.
    pub(super) fn version(&mut self) -> Option<u64> {
        let (MAP, 1..) = self.head().ok()? else { return None };
        let (UINT, 0) = self.head().ok()? else { return None };
        match self.head().ok()? {
            (UINT, version) => Some(version),
            _ => None,
        }
    }

    /// Reads a head that must be `major` with the argument `value`.
    pub(super) fn expect(&mut self, major: u8, value: u64, expected: &'static str) -> Result<(), Error> {
        let at = self.at();
        match self.head()? {
            found if found == (major, value) => Ok(()),
            _ => Err(Error::Shell { at, expected }),
        }
    }

    /// Reads a byte string.
    pub(super) fn bytes(&mut self, expected: &'static str) -> Result<&'a [u8], Error> {
        let at = self.at();
        match self.head()? {
            (BYTES, length) => self.take(length),
            _ => Err(Error::Shell { at, expected }),
        }
    }

    fn item(&mut self, depth: usize) -> Result<(), Error> {
        if depth > NESTING_LIMIT {
            return Err(Error::TooDeep);
        }
        let at = self.at();
        let (major, value) = self.head()?;
        match major {
            UINT | NEGATIVE => Ok(()),
            BYTES => self.take(value).map(drop),
            TEXT => match std::str::from_utf8(self.take(value)?) {
                Ok(_) => Ok(()),
                Err(_) => Err(Error::NotDeterministic { at, what: "text that is not UTF-8" }),
            },
            // Counted, not allocated: a count beyond the input ends at its end.
            ARRAY => (0..value).try_for_each(|_| self.item(depth + 1)),
            MAP => self.map(value, depth),
            TAG => self.item(depth + 1),
            _ => match value {
                20..=22 => Ok(()),
                _ => Err(Error::NotDeterministic { at, what: "a value that is no boolean and not null" }),
            },
        }
    }

    fn map(&mut self, entries: u64, depth: usize) -> Result<(), Error> {
        let mut last: &[u8] = &[];
        for _ in 0..entries {
            let (at, before) = (self.at(), self.rest);
            self.item(depth + 1)?;
            let key = before.get(..before.len().saturating_sub(self.rest.len())).unwrap_or_default();
            if key <= last {
                return Err(Error::NotDeterministic { at, what: "a map key out of order" });
            }
            last = key;
            self.item(depth + 1)?;
        }
        Ok(())
    }

    /// The major type and argument of the next item.
    fn head(&mut self) -> Result<(u8, u64), Error> {
        let at = self.at();
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 0x1f);
        let width = match info {
            0..24 => return Ok((major, u64::from(info))),
            24..28 if major == 7 => {
                return Err(Error::NotDeterministic { at, what: "a value that is no boolean and not null" });
            }
            24..28 => 1_u64 << (info - 24),
            31 => return Err(Error::NotDeterministic { at, what: "an indefinite length" }),
            _ => return Err(Error::NotDeterministic { at, what: "a reserved head" }),
        };
        let value = self.take(width)?.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let least = match width {
            1 => 24,
            2 => 1 << 8,
            4 => 1 << 16,
            _ => 1 << 32,
        };
        if value < least {
            return Err(Error::NotDeterministic { at, what: "a number in a longer form than it needs" });
        }
        Ok((major, value))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let cut = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = cut.ok_or(Error::Truncated { at: self.whole.len() })?;
        self.rest = rest;
        Ok(taken)
    }
}
