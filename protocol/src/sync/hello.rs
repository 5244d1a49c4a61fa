//! `hello`: what a node's program knows, said with each pull and each end.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written, array, skip};

/// What one side says of its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hello {
    /// The newest version of the format that it reads; zero where it did not say.
    pub format: u64,
    /// What it can do besides, a bit each; ones that are not known are passed over. See [`Hello::GIVES_BACK`].
    pub capabilities: u64,
    /// The serial of the newest card of the other side that it has; zero where it has none. Who has a newer one sends it.
    pub seen: u64,
}

impl Hello {
    /// It gives back what a provider asks for that was put back to a backup.
    pub const GIVES_BACK: u64 = 1;

    /// What this program says, of a bureau whose newest card has this serial.
    pub const fn ours(seen: u64) -> Self {
        Self { format: 2, capabilities: Self::GIVES_BACK, seen }
    }

    /// Whether it gives back what is asked for.
    pub const fn gives_back(&self) -> bool {
        self.capabilities & Self::GIVES_BACK > 0
    }

    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(3)?.u64(self.format)?.u64(self.capabilities)?.u64(self.seen)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 2)?;
        let (format, capabilities) = (d.u64()?, d.u64()?);
        // Who does not say has seen none.
        let seen = if more > 0 { d.u64()? } else { 0 };
        let hello = Self { format, capabilities, seen };
        skip(d, more.saturating_sub(1))?;
        Ok(hello)
    }
}
