//! Who may have what: the policy's answer, within what CAF members asked for.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::label::Label;
use igain_protocol::vocabulary::GroupSet;

use super::memory::read;
use super::{Caf, Office, Peer};
use crate::ledger::ClassIndex;
use crate::policy::{Bureau, CafFacts, Matrix, Policy, Subject};

/// What a bureau may have of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its label.
    pub label: Label,
    /// The groups of fields.
    pub groups: GroupSet,
}

/// What each bureau may have of each class of this one.
pub type Grants = BTreeMap<BureauId, BTreeMap<ClassIndex, Grant>>;

/// Everything that a decision looks at, taken at one moment.
pub(super) struct Scene {
    pub(super) classes: Vec<(ClassIndex, Label, u64)>,
    pub(super) peers: Vec<Bureau>,
    facts: BTreeMap<CafId, CafFacts>,
    cafs: BTreeMap<CafId, Caf>,
}

impl Scene {
    pub(super) fn subjects(&self) -> Vec<Subject<'_>> {
        self.classes.iter().map(|(_, label, _)| self.subject(label)).collect()
    }

    pub(super) fn subject<'a>(&'a self, label: &'a Label) -> Subject<'a> {
        Subject::own(label, |caf| self.facts.get(&caf))
    }

    /// Whether a bureau asked for this part of each CAF.
    pub(super) fn wants(&self, peer: BureauId, label: &Label, owner: BureauId) -> bool {
        let mut cafs = label.cafs.iter().filter_map(|caf| self.cafs.get(caf));
        cafs.all(|caf| caf.wants(peer, label, owner))
    }
}

impl Office {
    /// What a decision would look at now. `only` limits it to one class.
    pub(super) fn scene(&self, only: Option<ClassIndex>) -> Scene {
        let cafs: BTreeMap<CafId, Caf> = self.cafs().into_iter().map(|caf| (caf.charter().id, caf)).collect();
        let classes = read(&self.inner.memory.classes);
        let wanted = |class: &ClassIndex| only.is_none_or(|only| only == *class);
        let own = classes.own().filter(|(class, _)| wanted(class));
        Scene {
            classes: own.map(|(class, label)| (class, label.clone(), classes.visible(class).records)).collect(),
            peers: self.peers().iter().map(|peer| self.bureau(peer, &cafs)).collect(),
            facts: cafs.iter().map(|(id, caf)| (*id, caf.facts())).collect(),
            cafs,
        }
    }

    /// What policy may know of a peer.
    pub(super) fn bureau(&self, peer: &Peer, cafs: &BTreeMap<CafId, Caf>) -> Bureau {
        let id = peer.card().bureau;
        let roles: BTreeMap<CafId, _> =
            cafs.iter().filter_map(|(caf, known)| Some((*caf, known.role_of(id)?))).collect();
        Bureau {
            cafs: roles.keys().copied().collect::<BTreeSet<_>>(),
            roles,
            revoked: peer.check(self.clock()).is_err(),
            tags: peer.tags.iter().cloned().collect(),
            ..Bureau::new(id)
        }
    }

    /// What each enrolled bureau may have now; of one class where `only` names it.
    pub fn grants(&self, only: Option<ClassIndex>) -> Grants {
        let scene = self.scene(only);
        let policy = self.policy();
        let matrix = policy.entitle_all(&scene.subjects(), &scene.peers, self.now().day());
        self.grants_of(&scene, &matrix)
    }

    fn grants_of(&self, scene: &Scene, matrix: &Matrix) -> Grants {
        let mut grants = Grants::new();
        for (at, peer) in scene.peers.iter().enumerate() {
            let mine = grants.entry(peer.id).or_default();
            for (nth, (class, label, _)) in scene.classes.iter().enumerate() {
                let groups = matrix.groups(nth, at);
                if groups != GroupSet::EMPTY && scene.wants(peer.id, label, self.me()) {
                    mine.insert(*class, Grant { label: label.clone(), groups });
                }
            }
        }
        grants
    }

    /// The policy in force.
    pub fn policy(&self) -> std::sync::Arc<Policy> {
        std::sync::Arc::clone(&read(&self.inner.memory.policy))
    }
}
