//! How long a federation's worth of decisions takes. `cargo test --release -p igain-node --lib policy::tests::speed --
//! --nocapture --include-ignored` prints it.

use std::fmt::Write as _;
use std::time::Instant;

use igain_protocol::vocabulary::SubjectCategory;

use super::*;

const CLASSES: usize = 1_000;
const BUREAUS: usize = 200;
const RULES: usize = 30;
const CAFS: usize = 40;

fn nth_caf(n: usize) -> CafId {
    format!("01900000-0000-7000-8000-{n:012}").parse().unwrap()
}

fn nth_bureau(n: usize) -> String {
    let letter = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap());
    format!("{}{}", letter(n / 26), letter(n))
}

/// A third each: agreements with one bureau, groups of bureaus by tag or CAF role, and restrictions.
fn realistic() -> String {
    let mut text = String::new();
    for n in 0..RULES {
        let (one, other, third) = (nth_bureau(n * 7), nth_bureau(n * 5 + 1), nth_bureau(n * 3 + 2));
        let kind = Kind::ALL[n % Kind::ALL.len()].code();
        let area = CrimeArea::ALL[n % CrimeArea::ALL.len()].code();
        let rule = match n % 6 {
            0 => format!(
                "permit (principal == Bureau::\"{one}\", action in Action::\"disclose\", resource)\n\
                 when {{ resource has caf && resource.caf has crime_area && resource.caf.crime_area == CrimeArea::\"{area}\" }};"
            ),
            1 => format!(
                "permit (principal, action in [Action::\"core\", Action::\"identity\"], resource)\n\
                 when {{ [Bureau::\"{one}\", Bureau::\"{other}\", Bureau::\"{third}\"].contains(principal) }}\n\
                 unless {{ resource.handling.contains(Handling::\"H2\") }};"
            ),
            2 => format!(
                "permit (principal, action == Action::\"core\", resource)\n\
                 when {{ principal.tags.contains(\"t{}\") && [Tlp::\"clear\", Tlp::\"green\"].contains(resource.tlp) }};",
                n % 5
            ),
            3 => "permit (principal, action in Action::\"disclose\", resource)\n\
                  when { resource has caf && principal.leads.contains(resource.caf.id) };"
                .to_owned(),
            4 => format!(
                "forbid (principal, action in [Action::\"narrative\", Action::\"source\"], resource)\n\
                 when {{ resource.kind == Kind::\"{kind}\" }}\n\
                 unless {{ resource has caf && resource.caf has manager && resource.caf.manager == principal }};"
            ),
            _ => format!(
                "forbid (principal, action == Action::\"identifiers\", resource)\n\
                 when {{ resource has category && resource.category == Category::\"victim\" }}\n\
                 unless {{ principal.country == Country::\"{}\" || resource.audience.contains(principal) }};",
                &one[..2]
            ),
        };
        writeln!(text, "@id(\"r{n}\")\n{rule}").unwrap();
    }
    text
}

/// Rules with alternatives, each of which reads most of the label and of the bureau at once.
fn alternatives() -> String {
    let mut text = String::new();
    for n in 0..RULES {
        let (kind, tag) = (Kind::ALL[n % Kind::ALL.len()].code(), n % 7);
        writeln!(
            text,
            "permit (principal, action in Action::\"disclose\", resource)\n\
             when {{ resource.kind == Kind::\"{kind}\" || resource.audience.contains(principal) || \
             principal.tags.contains(\"t{tag}\") && resource.tlp == Tlp::\"green\" || \
             resource has caf && principal.leads.contains(resource.caf.id) }};"
        )
        .unwrap();
    }
    text
}

fn labels() -> Vec<(Label, Option<CafFacts>)> {
    (0..CLASSES)
        .map(|n| {
            let mut label = examples::label(Kind::ALL[n % Kind::ALL.len()], Tlp::ALL[n / 3 % Tlp::ALL.len()]);
            label.cafs.extend((n % 4 != 0).then(|| nth_caf(n % CAFS)));
            label.category = (n % 3 == 0).then(|| SubjectCategory::ALL[n % SubjectCategory::ALL.len()]);
            label.crime_area = Some(CrimeArea::ALL[n % CrimeArea::ALL.len()]);
            if n % 5 == 0 {
                let named = [nth_bureau(n % BUREAUS), nth_bureau(n / 5 % BUREAUS)];
                label.audience = named.iter().map(|id| id.parse().unwrap()).collect();
            }
            let facts = label.cafs.first().map(|_| CafFacts {
                crime_area: CrimeArea::ALL[n % CAFS % CrimeArea::ALL.len()],
                manager: nth_bureau(n % CAFS).parse().unwrap(),
                ..caf()
            });
            (label, facts)
        })
        .collect()
}

fn bureaus() -> Vec<Bureau> {
    (0..BUREAUS)
        .map(|n| Bureau {
            cafs: (0..CAFS).filter(|caf| (n * 31 + caf * 17) % 5 < 3).map(nth_caf).collect(),
            roles: [(nth_caf(n % CAFS), igain_protocol::caf::Role::Lead)].into(),
            tags: [format!("t{}", n % 7)].into(),
            ..bureau(&nth_bureau(n))
        })
        .collect()
}

#[test]
#[ignore = "measures: run it in release"]
fn a_thousand_classes_for_two_hundred_bureaus() {
    let start = Instant::now();
    let policy = policy(&realistic());
    eprintln!("check of {RULES} rules: {:?}", start.elapsed());
    let (labels, peers) = (labels(), bureaus());
    let subjects: Vec<Subject<'_>> = labels.iter().map(|(label, caf)| own(label, caf.as_ref())).collect();
    let start = Instant::now();
    let matrix = policy.entitle_all(&subjects, &peers, today());
    eprintln!("matrix of {CLASSES} x {BUREAUS}: {:?}", start.elapsed());
    let many = super::policy(&alternatives());
    let start = Instant::now();
    let rows = many.entitle_all(&subjects, &peers, today()).classes();
    eprintln!("the same under rules of alternatives: {:?} ({rows} rows)", start.elapsed());
    let start = Instant::now();
    let plan = Plan::diff(&super::policy("").entitle_all(&subjects, &peers, today()), &matrix, &vec![1; CLASSES]);
    eprintln!("plan with {} changes: {:?}", plan.changes.len(), start.elapsed());
    let (start, mut given, mut pairs) = (Instant::now(), 0, 0_u32);
    for (class, subject) in subjects.iter().enumerate().step_by(37) {
        for (index, peer) in peers.iter().enumerate().step_by(3) {
            let groups = policy.entitle(subject, peer, today());
            assert_eq!(matrix.groups(class, index), groups);
            given += usize::from(groups != none());
            pairs += 1;
        }
    }
    eprintln!("one pair by Cedar: {:?} ({given} of {pairs} pairs given something)", start.elapsed() / pairs);
    let start = Instant::now();
    let mut lines = 0;
    for subject in subjects.iter().take(100) {
        lines += policy.explain(subject, &peers[3], today()).to_string().lines().count();
    }
    eprintln!("one explanation: {:?} ({lines} lines in 100)", start.elapsed() / 100);
}
