//! Crime Analysis Files.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{CafId, Membership, Role, Subset};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};
use serde::{Deserialize, Serialize};

use super::Text;
use crate::office;

/// One CAF as this bureau knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caf {
    /// Its id.
    pub id: Text<CafId>,
    /// Its name.
    pub name: String,
    /// Why data is processed in it.
    pub purpose: Text<Purpose>,
    /// What it is about.
    pub crime_area: Text<CrimeArea>,
    /// What belongs into it, in words.
    pub scope: String,
    /// Who answers for it.
    pub manager: Text<BureauId>,
    /// Counts the versions of its charter.
    pub serial: u64,
    /// When it was opened.
    pub opened: Text<Timestamp>,
    /// Its last day.
    pub closes: Text<Day>,
    /// Closed before its time.
    pub closed: bool,
    /// Its manager has signed two charters under one serial, or its newest one is of a newer version: nothing is shared in
    /// it until the manager signs another one, or the node is updated.
    #[serde(default)]
    pub suspended: bool,
    /// Kinds of records that it takes; empty for all.
    pub kinds: Vec<Text<Kind>>,
    /// Subject categories that it takes; empty for all.
    pub categories: Vec<Text<SubjectCategory>>,
    /// Its manager and members.
    pub members: Vec<Member>,
}

/// One member of a CAF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which bureau.
    pub bureau: Text<BureauId>,
    /// What it may do.
    pub role: Text<Role>,
    /// What it has answered.
    pub state: MemberState,
    /// The part of the CAF that it wants; empty for all of it.
    pub only: Text<Subset>,
    /// When it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Text<Timestamp>>,
}

/// What a member has answered to the charter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It signs the charter itself.
    Manager,
    /// Nothing yet.
    Invited,
    /// It takes part.
    Joined,
    /// It took part once.
    Left,
    /// It does not want to.
    Declined,
}

impl MemberState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Invited => "invited",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Declined => "declined",
        }
    }
}

/// All CAFs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cafs {
    /// Oldest first.
    pub cafs: Vec<Caf>,
}

/// What a new CAF is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCaf {
    /// Its name.
    pub name: String,
    /// Why data is processed in it.
    pub purpose: Text<Purpose>,
    /// What it is about.
    pub crime_area: Text<CrimeArea>,
    /// What belongs into it, in words.
    pub scope: String,
    /// Its last day.
    pub closes: Text<Day>,
    /// Kinds of records that it takes; empty for all.
    #[serde(default)]
    pub kinds: Vec<Text<Kind>>,
    /// Subject categories that it takes; empty for all.
    #[serde(default)]
    pub categories: Vec<Text<SubjectCategory>>,
}

/// Bureaus to invite, or members to give another role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Whom.
    pub members: Vec<Invited>,
}

/// One bureau to invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invited {
    /// Which.
    pub bureau: Text<BureauId>,
    /// What it may do.
    pub role: Text<Role>,
}

/// Members to take out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dismissal {
    /// Whom.
    pub members: Vec<Text<BureauId>>,
}

/// What is wanted of a CAF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Only this part; empty for all.
    #[serde(default = "everything")]
    pub only: Text<Subset>,
}

fn everything() -> Text<Subset> {
    Text(Subset::default())
}

impl From<&office::Caf> for Caf {
    fn from(caf: &office::Caf) -> Self {
        let charter = caf.charter();
        let mut members: Vec<Member> =
            charter.members.iter().map(|(bureau, role)| member(caf, *bureau, *role)).collect();
        if members.iter().all(|member| member.bureau.0 != charter.manager) {
            members.insert(0, member(caf, charter.manager, Role::Lead));
        }
        Self {
            id: Text(charter.id),
            name: charter.name.clone(),
            purpose: Text(charter.purpose),
            crime_area: Text(charter.crime_area),
            scope: charter.scope.clone(),
            manager: Text(charter.manager),
            serial: charter.serial,
            opened: Text(charter.opened),
            closes: Text(charter.closes),
            closed: charter.closed.is_some(),
            suspended: caf.is_suspended(),
            kinds: charter.kinds.iter().copied().map(Text).collect(),
            categories: charter.categories.iter().copied().map(Text).collect(),
            members,
        }
    }
}

fn member(caf: &office::Caf, bureau: BureauId, role: Role) -> Member {
    let answer = caf.acceptance_of(bureau);
    let state = match answer.map(|answer| answer.state) {
        _ if bureau == caf.charter().manager => MemberState::Manager,
        None => MemberState::Invited,
        Some(Membership::Joined) => MemberState::Joined,
        Some(Membership::Left) => MemberState::Left,
        Some(Membership::Declined) => MemberState::Declined,
    };
    let only = answer.map(|answer| answer.only.clone()).unwrap_or_default();
    Member { bureau: Text(bureau), role: Text(role), state, only: Text(only), since: answer.map(|a| Text(a.at)) }
}
