//! What ends although there is no room for what comes with it: on a full disk, what a provider takes back goes all the same.
//! The feed stays where it was, so all of it comes again once there is room.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::LabelDigest;
use igain_protocol::record::RecordId;

use super::Intake;
use crate::office::held::LookedUp;
use crate::office::{Actor, Deed, Error, Office};

/// Something that ends.
#[derive(Debug)]
pub(super) enum End {
    /// A record for good, by its owner's signed word.
    Withdraw(RecordId, Vec<u8>),
    /// A record.
    Gone(RecordId),
    /// All with a label.
    Recall(LabelDigest),
}

impl Office {
    /// Takes in ends alone, with the room that is kept for that.
    ///
    /// # Errors
    /// As for [`Office::take_in`].
    pub(super) fn take_ends(&self, provider: BureauId, ends: Vec<End>) -> Result<(), Error> {
        let nothing = LookedUp::of(self, std::iter::empty(), std::iter::empty())?;
        let mut intake = Intake::begin(self, provider, nothing)?;
        intake.turn.takes_back();
        for end in ends {
            match end {
                // What was taken in already takes no room again.
                End::Withdraw(id, _) if !intake.has(id)? && intake.has_ended(id)? => {}
                End::Gone(id) if !intake.has(id)? => {}
                End::Withdraw(id, signed) => intake.end(id, signed)?,
                End::Gone(id) => intake.leave(id)?,
                End::Recall(label) if intake.has_label(label) => intake.take_back(Some(label), None)?,
                End::Recall(_) => {}
            }
        }
        if intake.gone == 0 {
            return Ok(());
        }
        let purged = intake.received.purged;
        let deed = Deed::new(Actor::Bureau(provider), "feed.receive").peer(provider);
        intake.turn.account(deed.with("records", 0).with("purged", purged));
        intake.turn.commit_now()?;
        for class in intake.ending {
            self.purge(class)?;
        }
        Ok(())
    }
}

impl Intake<'_> {
    /// Whether anything of a record is held.
    fn has(&self, id: RecordId) -> Result<bool, Error> {
        let key = self.record(id);
        Ok(self.held(key)?.is_some() || self.office().ledger().newer(key)?.is_some())
    }

    /// Whether it is known that its owner withdrew a record.
    fn has_ended(&self, id: RecordId) -> Result<bool, Error> {
        Ok(self.office().ledger().tombstone(self.record(id))?.is_some_and(|row| row.signed.is_some()))
    }

    /// Whether there may be anything with a label.
    fn has_label(&self, label: LabelDigest) -> bool {
        self.has_newer || !self.turn.received_of(self.provider, Some(label)).is_empty()
    }
}
