use std::collections::BTreeSet;

use super::{Audience, Error, Label};
use crate::vocabulary::{AgeGroup, Grading, Kind};

/// What stands between the words of two handling codes H3.
const BETWEEN: &str = "; ";

impl Label {
    /// The label of what rests on records with other labels: no less restricted than this one, nor than any of theirs. All
    /// their files must let a bureau have it, it may travel as far as the narrowest, and every handling code holds. Without
    /// a grading of its own it has the most cautious of theirs.
    ///
    /// # Errors
    /// Where that is more than a label can say: too many files, or too many words of handling code H3.
    pub fn resting_on<'a>(self, sources: impl IntoIterator<Item = &'a Self>) -> Result<Self, Error> {
        let graded = self.grading.is_some();
        let mut label = self;
        let mut notes: BTreeSet<&str> = BTreeSet::new();
        let own_note = label.note.take();
        notes.extend(own_note.as_deref());
        for source in sources {
            label.cafs.extend(&source.cafs);
            label.tlp = label.tlp.max(source.tlp);
            label.pap = label.pap.max(source.pap);
            label.handling.extend(&source.handling);
            notes.extend(source.note.as_deref());
            label.audience = label.audience.common(&source.audience);
            if label.kind == Kind::Person && source.age_group == Some(AgeGroup::Minor) {
                label.age_group = source.age_group;
            }
            if !graded {
                label.grading = cautious(label.grading, source.grading);
            }
        }
        label.note = (!notes.is_empty()).then(|| notes.into_iter().collect::<Vec<_>>().join(BETWEEN));
        let label = label.sorted();
        label.check().map(|()| label)
    }
}

impl Audience {
    /// Whom both let have it: perhaps nobody.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Anyone, only) | (only, Self::Anyone) => only.clone(),
            (Self::Only(these), Self::Only(_)) => {
                these.iter().filter(|bureau| other.names(**bureau)).copied().collect()
            }
        }
    }
}

/// The less reliable source and the less accurate information of two gradings.
fn cautious(one: Option<Grading>, other: Option<Grading>) -> Option<Grading> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            Some(Grading::new(one.reliability.max(other.reliability), one.accuracy.max(other.accuracy)))
        }
        (one, other) => one.or(other),
    }
}
