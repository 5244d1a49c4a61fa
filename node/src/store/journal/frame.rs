//! One commit as it lies in a journal file.
//!
//! ```text
//! frame  := header ops values
//! header := "IGF1" seq:u64 count:u32 ops_bytes:u32 values_bytes:u32 synced:u32 previous:32 values_digest:32 crc:u32
//! ops    := sealed( count * ( 0 key | 1 key length:u32 | 2 key length:u8 bytes ) )     key := length:u16 bytes
//! values := one sealed value for each `1`, in order
//! ```
//!
//! All numbers are big-endian. `crc` is the CRC-32 of the header before it and of the sealed ops. `previous` is the
//! chain up to here: SHA-256 over header (without crc) and sealed ops of the frame before, so that the op lists alone
//! prove their order, and, by `values_digest`, what values belong to them. The header is the associated data of the
//! ops; table and key are that of a value. `synced` says how far the file was durable when the frame was written: what
//! lies below it can be damaged, but not torn.

use sha2::{Digest, Sha256};

use crate::store::batch::{KEY_LIMIT, Op, VALUE_LIMIT};
use crate::store::crypt::{FileCipher, TAG, Use};
use crate::store::entry::Entry;

pub(crate) const HEADER: usize = 96;
const SEALED_HEADER: usize = HEADER - 4;
pub(crate) const MAGIC: [u8; 4] = *b"IGF1";

/// Values up to this size lie in the op list, and in the directory itself: a row of a few numbers is then read without
/// a second read of the disk.
pub(crate) const INLINE_LIMIT: usize = 64;

/// The running hash over the frames of a file.
pub(crate) type Chain = [u8; 32];

/// Where a frame goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) file: u32,
    /// Offset of the frame in the file.
    pub(crate) offset: u64,
    /// The number of operations in the file before it.
    pub(crate) ordinal: u32,
    pub(crate) chain: Chain,
    pub(crate) synced: u64,
}

/// What a frame means for the directory: each key with where its value is now, or `None` if it was removed.
pub(crate) type Changes = Vec<(Vec<u8>, Option<Entry>)>;

/// Appends one frame to `out`, and tells what it means for the directory and the chain after it. `None` only where the
/// frame would be too large for its file.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    site: &Site,
    seq: u64,
    cipher: &FileCipher,
    ops: Vec<Op>,
) -> Option<(Changes, Chain)> {
    let start = out.len();
    let mut list = op_list(&ops)?;
    let ops_bytes = list.len() + TAG;
    out.resize(start + HEADER + ops_bytes, 0);
    let values_start = out.len();
    let count = u32::try_from(ops.len()).ok()?;
    let mut changes = Changes::with_capacity(ops.len());
    for (ordinal, Op { key, value }) in (site.ordinal..).zip(ops) {
        let entry = match value {
            None => None,
            Some(value) if value.len() <= INLINE_LIMIT => Some(Entry::inline(site.file, ordinal, cipher, &key, value)?),
            Some(value) => {
                let at = out.len();
                let offset = site.offset + u64::try_from(at - start).ok()?;
                out.extend_from_slice(&value);
                cipher.seal(Use::Value, offset, &key, out, at)?;
                let (offset, length) = (u32::try_from(offset).ok()?, u32::try_from(value.len()).ok()?);
                Some(Entry::Value { file: site.file, offset, length })
            }
        };
        changes.push((key, entry));
    }
    let header = Header {
        seq,
        count,
        ops_bytes: u32::try_from(ops_bytes).ok()?,
        values_bytes: u32::try_from(out.len() - values_start).ok()?,
        synced: u32::try_from(site.synced).ok()?,
        previous: site.chain,
        values_digest: Sha256::digest(out.get(values_start..)?).into(),
    };
    let head = header.encode();
    cipher.seal(Use::Ops, site.offset, &head, &mut list, 0)?;
    let (chain, crc) = (chain(&head, &list), crc(&head, &list));
    let place = out.get_mut(start..values_start)?;
    let bytes = head.iter().copied().chain(crc.to_be_bytes()).chain(list);
    place.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Some((changes, chain))
}

fn op_list(ops: &[Op]) -> Option<Vec<u8>> {
    let mut list = Vec::with_capacity(ops.iter().map(|op| op.key.len() + 8).sum::<usize>() + TAG);
    for Op { key, value } in ops {
        let kind = value.as_ref().map_or(0, |value| if value.len() <= INLINE_LIMIT { 2 } else { 1 });
        list.push(kind);
        list.extend_from_slice(&u16::try_from(key.len()).ok()?.to_be_bytes());
        list.extend_from_slice(key);
        match value {
            Some(value) if kind == 2 => {
                list.push(u8::try_from(value.len()).ok()?);
                list.extend_from_slice(value);
            }
            Some(value) => list.extend_from_slice(&u32::try_from(value.len()).ok()?.to_be_bytes()),
            None => {}
        }
    }
    Some(list)
}

