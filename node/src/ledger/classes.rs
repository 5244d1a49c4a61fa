//! The classes of records that this node keeps: one for each label of its own, and for each label, groups and generation
//! of what it receives of one bureau.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::vocabulary::GroupSet;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, decode, encode, part, table};
use crate::store::Batch;

const NAME: &str = "classes";

/// A class: a small number, never sent, and never given twice.
pub type ClassIndex = u32;

/// The class of records that cannot be shared yet. It has no log.
pub const DRAFTS: ClassIndex = ClassIndex::MAX - 1;

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRow {
    /// Who owns its records.
    pub owner: BureauId,
    /// The label of all its records.
    pub label: Label,
    /// For received ones: how they came.
    pub came: Option<Came>,
    /// Received ones that are being purged: its records count as gone already.
    pub ending: bool,
}

/// How received records came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Came {
    /// In this generation of their owner's feed.
    pub generation: u64,
    /// With these groups of fields.
    pub groups: GroupSet,
    /// Why they are kept, and not shown; none where they are.
    pub aside: Option<Aside>,
}

/// Why received records are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aside {
    /// Their owner may not contribute them to their file, as far as is known here. They are shown once it may.
    Uninvited,
    /// Somebody ended them who may not be their owner: its keys are compromised.
    Disputed,
}

/// How much there is in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Extent {
    /// Live records.
    #[n(0)]
    pub records: u64,
    /// The number of the last entry of its log.
    #[n(1)]
    pub head: u64,
    /// How many entries there are in its log.
    #[n(2)]
    pub entries: Option<u64>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    owner: BureauId,
    #[cbor(n(1), with = "minicbor::bytes")]
    label: Vec<u8>,
    #[n(2)]
    generation: Option<u64>,
    #[n(3)]
    groups: u32,
    #[n(4)]
    ending: Option<bool>,
    #[n(5)]
    uninvited: Option<bool>,
    #[n(6)]
    disputed: Option<bool>,
}

impl Ledger {
    /// All classes with their numbers, ascending.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn classes(&self) -> Result<Vec<(ClassIndex, ClassRow)>, Error> {
        let rows: Vec<(Vec<u8>, Row)> = self.rows(NAME, table::CLASSES, &[])?;
        rows.into_iter().map(|(key, row)| Ok((ClassIndex::from_be_bytes(part(NAME, &key, 0)?), row.read()?))).collect()
    }

    /// One class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn class(&self, class: ClassIndex) -> Result<Option<ClassRow>, Error> {
        let bytes = self.store().get(table::CLASSES, &class.to_be_bytes())?;
        bytes.map(|bytes| decode::<Row>(NAME, &bytes)?.read()).transpose()
    }

    /// Adds a class.
    pub fn put_class(&self, batch: &mut Batch, class: ClassIndex, row: &ClassRow) {
        let aside = |why| row.came.filter(|came| came.aside == Some(why)).map(|_| true);
        let row = Row {
            owner: row.owner,
            label: row.label.canonical(),
            generation: row.came.map(|came| came.generation),
            groups: row.came.map_or(0, |came| came.groups.bits()),
            ending: row.ending.then_some(true),
            uninvited: aside(Aside::Uninvited),
            disputed: aside(Aside::Disputed),
        };
        batch.put(table::CLASSES, class.to_be_bytes(), encode(&row));
    }

    /// Removes a class.
    pub fn delete_class(&self, batch: &mut Batch, class: ClassIndex) {
        batch.delete(table::CLASSES, class.to_be_bytes());
        batch.delete(table::EXTENTS, class.to_be_bytes());
        batch.delete(table::SHARES, class.to_be_bytes());
    }

    /// How much there is in a class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn extent(&self, class: ClassIndex) -> Result<Extent, Error> {
        Ok(self.row(NAME, table::EXTENTS, &class.to_be_bytes())?.unwrap_or_default())
    }

    /// How much there is in each class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn extents(&self) -> Result<Vec<(ClassIndex, Extent)>, Error> {
        let rows: Vec<(Vec<u8>, Extent)> = self.rows(NAME, table::EXTENTS, &[])?;
        rows.into_iter().map(|(key, row)| Ok((ClassIndex::from_be_bytes(part(NAME, &key, 0)?), row))).collect()
    }

    /// Notes how much there is in a class.
    pub fn put_extent(&self, batch: &mut Batch, class: ClassIndex, extent: Extent) {
        batch.put(table::EXTENTS, class.to_be_bytes(), encode(&extent));
    }
}

impl Row {
    fn read(self) -> Result<ClassRow, Error> {
        let bad = |why: &str| Error::Row { table: NAME, why: why.into() };
        let label = Label::decode(&self.label).map_err(|error| bad(&error.to_string()))?;
        let groups = GroupSet::from_bits(self.groups).ok_or_else(|| bad("unknown group"))?;
        let aside = match (self.disputed, self.uninvited) {
            (Some(true), _) => Some(Aside::Disputed),
            (_, Some(true)) => Some(Aside::Uninvited),
            _ => None,
        };
        let came = self.generation.map(|generation| Came { generation, groups, aside });
        Ok(ClassRow { owner: self.owner, label, came, ending: self.ending == Some(true) })
    }
}
