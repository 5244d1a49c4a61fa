//! Why somebody asks: a purpose and a case reference, without which no field and no head of a record is answered (L12).

use igain_protocol::vocabulary::Purpose;

use super::{Actor, Error};

/// Bytes of a case reference, at most: it is a number in a register, not a story.
const CASE_LIMIT: usize = 128;

/// A purpose, and the case in which somebody has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    purpose: Purpose,
    case: String,
}

impl Why {
    /// For this purpose, in this case.
    ///
    /// # Errors
    /// Where the case reference is blank, longer than one can be, or more than one line.
    pub fn new(purpose: Purpose, case: &str) -> Result<Self, Error> {
        match case.trim() {
            "" => Err(Error::NoPurpose),
            long if long.len() > CASE_LIMIT => Err(Error::Case("is longer than 128 bytes")),
            odd if odd.chars().any(char::is_control) => Err(Error::Case("has control characters")),
            case => Ok(Self { purpose, case: case.to_owned() }),
        }
    }

    /// What was given, which only the node itself may leave out: it looks at its own books, and answers nobody.
    pub(super) fn given(actor: &Actor, why: Option<(Purpose, &str)>) -> Result<Option<Self>, Error> {
        match (why, actor) {
            (Some((purpose, case)), _) => Self::new(purpose, case).map(Some),
            (None, Actor::Node) => Ok(None),
            (None, _) => Err(Error::NoPurpose),
        }
    }

    /// What it is for.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The case.
    pub fn case(&self) -> &str {
        &self.case
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_one_short_line() {
        assert_eq!(Why::new(Purpose::Arrest, " NBO/2026/17 ").unwrap().case(), "NBO/2026/17");
        for blank in ["", "  ", "\n"] {
            assert!(matches!(Why::new(Purpose::Arrest, blank), Err(Error::NoPurpose)), "{blank:?}");
        }
        for odd in ["a\nb", &"x".repeat(129)] {
            assert!(matches!(Why::new(Purpose::Arrest, odd), Err(Error::Case(_))), "{odd:?}");
        }
    }

    /// L12. Seen to fail when anybody may leave out why.
    #[test]
    fn l12_only_the_node_itself_gives_no_reason() {
        assert!(Why::given(&Actor::Node, None).unwrap().is_none());
        for actor in [Actor::User(0), Actor::Bureau("FR".parse().unwrap())] {
            assert!(matches!(Why::given(&actor, None), Err(Error::NoPurpose)));
            assert!(Why::given(&actor, Some((Purpose::Arrest, "C1"))).unwrap().is_some());
        }
    }
}
