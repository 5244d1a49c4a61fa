//! What can go wrong in the office, whose fault it is, and a stable code for each.

use igain_protocol::bureau::{BureauId, card};
use igain_protocol::caf::{self, CafId};
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;
use igain_protocol::{parcel, receipt, record, sync};

use crate::{audit, ledger, network, policy, search, store, text};

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Whoever asked: the request is wrong.
    Caller,
    /// What was asked for is not there, or not for the caller to know.
    Absent,
    /// The operator of this node.
    Operator,
    /// The other bureau.
    Peer,
}

/// Why the office refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The books cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The audit log cannot be written: nothing is answered that is not accounted for.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The name index failed.
    #[error(transparent)]
    Search(#[from] search::Error),
    /// The policy is refused.
    #[error(transparent)]
    Policy(policy::Error),
    /// A record is refused.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// A card is refused.
    #[error(transparent)]
    Card(#[from] card::Error),
    /// A charter or acceptance is refused.
    #[error(transparent)]
    Caf(#[from] caf::Error),
    /// A receipt is refused.
    #[error(transparent)]
    Receipt(#[from] receipt::Error),
    /// An identifier cannot be read.
    #[error(transparent)]
    Identifier(#[from] text::identifier::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}. Check that `getrandom` is available to the service")]
    Entropy(String),
    /// There is nothing to decide.
    #[error("the system's clock is believed, and it is {0}: there is nothing to decide")]
    ClockFits(Timestamp),
    /// It is not what somebody decided on.
    #[error(
        "the system's clock said {shown} when you were asked, and says {system} now. Look again: `igain clock show`"
    )]
    ClockMoved {
        /// What it said.
        shown: Timestamp,
        /// What it says.
        system: Timestamp,
    },
    /// The system's clock is behind, not ahead.
    #[error(
        "the system's clock says {system}, and by what is explained it is {now}. Put the clock right; or, if it is right, \
         run `igain clock reset`"
    )]
    ClockBehind {
        /// What the system's clock says.
        system: Timestamp,
        /// What is explained.
        now: Timestamp,
    },
    /// The system's clock is ahead, not behind.
    #[error(
        "the system's clock says {system}, and by what is explained it is {now}. Put the clock right; or, if it is right, \
         run `igain clock accept`"
    )]
    ClockAhead {
        /// What the system's clock says.
        system: Timestamp,
        /// What is explained.
        now: Timestamp,
    },
    /// Not enrolled.
    #[error("`{0}` is not enrolled here. `igain peer list` shows who is")]
    UnknownPeer(BureauId),
    /// The key file is not that of the books.
    #[error(
        "the key file has the signing key {keys}, and the books were last used with {books}. Put back the newest key file \
         of this bureau: `igain key rotate` may have made a newer one"
    )]
    OtherKeys {
        /// The fingerprint of the key of the books.
        books: String,
        /// The fingerprint of the key at hand.
        keys: String,
    },
    /// A card that a peer sent of itself is refused.
    #[error("the card that the peer sent is refused: {0}")]
    RefusedCard(Box<Error>),
    /// Not revoked.
    #[error("`{0}` is not revoked. See `igain peer show {0}`")]
    NotRevoked(BureauId),
    /// Not put back.
    #[error("nothing says that this bureau was put back to a backup: there is no case to close")]
    NotPutBack,
    /// Not waited for.
    #[error("nothing is waited for from `{0}`: it is served, or not heard of yet. See `igain recovery show`")]
    NotReclaiming(BureauId),
    /// Revoked.
    #[error(
        "`{0}` is revoked. Enrol a new card with a new key if it may come back; `igain peer reinstate {0}` undoes a mistake"
    )]
    RevokedPeer(BureauId),
    /// The fingerprint that the administrator gave is another one.
    #[error(
        "the card's fingerprint is {found}, and another one was given. Do not trust the card: compare again by telephone"
    )]
    Fingerprint {
        /// The fingerprint of the card.
        found: String,
    },
    /// This bureau's own card.
    #[error("this is the card of this bureau itself. Enrol the cards of others")]
    OwnCard,
    /// The country code is taken by another key.
    #[error("`{0}` is enrolled with another key. Revoke it first if the key was replaced")]
    OtherKey(BureauId),
    /// A card that names a key which is another bureau's, or was, or is for another use.
    #[error("the card names a key that belongs to {0}, or has another use there. Do not enrol it; ask its bureau why")]
    ForeignKey(BureauId),
    /// No such CAF, or not for this bureau to know.
    #[error("there is no CAF `{0}` here. `igain caf list` shows those that this bureau knows")]
    UnknownCaf(CafId),
    /// A CAF whose manager has signed two charters under one serial, or one that cannot be read here.
    #[error(
        "the CAF `{0}` is suspended: its manager has signed two charters under one serial, or its newest charter is of a \
         newer version. Nothing is shared in it until the manager signs another one, or this node is updated"
    )]
    Suspended(CafId),
    /// Only the manager may do this.
    #[error("only the manager, {0}, may change the charter")]
    NotManager(BureauId),
    /// This bureau is not a member.
    #[error("this bureau is not among the members of the CAF. Its manager can invite it")]
    NotMember,
    /// A reader must not contribute.
    #[error("this bureau may read in the CAF, but not contribute to it. Ask its manager for another role")]
    ReaderOnly,
    /// The charter does not take such records.
    #[error("the charter of the CAF does not take this: {0}. `igain caf show` has its kinds and subject categories")]
    OutsideCharter(String),
    /// No such record, or not for the caller to know.
    #[error("there is no record `{0}` here")]
    UnknownRecord(RecordId),
    /// Owned by somebody else.
    #[error("the record belongs to {0}. Only its owner can change or withdraw it")]
    NotOwner(BureauId),
    /// Withdrawn or expired before.
    #[error("the record has been withdrawn or has expired, and cannot come back. Add a new one")]
    Ended,
    /// Somebody else was faster.
    #[error("the record was changed while this was prepared. Look at it again, then try once more")]
    Overtaken,
    /// The retention date has passed.
    #[error("the retention date {0} has passed. Give a later one")]
    Outdated(igain_protocol::time::Day),
    /// A query without purpose and case.
    #[error(
        "records are answered for a purpose and in a case. Give both, `--purpose` and `--case`, or begin with `igain session start`"
    )]
    NoPurpose,
    /// A case reference that is none.
    #[error("the case reference {0}. Give its number or name in your register, in one line")]
    Case(&'static str),
    /// A query that asks for nothing.
    #[error("the query asks for nothing. Give an identifier, a name, or a filter")]
    EmptyQuery,
    /// There is no name index.
    #[error("this office keeps no name index. Ask for an identifier")]
    NoIndex,
    /// The name index has not caught up in time.
    #[error("the name index is still catching up with the store. Try again in a moment")]
    IndexBehind,
    /// A parcel is refused.
    #[error(transparent)]
    Parcel(#[from] parcel::Error),
    /// A frame is refused.
    #[error(transparent)]
    Frame(#[from] sync::Error),
    /// A peer broke the protocol.
    #[error("the peer broke the sync protocol: {0}")]
    Violation(sync::Violation),
    /// The network failed.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The peer ended an exchange in the middle.
    #[error("the peer ended the exchange before its answer was complete")]
    CutOff,
    /// A change is in the books, and not yet in force towards all peers.
    #[error(
        "the change is made, but not every peer could be brought in line yet; the node goes on trying. See its log"
    )]
    NotInForce,
    /// The node is stopping.
    #[error("the node is stopping")]
    Interrupted,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Search(_) => "search",
            Self::Policy(_) => "policy",
            Self::Record(error) => error.code(),
            Self::Card(error) => error.code(),
            Self::Caf(error) => error.code(),
            Self::Receipt(error) => error.code(),
            Self::Identifier(_) => "identifier",
            Self::Entropy(_) => "entropy",
            Self::ClockFits(_) => "clock.fits",
            Self::ClockMoved { .. } => "clock.moved",
            Self::ClockBehind { .. } => "clock.behind",
            Self::ClockAhead { .. } => "clock.ahead",
            Self::UnknownPeer(_) => "peer.unknown",
            Self::OtherKeys { .. } => "key.other",
            Self::RefusedCard(error) => error.code(),
            Self::NotRevoked(_) => "peer.not-revoked",
            Self::NotReclaiming(_) => "recovery.not-waited",
            Self::NotPutBack => "recovery.none",
            Self::RevokedPeer(_) => "peer.revoked",
            Self::Fingerprint { .. } => "peer.fingerprint",
            Self::OwnCard => "peer.own-card",
            Self::OtherKey(_) => "peer.other-key",
            Self::ForeignKey(_) => "card.foreign-key",
            Self::UnknownCaf(_) => "caf.unknown",
            Self::Suspended(_) => "caf.suspended",
            Self::NotManager(_) => "caf.not-manager",
            Self::NotMember => "caf.not-member",
            Self::ReaderOnly => "caf.reader-only",
            Self::OutsideCharter(_) => "caf.outside-charter",
            Self::UnknownRecord(_) => "record.unknown",
            Self::NotOwner(_) => "record.not-owner",
            Self::Overtaken => "record.overtaken",
            Self::Ended => "record.ended",
            Self::Outdated(_) => "record.outdated",
            Self::NoPurpose => "query.no-purpose",
            Self::Case(_) => "query.case",
            Self::EmptyQuery => "query.empty",
            Self::NoIndex => "query.no-index",
            Self::IndexBehind => "query.index-behind",
            Self::Parcel(error) => error.code(),
            Self::Frame(sync::Error::Version(_)) => "frame.version",
            Self::Frame(sync::Error::Malformed(_)) => "frame.malformed",
            Self::Violation(violation) => violation.code(),
            Self::Network(_) => "network",
            Self::CutOff => "exchange.cut-off",
            Self::NotInForce => "standing.not-in-force",
            Self::Interrupted => "stopping",
        }
    }

    /// Why there is nothing to believe of the system's clock: it is not doubted since anything, or ahead where somebody wants to go
    /// `back` to it, or behind.
    pub(crate) fn of_clock(back: bool, since: Option<Timestamp>, system: Timestamp, now: Timestamp) -> Option<Self> {
        match (since, back, system < now) {
            (None, _, _) => Some(Self::ClockFits(now)),
            (Some(_), true, false) => Some(Self::ClockAhead { system, now }),
            (Some(_), false, true) => Some(Self::ClockBehind { system, now }),
            (Some(_), ..) => None,
        }
    }

    /// Whether nothing is wrong but that a write before this one failed: it can be tried again at once.
    pub(super) fn is_superseded(&self) -> bool {
        matches!(self, Self::Ledger(ledger::Error::Store(store::Error::Superseded)))
    }

    /// Whether the disk is full: nothing was written, and a later attempt may succeed.
    pub(super) fn is_full(&self) -> bool {
        let full = |error: &store::Error| matches!(error, store::Error::Full { .. });
        match self {
            Self::Ledger(ledger::Error::Store(error)) | Self::Audit(audit::Error::Store(error)) => full(error),
            _ => false,
        }
    }

    /// Who has to act.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Ledger(_) | Self::Audit(_) | Self::Search(_) | Self::Entropy(_) | Self::NotInForce => Fault::Operator,
            Self::UnknownPeer(_) | Self::UnknownCaf(_) | Self::UnknownRecord(_) => Fault::Absent,
            Self::Receipt(_) | Self::Parcel(_) | Self::Frame(_) | Self::Violation(_) | Self::CutOff => Fault::Peer,
            _ => Fault::Caller,
        }
    }
}
