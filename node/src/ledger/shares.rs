//! Who may have what of each class, as it was last brought in line: what changes is told by comparing with it.

use igain_protocol::vocabulary::GroupSet;
use minicbor::{Decode, Encode};

use super::{ClassIndex, Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "shares";

/// A peer, by the number that it got when it was first enrolled.
pub type PeerNumber = u32;

/// What peers may have of one class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shares {
    /// For each set of groups that somebody has, who does; sets ascend, and no peer is in two.
    sets: Vec<(GroupSet, Vec<u64>)>,
}

impl Shares {
    /// The groups that a peer may have.
    pub fn of(&self, peer: PeerNumber) -> GroupSet {
        let has = |(_, peers): &&(GroupSet, Vec<u64>)| {
            peers.get(peer as usize / 64).is_some_and(|word| word & (1 << (peer % 64)) != 0)
        };
        self.sets.iter().find(has).map_or(GroupSet::EMPTY, |(groups, _)| *groups)
    }

    /// Gives a peer other groups than it had.
    pub fn set(&mut self, peer: PeerNumber, groups: GroupSet) {
        let (at, bit) = (peer as usize / 64, 1_u64 << (peer % 64));
        for (_, peers) in &mut self.sets {
            if let Some(word) = peers.get_mut(at) {
                *word &= !bit;
            }
        }
        if !groups.is_empty() {
            let place = self.sets.binary_search_by_key(&groups, |(groups, _)| *groups).unwrap_or_else(|place| {
                self.sets.insert(place, (groups, Vec::new()));
                place
            });
            if let Some((_, peers)) = self.sets.get_mut(place) {
                peers.resize(peers.len().max(at + 1), 0);
                if let Some(word) = peers.get_mut(at) {
                    *word |= bit;
                }
            }
        }
        for (_, peers) in &mut self.sets {
            let used = peers.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
            peers.truncate(used);
        }
        self.sets.retain(|(_, peers)| !peers.is_empty());
    }
}

#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    sets: Vec<(u32, Vec<u64>)>,
    /// Peers that lost the class, and the number of the log at which they did.
    #[n(1)]
    lost: Vec<(PeerNumber, u64)>,
}

/// What is noted of one class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharesRow {
    /// Who may have what.
    pub shares: Shares,
    /// Peers that may not have it any more, each with the number of the log at which it was taken back.
    pub lost: Vec<(PeerNumber, u64)>,
}

impl Ledger {
    /// What is noted of all classes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn shares(&self) -> Result<Vec<(ClassIndex, SharesRow)>, Error> {
        let rows: Vec<(Vec<u8>, Row)> = self.rows(NAME, table::SHARES, &[])?;
        rows.into_iter().map(|(key, row)| Ok((ClassIndex::from_be_bytes(part(NAME, &key, 0)?), row.read()?))).collect()
    }

    /// What is noted of one class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn shares_of(&self, class: ClassIndex) -> Result<Option<SharesRow>, Error> {
        let row: Option<Row> = self.row(NAME, table::SHARES, &class.to_be_bytes())?;
        row.map(Row::read).transpose()
    }

    /// Notes who may have what of a class.
    pub fn put_shares(&self, batch: &mut Batch, class: ClassIndex, row: &SharesRow) {
        let sets = row.shares.sets.iter().map(|(groups, peers)| (groups.bits(), peers.clone())).collect();
        batch.put(table::SHARES, class.to_be_bytes(), encode(&Row { sets, lost: row.lost.clone() }));
    }
}

impl Row {
    fn read(self) -> Result<SharesRow, Error> {
        let unknown = || Error::Row { table: NAME, why: "unknown group".into() };
        let set = |(bits, peers)| Ok((GroupSet::from_bits(bits).ok_or_else(unknown)?, peers));
        let sets = self.sets.into_iter().map(set).collect::<Result<_, Error>>()?;
        Ok(SharesRow { shares: Shares { sets }, lost: self.lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use igain_protocol::vocabulary::Group;

    #[test]
    fn a_peer_has_what_it_was_given_last() {
        let (all, core) = (GroupSet::ALL, [Group::Core].into_iter().collect::<GroupSet>());
        let mut shares = Shares::default();
        shares.set(3, all);
        shares.set(195, core);
        shares.set(64, core);
        assert_eq!((shares.of(3), shares.of(195), shares.of(64)), (all, core, core));
        assert_eq!(shares.of(131), GroupSet::EMPTY);
        shares.set(3, core);
        assert_eq!(shares.sets.len(), 1);
        [3, 64, 195].into_iter().for_each(|peer| shares.set(peer, GroupSet::EMPTY));
        assert_eq!(shares, Shares::default(), "what is equal looks equal, however it came about");
    }
}
