//! What travels over the API, one file a resource. These are also what `--json` prints.

mod audit;
mod backup;
mod caf;
mod card;
mod clock;
mod import;
mod peer;
mod policy;
mod query;
mod record;
mod recovery;
mod status;
mod store;
mod text;

pub use audit::{AuditEntries, AuditEntry, AuditSummary, Vouched};
pub use backup::{Backup, HeldArchive, NewBackup, StoredBackup};
pub use caf::{Caf, Cafs, Dismissal, Invitation, Invited, Join, Member, MemberState, NewCaf};
pub use card::{Card, Contact};
pub use clock::{Clock, ClockDecision, ClockMoved, OtherClock};
pub use import::{ImportEvent, ImportFile, ImportReport, ImportRequest, Progress, Reject, Warning};
pub use peer::{Budget, Dropped, Enrolment, Link, Peer, PeerState, Peers, Reinstatement, Revocation, Spent};
pub use policy::{
    Decision, Explanation, NearMiss, PlanRow, PolicyChange, PolicyFile, PolicyFileState, PolicyInForce, PolicyText,
    Rule,
};
pub use query::{Answer, Hit, Identifier, Question};
pub use record::{
    Contributed, Field, Holder, HolderState, Holders, Label, Listed, Listing, NewRecord, NewRecords, Outcome,
    OutcomeKind, Record, Records, Revision, Withdrawal,
};
pub use recovery::{Heard, PutBack, Recovery, RecoveryPeer};
pub use status::{ClockStatus, OwnerCount, RecoveryStatus, Status, StoreStatus};
pub use store::StoreReport;
pub use text::Text;
