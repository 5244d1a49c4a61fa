//! What somebody may do.

use std::fmt;
use std::str::FromStr;

/// One of the offices that a person can hold. Which calls each may make stands in `api::server::rights`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Asks, and reads what the bureau holds.
    Analyst = 0,
    /// Adds, revises, withdraws and imports the bureau's own records, and reads those.
    Contributor = 1,
    /// Decides who gets what: policy, peers, Crime Analysis Files. Reads no record.
    PolicyAdministrator = 2,
    /// Reads and verifies the audit log, and nothing else.
    Auditor = 3,
    /// Looks after the node: its status and store. Reads no record.
    Operator = 4,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Analyst, Self::Contributor, Self::PolicyAdministrator, Self::Auditor, Self::Operator];

    /// As the people file has it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Contributor => "contributor",
            Self::PolicyAdministrator => "policy-administrator",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.code() == text).ok_or(())
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// Every role.
    pub const ALL: Self = Self::of(&Role::ALL);

    /// These roles.
    pub const fn of(roles: &[Role]) -> Self {
        let (mut bits, mut rest) = (0, roles);
        while let [first, others @ ..] = rest {
            bits |= 1 << *first as u8;
            rest = others;
        }
        Self(bits)
    }

    /// Whether one is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether any is in both sets.
    pub const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self::of(&[role])
    }
}

/// As a sentence has it: `analyst or contributor`.
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<&str> = Role::ALL.iter().filter(|role| self.has(**role)).map(|role| role.code()).collect();
        match codes.as_slice() {
            [] => f.write_str("nobody"),
            [one] => f.write_str(one),
            [most @ .., last] => write!(f, "{} or {last}", most.join(", ")),
        }
    }
}
