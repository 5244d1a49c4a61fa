//! Verifying many signatures at once, at less than half the cost of one by one.

use super::{Claim, Error};
use crate::bureau::VerifyingKey;

/// Signatures in one batch equation: beyond this the gain per signature is lost in the memory it takes.
const BATCH: usize = 256;
/// A failed batch of this size or less is verified one by one: halving it further would cost more.
const SINGLY: usize = 16;

/// Verifies each claim with its key; the answers come in the order of the items.
///
/// Good items pass also where others in the same batch are bad: a batch that fails is halved until the culprits are
/// found. Nobody but a key's holder can make a signature that passes here and not in [`Claim::verify`]: the
/// signatures of their own on which the two could differ are refused up front as far as their bytes show it.
pub fn verify_batch(items: &[(&Claim, &VerifyingKey)]) -> Vec<Result<(), Error>> {
    let mut answers = Vec::with_capacity(items.len());
    for chunk in items.chunks(BATCH) {
        verify_chunk(chunk, &mut answers);
    }
    answers
}

struct Pending<'a> {
    index: usize,
    claim: &'a Claim,
    key: &'a VerifyingKey,
}

fn verify_chunk(chunk: &[(&Claim, &VerifyingKey)], answers: &mut Vec<Result<(), Error>>) {
    let start = answers.len();
    let mut pending = Vec::with_capacity(chunk.len());
    for (index, (claim, key)) in chunk.iter().enumerate() {
        let answer = claim.check_key(key).and_then(|()| check_nonce(claim));
        if answer.is_ok() {
            pending.push(Pending { index: start + index, claim, key });
        }
        answers.push(answer);
    }
    settle(&pending, answers);
}

/// Finds the bad ones among `pending`.
fn settle(pending: &[Pending<'_>], answers: &mut [Result<(), Error>]) {
    if pending.is_empty() || (pending.len() > 1 && all_match(pending)) {
        return;
    }
    if pending.len() > SINGLY {
        let (left, right) = pending.split_at(pending.len() / 2);
        settle(left, answers);
        settle(right, answers);
        return;
    }
    for item in pending {
        if let (Err(error), Some(answer)) = (item.claim.verify(item.key), answers.get_mut(item.index)) {
            *answer = Err(error);
        }
    }
}

fn all_match(pending: &[Pending<'_>]) -> bool {
    let messages: Vec<&[u8]> = pending.iter().map(|item| item.claim.message.as_slice()).collect();
    let signatures: Vec<_> = pending.iter().map(|item| item.claim.signature()).collect();
    let keys: Vec<_> = pending.iter().map(|item| item.key.to_dalek()).collect();
    ed25519_dalek::verify_batch(&messages, &signatures, &keys).is_ok()
}

/// Refuses a nonce point that strict verification refuses and the batch equation may let pass: one that is not the
/// canonical encoding of its point, or of small order.
fn check_nonce(claim: &Claim) -> Result<(), Error> {
    let mut y = *claim.signature().r_bytes();
    // The top bit is the sign of x.
    y[31] &= 0x7f;
    let canonical = y.iter().rev().lt(FIELD_ORDER.iter().rev());
    match canonical && !SMALL_ORDER.contains(&y) {
        true => Ok(()),
        false => Err(Error::Signature),
    }
}

/// 2^255 - 19, little end first.
const FIELD_ORDER: [u8; 32] = little_endian(0xed, 0xff, 0x7f);

/// The y coordinates of the eight points of small order: 1, -1, 0, and the two of order eight.
pub(super) const SMALL_ORDER: [[u8; 32]; 5] = [
    little_endian(0x01, 0x00, 0x00),
    little_endian(0xec, 0xff, 0x7f),
    little_endian(0x00, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}
