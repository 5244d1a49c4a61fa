//! Records of several crime analysis files: a bureau may have one only if each of its files lets it, so that no member of
//! one file learns of another.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::office::{Actor, Error, HolderState, Office, Outcome};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{CafId, Role, Subset};
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::vocabulary::{Kind, Tlp};
use igain_tests::bureau::{draft, new_file, office, shows};
use igain_tests::wire::{carry, know};
use tempfile::TempDir;

const MEMBERS: &str = r#"
@id("members") permit (principal, action in Action::"disclose", resource)
when { resource has caf && principal.cafs.contains(resource.caf.id) };"#;

/// KE, with two files; FR and BR.
struct Bureaus {
    ke: Office,
    fr: Office,
    br: Office,
    files: [CafId; 2],
    _folders: [TempDir; 3],
}

impl Bureaus {
    /// FR joins both files, BR the first.
    fn new() -> Self {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [ke, fr, br] = [("KE", 1), ("FR", 2), ("BR", 3)].map(|(id, seed)| {
            let folder = &folders[usize::from(seed) - 1];
            office(id, seed, folder.path())
        });
        for (peer, seed) in [(&fr, 2), (&br, 3)] {
            know(&ke, peer.me(), seed);
            know(peer, ke.me(), 1);
        }
        ke.apply_policy(Actor::Node, MEMBERS, "test.cedar").unwrap();
        let file = |name| ke.create_caf(Actor::Node, new_file(name)).unwrap().charter().id;
        let files = [file("First"), file("Second")];
        let mut bureaus = Self { ke, fr, br, files, _folders: folders };
        for (file, members) in [(files[0], vec!["FR", "BR"]), (files[1], vec!["FR"])] {
            let members: Vec<(BureauId, Role)> =
                members.iter().map(|id| (id.parse().unwrap(), Role::Contributor)).collect();
            bureaus.ke.invite(Actor::Node, file, &members).unwrap();
        }
        bureaus.carry();
        for (peer, file) in [(&bureaus.fr, files[0]), (&bureaus.fr, files[1]), (&bureaus.br, files[0])] {
            peer.join(Actor::Node, file, Subset::default()).unwrap();
        }
        bureaus.carry();
        bureaus
    }

    /// Everybody hears all that there is for them.
    fn carry(&mut self) {
        for _ in 0..2 {
            for peer in [&self.fr, &self.br] {
                carry(peer, &self.ke);
                carry(&self.ke, peer);
            }
        }
    }

    fn add(&self, key: &str, cafs: Vec<CafId>) -> RecordId {
        let done = self.contribute(key, cafs);
        assert!(matches!(done[..], [Outcome::Added(_) | Outcome::Revised(_)]), "{done:?}");
        draft(key, Label::new(Kind::Phone, Tlp::Green), &[]).id.unwrap()
    }

    fn contribute(&self, key: &str, cafs: Vec<CafId>) -> Vec<Outcome> {
        let label = Label { cafs, ..Label::new(Kind::Phone, Tlp::Green) }.sorted();
        let draft = draft(key, label, &[("number", Value::Text("+254700000001".into()))]);
        self.ke.contribute(Actor::Node, vec![draft]).unwrap().outcomes
    }

    /// Whether FR and BR hold a record, as they and KE say.
    fn held(&self, id: RecordId) -> [bool; 2] {
        [&self.fr, &self.br].map(|peer| {
            let holders = self.ke.holders(id).unwrap();
            let holds = holders.iter().any(|each| each.bureau == peer.me() && each.state == HolderState::Holds);
            assert_eq!(holds, shows(peer, id), "{}", peer.me());
            holds
        })
    }
}

/// Seen to fail when any file of a record suffices, and when only its first is looked at.
#[test]
fn each_file_must_let_a_bureau_have_it() {
    let mut bureaus = Bureaus::new();
    let [one, two] = bureaus.files;
    let ids =
        [("one", vec![one]), ("two", vec![two]), ("both", vec![one, two])].map(|(key, cafs)| bureaus.add(key, cafs));
    bureaus.carry();
    assert_eq!(ids.map(|id| bureaus.held(id)), [[true, true], [true, false], [true, false]]);
    // It gains the second, and then loses the first.
    let br = bureaus.br.me();
    bureaus.ke.invite(Actor::Node, two, &[(br, Role::Reader)]).unwrap();
    bureaus.carry();
    bureaus.br.join(Actor::Node, two, Subset::default()).unwrap();
    bureaus.carry();
    assert_eq!(ids.map(|id| bureaus.held(id)), [[true, true], [true, true], [true, true]]);
    bureaus.ke.dismiss(Actor::Node, one, &[br]).unwrap();
    bureaus.carry();
    assert_eq!(ids.map(|id| bureaus.held(id)), [[true, false], [true, true], [true, false]]);
    // What moves from one file into both is gone where one of them is not.
    bureaus.add("two", vec![one, two]);
    bureaus.carry();
    assert_eq!(bureaus.held(ids[1]), [true, false]);
    bureaus.add("two", vec![two]);
    bureaus.carry();
    assert_eq!(bureaus.held(ids[1]), [true, true]);
}

/// What a member asked for of each file counts. Seen to fail when what it asked for of one is enough.
#[test]
fn a_member_gets_what_it_asked_for_of_each() {
    let mut bureaus = Bureaus::new();
    let [one, two] = bureaus.files;
    let id = bureaus.add("both", vec![one, two]);
    bureaus.carry();
    assert!(shows(&bureaus.fr, id));
    let vessels = Subset { kinds: vec![Kind::Vessel], ..Subset::default() };
    bureaus.fr.join(Actor::Node, two, vessels).unwrap();
    bureaus.carry();
    assert!(!shows(&bureaus.fr, id));
}

/// Who contributes must be let by each file, and a receiver asks for each. Seen to fail when the first is enough.
#[test]
fn each_file_must_take_it() {
    // Whichever of them comes first in the label.
    for closed in [0, 1] {
        let bureaus = Bureaus::new();
        bureaus.ke.close_caf(Actor::Node, bureaus.files[closed]).unwrap();
        let done = bureaus.contribute("both", bureaus.files.to_vec());
        assert!(matches!(&done[..], [Outcome::Refused(Error::Caf(_))]), "{done:?}");
        let unknown = CafId::from_bytes([[0, 255][closed]; 16]);
        let done = bureaus.contribute("unknown", vec![bureaus.files[1 - closed], unknown]);
        assert!(matches!(&done[..], [Outcome::Refused(Error::UnknownCaf(_))]), "{done:?}");
        let mut bureaus = bureaus;
        let open = bureaus.files[1 - closed];
        let id = bureaus.add("one", vec![open]);
        bureaus.carry();
        assert!(bureaus.held(id)[0]);
    }
}
