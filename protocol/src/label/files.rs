//! The files of a label on the wire: a list, of which all must let a bureau have the record.

use minicbor::decode::Error;
use minicbor::encode::{self, Write};
use minicbor::{Decoder, Encoder};

use crate::caf::CafId;

pub(super) fn encode<C, W: Write>(
    caf: &Option<CafId>,
    e: &mut Encoder<W>,
    ctx: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    match caf {
        Some(caf) => e.array(1)?.encode_with(caf, ctx)?.ok(),
        None => e.null()?.ok(),
    }
}

pub(super) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Option<CafId>, Error> {
    match d.array()? {
        Some(1) => d.decode_with(ctx).map(Some),
        _ => Err(Error::message("a record of several files").at(d.position())),
    }
}

pub(super) const fn is_nil(caf: &Option<CafId>) -> bool {
    caf.is_none()
}

#[expect(clippy::option_option, reason = "what an absent entry is: no file")]
pub(super) const fn nil() -> Option<Option<CafId>> {
    Some(None)
}
