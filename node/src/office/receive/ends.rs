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
                End::Withdraw(id, signed) => intake.end(id, signed)?,
                End::Gone(id) => intake.leave(id)?,
                End::Recall(label) => intake.take_back(Some(label), None)?,
            }
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
