//! Backups: what a bureau needs to start again after a lost disk, sealed to keys that are kept elsewhere.
//!
//! An **archive** holds books and audit log at one moment, and the key, policy, people and configuration files
//! (`head.rs` has the format). A full archive holds all of it; an incremental one follows another and holds what is new:
//! journal files are only ever added to, so that is new files and new ends of files that grew. A full archive and what
//! follows it, one after another, are a **series**; the series of one place to which backups go are a **set**.
//!
//! Archives are sealed with age (<https://age-encryption.org/v1>) to X25519 recipients. The node has none of the
//! identities that open them, so what it must know of the last archive of a set it notes in its data folder (`note.rs`).
//! It notes an archive once it is said to be stored, so nothing ever follows one that nobody has.
//!
//! Nothing here talks to the office: `api::server::backup` takes the snapshot and the account, and puts the two together.

mod chain;
mod contents;
mod error;
mod head;
mod keys;
mod name;
mod note;
mod plan;
mod read;
mod restore;
pub mod restored;
mod survey;
mod walk;
mod write;

pub use chain::Sources;
pub use contents::{Contents, Files};
pub use error::{Error, Fault};
pub use head::{Head, Id};
pub use keys::{Identities, Recipients, recipients_in};
pub use name::{Name, SetName};
pub use note::{Link, Note, Notes};
pub use plan::{Following, Planned, plan};
pub use restore::{FILES, restore};
pub use survey::{State, Survey, Surveyed, draft_of, survey};
pub use walk::{Whole, verify};
pub use write::Written;

/// Bytes that are read or written at once.
const PIECE: usize = 256 << 10;

#[cfg(test)]
mod tests;
