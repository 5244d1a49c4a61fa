//! Planning a change of policy for many classes and bureaus.

use std::fmt::Write as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use igain_node::api::types::{Enrolment, Peer, PolicyChange, PolicyText};
use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::bureau::{SealingIdentity, SigningKey};
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::CrimeArea;
use sha2::{Digest as _, Sha256};

use super::Load;
use super::load::Phones;
use super::node::Node;
use super::report::{Report, percentile};

/// Rules of the policy.
const RULES: usize = 30;

/// Groups of bureaus, by tags.
const TAGS: usize = 7;

/// Plans of which the middle one counts.
const TIMES: usize = 3;

const DAY_MS: u64 = 86_400_000;

pub(super) fn measure(load: Load, report: &mut Report) {
    let node = Node::start("KE", 60);
    for nth in 0..load.of(200) {
        let card = card(nth);
        let fingerprint = card.card().signing.fingerprint().to_string();
        let tags = vec![format!("group-{}", nth % TAGS)];
        let _: Peer = node.post("/v1/peers", &Enrolment { card: card.to_armor(), fingerprint, tags });
    }
    Phones { count: load.of(1_000), classes: load.of(1_000), remarks: 30 }.import(&node);
    let _: PolicyChange = node.post("/v1/policy/apply", &text(&rules(RULES)));
    // An agreement with one group of bureaus comes to an end, and one with another begins.
    let next = text(&rules(RULES).replace("group-2", "group-3"));
    let plan = || {
        let begun = Instant::now();
        let plan: PolicyChange = node.post("/v1/policy/plan", &next);
        assert!(!plan.changes.is_empty(), "the plan changes something");
        begun.elapsed().as_secs_f64()
    };
    let mut times: Vec<f64> = (0..TIMES).map(|_| plan()).collect();
    report.add("policy_plan_s", percentile(&mut times, 50), "s", None);
}

fn text(text: &str) -> PolicyText {
    PolicyText { file: "bench.cedar".into(), text: text.to_owned() }
}

/// Agreements with single bureaus, with groups of them, and restrictions, a third each.
fn rules(count: usize) -> String {
    let mut text = String::new();
    for nth in 0..count {
        let area = CrimeArea::ALL[nth % CrimeArea::ALL.len()].code();
        let rule = match nth % 3 {
            0 => format!(
                "permit (principal, action in Action::\"disclose\", resource)\n\
                 when {{ [Bureau::\"{}\", Bureau::\"{}\"].contains(principal) }}\n\
                 when {{ resource has crime_area && resource.crime_area == CrimeArea::\"{area}\" }};",
                id(nth * 7),
                id(nth * 5 + 1)
            ),
            1 => format!(
                "permit (principal, action in [Action::\"core\", Action::\"contact\"], resource)\n\
                 when {{ principal.tags.contains(\"group-{}\") && resource.tlp != Tlp::\"amber+strict\" }}\n\
                 when {{ resource has crime_area && resource.crime_area == CrimeArea::\"{area}\" }};",
                nth % TAGS
            ),
            _ => format!(
                "forbid (principal, action in [Action::\"narrative\", Action::\"source\"], resource)\n\
                 when {{ resource.handling.contains(Handling::\"H1\") && principal.tags.contains(\"group-{}\") }};",
                nth % TAGS
            ),
        };
        writeln!(text, "@id(\"rule-{nth}\")\n{rule}").expect("text");
    }
    text
}

/// The name of a bureau that is not this one.
fn id(nth: usize) -> String {
    let letter = |nth: usize| char::from(b'A' + u8::try_from(nth % 26).expect("a letter"));
    format!("{}{}", letter(nth / 26), letter(nth))
}

/// The card of a bureau that only calls out.
fn card(nth: usize) -> SignedCard {
    let seed = |what: &str| -> [u8; 32] { Sha256::digest(format!("bench {what} {nth}")).into() };
    let (signing, transport) = (SigningKey::from_seed(seed("signing")), SigningKey::from_seed(seed("transport")));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    let now = u64::try_from(since).expect("a time");
    let card = Card {
        bureau: id(nth).parse().expect("a bureau"),
        name: format!("Fictitious bureau {nth}"),
        serial: 1,
        not_before: Timestamp::from_ms(now - DAY_MS),
        not_after: Timestamp::from_ms(now + 300 * DAY_MS),
        signing: signing.verifying_key(),
        sealing: SealingIdentity::from_seed(seed("sealing")).sealing_key(),
        transport: transport.verifying_key(),
        addresses: Vec::new(),
        languages: vec!["en".into()],
        contacts: Vec::new(),
        former: Vec::new(),
    };
    card.sign(&signing, &transport).expect("a card")
}
