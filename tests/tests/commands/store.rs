//! `igain store`.

use igain_tests::daemon::Bureau;

use super::{add, flip, list};

#[test]
fn a_sound_store_is_said_to_be_intact_and_damage_is_found() {
    let ke = Bureau::start("KE");
    for number in 1..=20 {
        add(&ke, &["phone", &format!("number=+254 700 000 0{number:02}")]);
    }
    let report = ke.json(&["store", "verify"]);
    assert_eq!((&report["intact"], list(&report["findings"]).len()), (&true.into(), 0));
    assert!(report["values"].as_u64() >= Some(20), "{report}");
    let said = ke.igain(&["store", "verify"]);
    assert!(said.code == Some(0) && said.out.contains("The store is intact."), "{said:?}");
    let files = std::fs::read_dir(ke.path("data/store/journal")).expect("the journal");
    let files = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|is| is == "journal"));
    let journal = files.max().expect("a segment");
    flip(&journal, std::fs::metadata(&journal).expect("its length").len() / 2);
    let damaged = ke.igain(&["store", "verify", "--json"]);
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    assert_eq!(damaged.json()["intact"], false);
    let problem = damaged.problem();
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("the store is damaged")), "{problem}");
}
