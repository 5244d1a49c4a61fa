//! Accounting for who may ask: a change of the people file, and a file that was refused.

use super::{Actor, Deed, Error, Office};
use crate::people::{self, People};

impl Office {
    /// Accounts for the people that come into force, where they are others than were accounted for last.
    ///
    /// # Errors
    /// Where the books cannot be written; then they must not come into force.
    pub fn account_for_people(&self, people: &People) -> Result<(), Error> {
        let sha256 = people.sha256();
        let mut turn = self.turn()?;
        if self.ledger().people()?.as_deref() == sha256.as_ref().map(<[u8; 32]>::as_slice) {
            return Ok(());
        }
        let digest = sha256.map_or_else(|| "none".to_owned(), hex);
        turn.account(Deed::new(Actor::Node, "people.apply").with("sha256", digest).with("persons", people.persons()));
        self.ledger().put_people(&mut turn.batch, sha256);
        turn.commit_now()
    }

    /// Accounts for a people file that was refused, without a word of what it says.
    ///
    /// # Errors
    /// Where the audit log cannot be written.
    pub fn account_for_refused_people(&self, error: &people::Error) -> Result<(), Error> {
        let deed = Deed::new(Actor::Node, "people.refused").with("code", error.code());
        let deed = match error.line() {
            Some(line) => deed.with("line", line),
            None => deed,
        };
        self.account(deed).map(drop)
    }
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