fn chain(header: &[u8], ops: &[u8]) -> Chain {
    Sha256::new().chain_update(header).chain_update(ops).finalize().into()
}

fn crc(header: &[u8], ops: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(ops);
    crc.finalize()
}

/// The header of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) seq: u64,
    pub(crate) count: u32,
    pub(crate) ops_bytes: u32,
    pub(crate) values_bytes: u32,
    pub(crate) synced: u32,
    pub(crate) previous: Chain,
    pub(crate) values_digest: [u8; 32],
}

impl Header {
    fn encode(&self) -> [u8; SEALED_HEADER] {
        let mut bytes = [0; SEALED_HEADER];
        let parts: [&[u8]; 8] = [
            &MAGIC,
            &self.seq.to_be_bytes(),
            &self.count.to_be_bytes(),
            &self.ops_bytes.to_be_bytes(),
            &self.values_bytes.to_be_bytes(),
            &self.synced.to_be_bytes(),
            &self.previous,
            &self.values_digest,
        ];
        bytes.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads a header, and the checksum that stands behind it; `None` where there is none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, u32)> {
        let mut input = Input(bytes);
        if input.take::<4>()? != MAGIC {
            return None;
        }
        let header = Self {
            seq: u64::from_be_bytes(input.take()?),
            count: u32::from_be_bytes(input.take()?),
            ops_bytes: u32::from_be_bytes(input.take()?),
            values_bytes: u32::from_be_bytes(input.take()?),
            synced: u32::from_be_bytes(input.take()?),
            previous: input.take()?,
            values_digest: input.take()?,
        };
        Some((header, u32::from_be_bytes(input.take()?)))
    }

    /// The whole length of the frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        HEADER as u64 + u64::from(self.ops_bytes) + u64::from(self.values_bytes)
    }

    /// Checks the sealed ops against the header and opens them. The chain after this frame, and its operations.
    pub(crate) fn open(
        &self,
        crc_found: u32,
        site: &Site,
        cipher: &FileCipher,
        sealed: &[u8],
    ) -> Result<(Chain, Vec<FrameOp>), &'static str> {
        let head = self.encode();
        if crc(&head, sealed) != crc_found {
            return Err("the checksum of a commit does not match");
        }
        if self.previous != site.chain {
            return Err("a commit does not follow the one before it");
        }
        let list = cipher.open(Use::Ops, site.offset, &head, sealed.to_vec()).ok_or("a commit does not open")?;
        let values_at = site.offset + HEADER as u64 + u64::from(self.ops_bytes);
        let ops = self.ops(&list, site.ordinal, values_at).ok_or("the operations of a commit cannot be read")?;
        Ok((chain(&head, sealed), ops))
    }

    fn ops(&self, list: &[u8], ordinal: u32, values_at: u64) -> Option<Vec<FrameOp>> {
        let mut input = Input(list);
        let mut ops = Vec::with_capacity((self.count as usize).min(list.len() / 3));
        let mut offset = values_at;
        for index in 0..self.count {
            let [kind] = input.take()?;
            let length = usize::from(u16::from_be_bytes(input.take()?));
            let key = input.slice(length).filter(|_| length > 0 && length <= KEY_LIMIT + 1)?.to_vec();
            let put = match kind {
                0 => None,
                1 => {
                    let length = u32::from_be_bytes(input.take()?);
                    (length as usize <= VALUE_LIMIT).then_some(())?;
                    let put = Put::Value { offset: u32::try_from(offset).ok()?, length };
                    offset += u64::from(length) + TAG as u64;
                    Some(put)
                }
                2 => {
                    let [length] = input.take()?;
                    Some(Put::Inline(input.slice(usize::from(length))?.to_vec()))
                }
                _ => return None,
            };
            ops.push(FrameOp { ordinal: ordinal.checked_add(index)?, key, put });
        }
        (input.0.is_empty() && offset == values_at + u64::from(self.values_bytes)).then_some(ops)
    }
}

/// An operation as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameOp {
    /// Its number in the file.
    pub(crate) ordinal: u32,
    pub(crate) key: Vec<u8>,
    pub(crate) put: Option<Put>,
}

/// A value as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Put {
    Value { offset: u32, length: u32 },
    Inline(Vec<u8>),
}

impl FrameOp {
    /// What [`Entry::origin`] says of the entry that this makes; `None` for a removal.
    pub(crate) fn origin(&self) -> Option<(bool, u32)> {
        Some(match self.put.as_ref()? {
            Put::Value { offset, .. } => (true, *offset),
            Put::Inline(_) => (false, self.ordinal),
        })
    }

    /// What the directory holds for this operation.
    pub(crate) fn entry(&self, file: u32, cipher: &FileCipher) -> Option<Entry> {
        match self.put.as_ref()? {
            Put::Value { offset, length } => Some(Entry::Value { file, offset: *offset, length: *length }),
            Put::Inline(value) => Entry::inline(file, self.ordinal, cipher, &self.key, value.clone()),
        }
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }
}
