//! `clock`: what the provider's system clock says, with the first answer in an exchange and then each ten minutes.
//!
//! A bureau whose own clock has jumped, or that was off for long, weighs it against what several others say. It is what the
//! machine's clock says, explained or not: nodes that were all off at once could not help each other otherwise.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written};
use crate::time::Timestamp;

/// The time, as the provider's machine has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockMessage {
    /// What its clock said when this was sent.
    pub time: Timestamp,
}

impl ClockMessage {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.u64(self.time.as_ms())?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        Ok(Self { time: Timestamp::from_ms(d.u64()?) })
    }
}
