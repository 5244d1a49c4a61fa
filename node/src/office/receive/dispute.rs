//! What comes of a bureau that is revoked. Nothing is taken over. Of one that left, ends are what they always are; of one
//! whose keys are compromised they may be anybody's word: what they would end is hidden until it is known what its owner
//! says.

use igain_protocol::feed::{Entry, Letter, LetterKind};
use igain_protocol::label::LabelDigest;
use igain_protocol::record::RecordId;

use super::{Intake, Verdicts};
use crate::ledger::{Aside, Came, ClassRow, Op, Place, RecordKey, RevokedFor};
use crate::office::Error;

impl Intake<'_> {
    /// Acts on one entry. What is not taken comes again if the bureau is ever heard again, for its feeds begin anew then;
    /// that is also why the end of such a beginning says nothing here.
    pub(super) fn entry_of_revoked(
        &mut self,
        why: RevokedFor,
        entry: Entry,
        verdicts: &mut Verdicts,
    ) -> Result<(), Error> {
        let disputed = why == RevokedFor::Compromised;
        match entry {
            Entry::Put { .. } => {
                verdicts.records.next();
                Ok(())
            }
            Entry::Withdraw(bytes) => match verdicts.withdrawn.next() {
                Some(Ok(id)) if disputed => self.dispute(id),
                Some(Ok(id)) => self.end(id, bytes),
                _ => Ok(()),
            },
            Entry::Gone(id) if disputed => self.dispute(id),
            Entry::Gone(id) => self.leave(id),
            Entry::Recall(label) if disputed => self.dispute_all(label),
            Entry::Recall(label) => self.take_back(Some(label), None),
            Entry::Letter(letter @ Letter { kind: LetterKind::Receipt, .. }) if !disputed => self.letter(&letter),
            Entry::Complete | Entry::Letter(_) | Entry::Other(_) => Ok(()),
        }
    }

    /// Hides a record.
    fn dispute(&mut self, id: RecordId) -> Result<(), Error> {
        let key = RecordKey { id, owner: self.provider };
        let Some(mut held) = self.held(key)? else { return Ok(()) };
        let row = self.turn.class(held.place.class);
        let Some((row, came)) = row.and_then(|row| Some((row.clone(), row.came?))) else { return Ok(()) };
        if came.aside == Some(Aside::Disputed) {
            return Ok(());
        }
        let Some(record) = self.office().ledger().record(key)? else { return Ok(()) };
        let class = self.turn.received_class(self.provider, &row.label, Came { aside: Some(Aside::Disputed), ..came });
        self.turn.count(held.place.class, -1);
        self.turn.count(class, 1);
        let (seq, number) = self.turn.push(class, Op::Put, id, None);
        held.place = Place { class, seq, since: seq, number, ..held.place };
        self.turn.put_record(key, &held.place, &record.bytes);
        self.made.insert(key, Some(held));
        self.disputed += 1;
        Ok(())
    }

    /// Hides all records with a label.
    fn dispute_all(&mut self, label: LabelDigest) -> Result<(), Error> {
        for (came, class) in self.turn.received_of(self.provider, Some(label)) {
            if let Some(row) = self.turn.class(class).filter(|_| came.aside != Some(Aside::Disputed)) {
                let came = Some(Came { aside: Some(Aside::Disputed), ..came });
                self.turn.put_class(class, ClassRow { came, ..row });
                self.disputed += 1;
            }
        }
        self.last = None;
        Ok(())
    }
}
