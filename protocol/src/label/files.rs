//! The files of a label on the wire: a list, left out where there is none.

use minicbor::decode::Error;
use minicbor::encode::{self, Write};
use minicbor::{Decode as _, Decoder, Encode as _, Encoder};

use crate::caf::CafId;

pub(super) fn encode<C, W: Write>(
    cafs: &[CafId],
    e: &mut Encoder<W>,
    ctx: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    if cafs.is_empty() { e.null()?.ok() } else { cafs.encode(e, ctx) }
}

pub(super) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<CafId>, Error> {
    let at = d.position();
    let cafs = Vec::decode(d, ctx)?;
    if cafs.is_empty() { Err(Error::message("a list of no file").at(at)) } else { Ok(cafs) }
}

pub(super) const fn is_nil(cafs: &[CafId]) -> bool {
    cafs.is_empty()
}

#[expect(clippy::unnecessary_wraps, reason = "what an absent entry is: no file")]
pub(super) const fn nil() -> Option<Vec<CafId>> {
    Some(Vec::new())
}
