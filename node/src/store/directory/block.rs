//! A block of the directory: up to some dozens of neighbouring keys with their entries, in one value of sled.
//!
//! sled alone keeps at most sixteen items in a leaf, which costs it much memory and time for keys as small as ours.
//! Packed, a million records with three keys each are some fifty thousand items to it.
//!
//! `block := *( shared length:u16 rest length:u16 rest entry )`: each key without what it shares with the one before.

use crate::store::entry::Entry;

/// Most bytes of a block, about: sixteen of them fit a leaf of sled that it does not put into a file of its own.
const FULL: usize = 6 << 10;
/// How full blocks are made when one splits.
const FILL: usize = 4 << 10;

pub(crate) type Row = (Vec<u8>, Entry);

/// Packs rows, which are in order.
pub(crate) fn encode(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 48);
    let mut previous: &[u8] = &[];
    for (key, entry) in rows {
        let shared = previous.iter().zip(key).take_while(|(a, b)| a == b).count();
        let rest = key.get(shared..).unwrap_or_default();
        out.extend_from_slice(&length(shared));
        out.extend_from_slice(&length(rest.len()));
        out.extend_from_slice(rest);
        entry.encode(&mut out);
        previous = key;
    }
    out
}

/// Keys have at most 257 bytes.
fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// Calls `each` for the rows in order until it answers false. `None` where the block cannot be read.
fn walk(mut block: &[u8], mut each: impl FnMut(&[u8], Entry) -> bool) -> Option<()> {
    let mut key = Vec::with_capacity(64);
    while !block.is_empty() {
        let (shared, rest) = block.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (shared, length) = (usize::from(u16::from_be_bytes(*shared)), usize::from(u16::from_be_bytes(*length)));
        if shared > key.len() {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(rest.get(..length)?);
        let (entry, rest) = Entry::decode(rest.get(length..)?)?;
        if !each(&key, entry) {
            break;
        }
        block = rest;
    }
    Some(())
}

/// All rows of a block.
pub(crate) fn decode(block: &[u8]) -> Option<Vec<Row>> {
    let mut rows = Vec::with_capacity(128);
    walk(block, |key, entry| {
        rows.push((key.to_vec(), entry));
        true
    })?;
    Some(rows)
}

/// The entry of one key.
pub(crate) fn find(block: &[u8], wanted: &[u8]) -> Option<Option<Entry>> {
    let mut found = None;
    walk(block, |key, entry| {
        if key == wanted {
            found = Some(entry);
        }
        key < wanted
    })?;
    Some(found)
}

/// Cuts rows into what goes into one block each; none where there are no rows.
pub(crate) fn split(mut rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    let total: usize = rows.iter().map(bytes).sum();
    let pieces = if total <= FULL { 1 } else { total.div_ceil(FILL) };
    let most = total.div_ceil(pieces);
    std::iter::from_fn(move || {
        let mut taken = 0;
        let count = rows.iter().take_while(|row| {
            let fits = taken < most;
            taken += bytes(row);
            fits
        });
        let (piece, rest) = rows.split_at_checked(count.count())?;
        rows = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What a row takes, shared parts not counted off.
fn bytes((key, entry): &Row) -> usize {
    key.len() + entry.bytes() + 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: u32) -> Vec<Row> {
        let entry = |n: u32| match n % 3 {
            0 => Entry::Value { file: n, offset: n * 7, length: 900 },
            1 => Entry::Empty { file: n, ordinal: n },
            _ => Entry::Inline { file: n, ordinal: n, sealed: vec![7; 16 + n as usize % 64].into() },
        };
        (0..count).map(|n| (format!("key {:06}", n * 3).into_bytes(), entry(n))).collect()
    }

    #[test]
    fn what_is_packed_comes_back_whole_and_in_pieces() {
        let rows = rows(1_000);
        assert_eq!(decode(&encode(&rows)).unwrap(), rows);
        let pieces: Vec<&[Row]> = split(&rows).collect();
        assert_eq!(pieces.concat(), rows);
        for piece in pieces {
            let block = encode(piece);
            assert!(block.len() <= FULL, "{}", block.len());
            for (key, entry) in piece {
                assert_eq!(find(&block, key).unwrap().as_ref(), Some(entry));
            }
            assert_eq!(find(&block, b"key 000001").unwrap(), None);
            assert_eq!(find(&block, b"z").unwrap(), None);
        }
        assert_eq!(split(&[]).count(), 0);
    }

    #[test]
    fn bytes_that_are_no_block_are_refused() {
        let block = encode(&rows(20));
        for cut in 1..block.len() {
            if let Some(rows) = decode(&block[..cut]) {
                assert!(rows.len() < 20);
            }
        }
        assert!(decode(&[0xff; 40]).is_none());
        assert!(decode(&[0, 0, 0, 1, b'a', 200]).is_none());
    }
}
