//! What is written together.

use super::Error;

/// Most bytes of a key, so that keys stay far below a block of the directory.
pub const KEY_LIMIT: usize = 256;

/// Most bytes of a value: far above any record, far below what would hurt memory.
pub const VALUE_LIMIT: usize = 8 << 20;

/// Most bytes of a batch, so that a journal file stays below 4 GiB and a group of writers in memory.
pub const BATCH_LIMIT: usize = 32 << 20;

/// What an operation costs beside key and value, in memory and on disk.
const OVERHEAD: usize = 32;

/// A table: a space of keys of its own. The number is part of the disk format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub(crate) u8);

impl Table {
    /// The table with this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number of the table.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// A key of this table as the directory knows it.
    pub(crate) fn key(self, key: &[u8]) -> Vec<u8> {
        let mut full = Vec::with_capacity(key.len() + 1);
        full.push(self.0);
        full.extend_from_slice(key);
        full
    }
}

/// One operation: the table's number and the key, and the value unless the key is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// Which writes had failed when something was read: what was made in one epoch of a store is not written in another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    pub(crate) const fn raise(&mut self) {
        self.0 += 1;
    }
}

/// Writes that become durable and visible together. Later ones win over earlier ones.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) ops: Vec<Op>,
    bytes: usize,
    /// When it was begun; none where that is not checked.
    epoch: Option<Epoch>,
    /// It may take the room that is kept for a full disk.
    takes_back: bool,
}

impl Batch {
    /// Nothing yet, of no epoch: written whatever failed before. For the store's own work and tests; others begin a batch
    /// with [`Store::begin`](super::Store::begin).
    pub(crate) const fn new() -> Self {
        Self { ops: Vec::new(), bytes: 0, epoch: None, takes_back: false }
    }

    /// Nothing yet, to be written in this epoch only.
    pub(crate) fn of(epoch: Epoch) -> Self {
        Self { epoch: Some(epoch), ..Self::new() }
    }

    /// The epoch that it was begun in; none where that is not checked.
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// Sets the value of a key. An empty value is a value.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let value = value.into();
        self.bytes += value.len();
        self.push(table, key.into(), Some(value));
    }

    /// Removes a key; nothing happens where it is not there.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.push(table, key.into(), None);
    }

    /// Says that this takes something back, such as a record that is withdrawn: where the disk is full, it may take the
    /// room that is kept for that. A batch that only removes keys may do so in any case.
    pub const fn takes_back(&mut self) {
        self.takes_back = true;
    }

    pub(crate) fn may_use_reserve(&self) -> bool {
        self.takes_back || self.ops.iter().all(|op| op.value.is_none())
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// About how many bytes this takes, in memory and in the journal.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds all of another batch. The earlier epoch of the two counts.
    pub fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.epoch = self.epoch.into_iter().chain(other.epoch).min();
        self.takes_back |= other.takes_back;
        self.ops.extend(other.ops);
    }

    fn push(&mut self, table: Table, mut key: Vec<u8>, value: Option<Vec<u8>>) {
        key.insert(0, table.0);
        self.bytes += key.len() + OVERHEAD;
        self.ops.push(Op { key, value });
    }

    /// Whether nothing failed since it was begun.
    pub(crate) fn check_epoch(&self, now: Epoch) -> Result<(), Error> {
        if self.epoch.is_none_or(|begun| begun == now) { Ok(()) } else { Err(Error::Superseded) }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |what, size, limit| if size > limit { Err(Error::TooLarge { what, size, limit }) } else { Ok(()) };
        within("a batch", self.bytes, BATCH_LIMIT)?;
        for op in &self.ops {
            within("a key", op.key.len() - 1, KEY_LIMIT)?;
            within("a value", op.value.as_ref().map_or(0, Vec::len), VALUE_LIMIT)?;
        }
        Ok(())
    }
}
