//! Deciding who may have what: ten thousand labels and two hundred bureaus, after one of them renewed its card, and after
//! one joined a file.

use std::time::Instant;

use igain_node::office::{Actor, NewCaf, Office};
use igain_protocol::bureau::BureauId;
use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::bureau::{SealingIdentity, SigningKey};
use igain_protocol::caf::{Acceptance, CafId, Membership, Role, Subset};
use igain_protocol::feed::{Entry, FeedKind, Letter, LetterKind};
use igain_protocol::label::Label;
use igain_protocol::record::Value;
use igain_protocol::vocabulary::{CrimeArea, HandlingCode, Kind, SubjectCategory, Tlp};
use igain_tests::bureau::{NOON, draft, new_file, office};
use igain_tests::wire::brings;
use sha2::{Digest as _, Sha256};

use super::Load;
use super::report::{Report, percentile};

const PEERS: usize = 196;
const FILES: usize = 40;
const LABELS: usize = 10_000;
const TIMES: usize = 15;

const POLICY: &str = r#"
@id("members") permit(principal, action in Action::"disclose", resource)
when { resource has caf && principal.cafs.contains(resource.caf.id) };
@id("green") permit(principal, action in [Action::"core", Action::"identity"], resource)
when { [Tlp::"clear", Tlp::"green"].contains(resource.tlp) } unless { resource has caf };
@id("narcotics") permit(principal, action in Action::"disclose", resource)
when { principal.tags.contains("narcotics") && resource has crime_area && resource.crime_area == CrimeArea::"cocaine-trafficking" };
@id("victims") forbid(principal, action == Action::"identity", resource)
when { resource has category && resource.category == Category::"victim" };
"#;

pub(super) fn measure(load: Load, report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let ke = office("KE", 1, folder.path());
    let peers: Vec<BureauId> = (0..load.of(PEERS)).map(id).collect();
    for (nth, peer) in peers.iter().enumerate() {
        let tags = if nth.is_multiple_of(7) { vec!["narcotics".to_owned()] } else { Vec::new() };
        ke.enrol(Actor::Node, card(*peer, 1), None, tags).expect("a card");
    }
    let invited: Vec<(BureauId, Role)> = peers.iter().map(|peer| (*peer, Role::Contributor)).collect();
    let files: Vec<CafId> = (0..FILES).map(|nth| file(&ke, nth, &invited)).collect();
    let label = |nth: usize| label(nth, &files);
    let drafts =
        (0..load.of(LABELS)).map(|nth| draft(&format!("r{nth}"), label(nth), &[("remarks", Value::Text("x".into()))]));
    ke.contribute(Actor::Node, drafts.collect()).expect("records");
    ke.apply_policy(Actor::Node, POLICY, "bench.cedar").expect("a policy");
    let begun = Instant::now();
    ke.align().expect("the books");
    report.add("entitle_all_s", begun.elapsed().as_secs_f64(), "s", None);
    let mut renewals = Vec::new();
    for round in 0..TIMES {
        let peer = peers[round % peers.len()];
        ke.enrol(Actor::Node, card(peer, 2 + round as u64), None, Vec::new()).expect("a card");
        renewals.push(timed(&ke));
    }
    let mut joins = Vec::new();
    for round in 0..TIMES {
        let (peer, caf) = (peers[round % peers.len()], files[round % files.len()]);
        let at = NOON.plus_ms(round as u64);
        let state = Membership::Joined;
        let answer =
            Acceptance { caf, bureau: peer, charter_serial: 1, serial: at.as_ms(), state, only: Subset::default(), at };
        let bytes = answer.sign(&key(peer, "signing")).expect("an answer").as_bytes().to_vec();
        let letter = Entry::Letter(Letter { kind: LetterKind::Acceptance, bytes });
        ke.receive(peer, brings(&ke, peer, FeedKind::Letters, vec![letter])).expect("the books");
        joins.push(timed(&ke));
    }
    report.add("entitle_after_card_ms", percentile(&mut renewals, 50), "ms", None);
    report.add("entitle_after_charter_ms", percentile(&mut joins, 50), "ms", None);
}

fn timed(ke: &Office) -> f64 {
    let begun = Instant::now();
    ke.align().expect("the books");
    begun.elapsed().as_secs_f64() * 1_000.0
}

fn id(nth: usize) -> BureauId {
    let letter = |nth: usize| char::from(b'A' + u8::try_from(nth % 26).expect("a letter"));
    let name = format!("{}{}", letter(nth / 26), letter(nth));
    if name == "KE" { "KE-X".parse().expect("a bureau") } else { name.parse().expect("a bureau") }
}

fn seed(peer: BureauId, what: &str) -> [u8; 32] {
    Sha256::digest(format!("bench {what} {peer}")).into()
}

fn key(peer: BureauId, what: &str) -> SigningKey {
    SigningKey::from_seed(seed(peer, what))
}

/// The card of a bureau that only calls out.
fn card(peer: BureauId, serial: u64) -> SignedCard {
    let (signing, transport) = (key(peer, "signing"), key(peer, "transport"));
    let card = Card {
        bureau: peer,
        name: format!("Fictitious bureau {peer}"),
        serial,
        not_before: NOON,
        not_after: NOON.plus_ms(300 * 86_400_000),
        signing: signing.verifying_key(),
        sealing: SealingIdentity::from_seed(seed(peer, "sealing")).sealing_key(),
        transport: transport.verifying_key(),
        addresses: Vec::new(),
        languages: vec!["en".into()],
        contacts: Vec::new(),
        former: Vec::new(),
    };
    card.sign(&signing, &transport).expect("a card")
}

fn file(ke: &Office, nth: usize, invited: &[(BureauId, Role)]) -> CafId {
    let crime_area = CrimeArea::ALL[nth % CrimeArea::ALL.len()];
    let new = NewCaf { crime_area, ..new_file(&format!("File {nth}")) };
    let caf = ke.create_caf(Actor::Node, new).expect("a file").charter().id;
    ke.invite(Actor::Node, caf, invited).expect("members");
    caf
}

/// Labels of files and of none, of all kinds, areas and markings; one in ten has a note of its own.
fn label(nth: usize, files: &[CafId]) -> Label {
    let kind = Kind::ALL[nth % Kind::ALL.len()];
    let mut label = Label::new(kind, [Tlp::Green, Tlp::Amber, Tlp::AmberStrict][nth / 14 % 3]);
    label.cafs.extend((!nth.is_multiple_of(4)).then(|| files[nth / 42 % files.len()]));
    label.crime_area = Some(CrimeArea::ALL[nth / 7 % CrimeArea::ALL.len()]);
    label.category = (kind == Kind::Person).then(|| SubjectCategory::ALL[nth / 14 % SubjectCategory::ALL.len()]);
    label.handling = vec![HandlingCode::H3];
    label.note = Some(format!("note {}", nth / 10));
    label
}
