use std::fs;
use std::path::PathBuf;

use super::*;

const KEY: [u8; 32] = [7; 32];

struct Index {
    folder: tempfile::TempDir,
    search: Search,
}

fn index() -> Index {
    let folder = tempfile::tempdir().unwrap();
    let (search, position) = Search::open(folder.path(), &KEY).unwrap();
    assert_eq!(position, None);
    Index { folder, search }
}

fn id(number: u64) -> RecordId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    RecordId::fresh(Timestamp::from_ms(1_700_000_000_000), &random)
}

fn bureau(name: &str) -> BureauId {
    name.parse().unwrap()
}

fn doc(number: u64, names: &str) -> Doc {
    let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
    Doc {
        id: id(number),
        owner: bureau("KE"),
        kind: Kind::Person,
        cafs: Vec::new(),
        modified: Timestamp::from_ms(1_700_000_000_000 + number),
        date: None,
        skeletons: names.iter().map(|name| name.replace(['a', 'e', 'i', 'o', 'u'], "")).collect(),
        names,
    }
}

fn words(text: &str) -> Query {
    let token = |word: &str| match word.strip_suffix('*') {
        Some(prefix) => Token { text: prefix.to_owned(), prefix: true },
        None => Token { text: word.to_owned(), prefix: false },
    };
    let tokens = text.split(' ').filter(|word| !word.is_empty()).map(token).collect();
    Query { tokens, limit: 100, ..Query::default() }
}

/// Numbers of the records found, best first.
fn found(search: &Search, query: &Query) -> Vec<u64> {
    let numbers = |hit: Hit| (0..10_000).find(|number| id(*number) == hit.id).unwrap();
    search.find(query).unwrap().into_iter().map(numbers).collect()
}

fn people(search: &Search) {
    let names = ["amina wanjiru", "amina otieno", "amin dada", "jose alvarez", "wanjiru amina kamau", "otieno"];
    for (number, name) in (0..).zip(names) {
        search.put(&doc(number, name)).unwrap();
    }
    search.commit([1; 16]).unwrap();
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn words_are_found_whole_or_by_their_beginning() {
    let index = index();
    people(&index.search);
    let cases = [
        ("amina", vec![1, 0, 4]),
        ("amina wanjiru", vec![0, 4]),
        ("wanjiru amina", vec![0, 4]),
        ("ami*", vec![2, 1, 0, 4]),
        ("amin*", vec![2, 1, 0, 4]),
        ("amina ota*", vec![]),
        ("amina o*", vec![1]),
        ("*", vec![5, 3, 2, 1, 0, 4]),
        ("amin", vec![2]),
        ("min", vec![]),
        ("AMINA", vec![]),
        ("", vec![5, 3, 2, 1, 0, 4]),
    ];
    for (text, expected) in cases {
        assert_eq!(found(&index.search, &words(text)), expected, "{text}");
    }
}

#[test]
fn a_whole_word_comes_before_a_longer_one_and_a_shorter_name_before_a_longer() {
    let index = index();
    for (number, name) in [(1, "alia"), (2, "ali hassan omar"), (3, "ali"), (4, "alibaba")] {
        index.search.put(&doc(number, name)).unwrap();
    }
    index.search.commit([1; 16]).unwrap();
    assert_eq!(found(&index.search, &words("ali*")), [3, 2, 4, 1]);
}

#[test]
fn skeletons_are_found_beside_words() {
    let index = index();
    people(&index.search);
    let skeleton = |text: &str, prefix| Token { text: text.into(), prefix };
    let query = Query { skeletons: vec![skeleton("mn", false)], limit: 10, ..Query::default() };
    assert_eq!(found(&index.search, &query), [2, 1, 0, 4]);
    let query = Query { skeletons: vec![skeleton("wn", true)], ..words("amina") };
    assert_eq!(found(&index.search, &query), [0, 4]);
}

#[test]
fn filters_restrict_and_combine() {
    let index = index();
    let caf = |byte| CafId::from_bytes([byte; 16]);
    let day = |days| Day::from_days(days);
    let kinds = [Kind::Person, Kind::Vessel, Kind::Event];
    for number in 0..12 {
        let mut doc = doc(number, "amina");
        doc.kind = kinds[number as usize % 3];
        doc.owner = bureau(["KE", "FR-LYON"][number as usize % 2]);
        doc.cafs = [vec![], vec![caf(1)], vec![caf(2)], vec![caf(2), caf(3)]][number as usize % 4].clone();
        doc.date = (number < 6).then(|| day(10 + number as u32));
        index.search.put(&doc).unwrap();
    }
    index.search.commit([1; 16]).unwrap();
    let modified = Timestamp::from_ms(1_700_000_000_000).day();
    type Change = fn(&mut Query);
    let cases: [(Change, Vec<u64>); 10] = [
        (|query| query.kinds = vec![Kind::Vessel], vec![10, 7, 4, 1]),
        (|query| query.kinds = vec![Kind::Vessel, Kind::Event], vec![11, 10, 8, 7, 5, 4, 2, 1]),
        (|query| query.kinds = vec![Kind::Phone], vec![]),
        (|query| query.owners = vec!["FR-LYON".parse().unwrap()], vec![11, 9, 7, 5, 3, 1]),
        (|query| query.owners = vec!["FR".parse().unwrap()], vec![]),
        (|query| query.cafs = vec![CafId::from_bytes([1; 16])], vec![9, 5, 1]),
        (|query| query.cafs = vec![CafId::from_bytes([2; 16])], vec![11, 10, 7, 6, 3, 2]),
        (|query| query.cafs = vec![CafId::from_bytes([3; 16])], vec![11, 7, 3]),
        (|query| query.from = Some(Day::from_days(12)), vec![11, 10, 9, 8, 7, 6, 5, 4, 3, 2]),
        (|query| (query.from, query.to) = (Some(Day::from_days(12)), Some(Day::from_days(13))), vec![3, 2]),
    ];
    for (change, expected) in cases {
        for text in ["amina", ""] {
            let mut query = words(text);
            change(&mut query);
            assert_eq!(found(&index.search, &query), expected, "{query:?}");
        }
    }
    let all = Query {
        kinds: vec![Kind::Vessel],
        owners: vec![bureau("FR-LYON")],
        cafs: vec![caf(1), caf(2)],
        to: Some(modified),
        ..words("am*")
    };
    assert_eq!(found(&index.search, &all), [7, 1]);
}

#[test]
fn putting_again_replaces_and_owners_do_not_touch_each_other() {
    let index = index();
    people(&index.search);
    index.search.put(&doc(0, "renamed")).unwrap();
    let stranger = Doc { owner: bureau("BR"), ..doc(1, "stranger") };
    index.search.put(&stranger).unwrap();
    index.search.put(&doc(7, "twice")).unwrap();
    index.search.put(&doc(7, "thrice")).unwrap();
    index.search.delete(id(5), bureau("BR")).unwrap();
    index.search.delete(id(3), bureau("KE")).unwrap();
    assert!(index.search.dirty());
    assert_eq!(found(&index.search, &words("wanjiru")), [0, 4], "nothing changes before the commit");
    index.search.commit([2; 16]).unwrap();
    assert!(!index.search.dirty());
    assert_eq!(found(&index.search, &words("wanjiru")), [4]);
    assert_eq!(found(&index.search, &words("renamed")), [0]);
    assert_eq!(found(&index.search, &words("jose")), Vec::<u64>::new());
    assert_eq!(found(&index.search, &words("twice")), Vec::<u64>::new());
    assert_eq!(found(&index.search, &words("thrice")), [7]);
    assert_eq!(found(&index.search, &words("otieno")), [5, 1]);
    let hits = index.search.find(&words("stranger")).unwrap();
    assert_eq!((hits.len(), hits[0].id, hits[0].owner), (1, id(1), bureau("BR")));
}

#[test]
fn pages_join_to_the_whole_and_the_total_stays() {
    let index = index();
    for number in 0..500 {
        index.search.put(&doc(number, ["amina", "amina otieno", "amin amina"][number as usize % 3])).unwrap();
        if number % 100 == 99 {
            index.search.commit([1; 16]).unwrap();
        }
    }
    let query = Query { limit: 1_000, ..words("amin*") };
    let whole = index.search.find_after(&query, None).unwrap();
    assert_eq!((whole.total, whole.hits.len()), (500, 500));
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = index.search.find_after(&Query { limit: 7, ..query.clone() }, after).unwrap();
        assert_eq!(page.total, 500);
        let Some(last) = page.hits.last() else { break };
        after = Some(last.rank.to_string().parse().unwrap());
        pages.extend(page.hits);
    }
    assert_eq!(pages, whole.hits);
    assert_eq!(index.search.find(&Query { limit: 0, ..query }).unwrap(), []);
    for bad in ["", "1.2.3", "x.1.1.1.KE", &"9".repeat(500)] {
        assert!(matches!(bad.parse::<Rank>(), Err(Error::Rank(_))), "{bad}");
    }
}

#[test]
fn it_is_there_again_after_a_restart_and_knows_how_far_it_came() {
    let index = index();
    people(&index.search);
    index.search.put(&doc(9, "lost")).unwrap();
    let Index { folder, search } = index;
    drop(search);
    let (search, position) = Search::open(folder.path(), &KEY).unwrap();
    assert_eq!((position, search.position(), search.discarded()), (Some([1; 16]), Some([1; 16]), None));
    assert_eq!(found(&search, &words("amina")), [1, 0, 4]);
    assert_eq!(found(&search, &words("lost")), Vec::<u64>::new(), "what was not committed is put again");
    assert!(matches!(Search::open(folder.path(), &KEY), Err(Error::Locked(_))));
}

#[test]
fn no_name_no_id_and_no_owner_is_on_the_disk_in_clear() {
    let index = index();
    let search = &index.search;
    let mut secrets: Vec<Vec<u8>> = ["amina", "wanjiru", "FR-LYON", "oFR-LYON", "mn", "names", "skeletons"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
    secrets.remove(4);
    for number in 0..200 {
        search.put(&Doc { owner: bureau("FR-LYON"), ..doc(number, "amina wanjiru") }).unwrap();
        secrets.push(id(number).as_bytes()[8..].to_vec());
        secrets.push(id(number).to_string().into_bytes());
    }
    search.commit([1; 16]).unwrap();
    search.delete(id(1), bureau("FR-LYON")).unwrap();
    search.commit([0x5a; 16]).unwrap();
    secrets.push(b"5a5a5a5a".to_vec());
    secrets.push(KEY.to_vec());
    let files = files(index.folder.path());
    assert!(files.len() > 7, "{files:?}");
    for (path, bytes) in files {
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{path:?} holds {secret:?}");
        }
    }
}

#[test]
fn what_is_erased_is_gone_from_the_files() {
    let index = index();
    let search = &index.search;
    for number in 0..1_000 {
        let name = if number % 100 == 7 { format!("erased{number}") } else { format!("kept{number}") };
        search.put(&doc(number, &name)).unwrap();
        if number % 250 == 249 {
            search.commit([1; 16]).unwrap();
        }
    }
    let before = clear_text(&index);
    assert!(holds(&before, b"erased107") && holds(&before, &id(107).as_bytes()[8..]));
    for number in (7..1_000).step_by(100) {
        search.delete(id(number), bureau("KE")).unwrap();
    }
    search.put(&doc(8, "renamed")).unwrap();
    search.commit([2; 16]).unwrap();
    assert!(search.stats().unwrap().deleted > 0);
    assert!(holds(&clear_text(&index), b"erased"), "only marked as deleted so far");

    assert!(search.erase().unwrap() > 0);
    let after = clear_text(&index);
    assert!(!holds(&after, b"erased") && !holds(&after, &id(107).as_bytes()[8..]) && !holds(&after, b"kept8 "));
    assert!(holds(&after, b"kept") && holds(&after, b"renamed"));
    assert_eq!(found(search, &words("erased*")), Vec::<u64>::new());
    assert_eq!(search.find(&Query { limit: 2_000, ..words("") }).unwrap().len(), 990);
    assert_eq!(search.stats().unwrap().deleted, 0);
    assert_eq!(search.position(), Some([2; 16]));
    assert_eq!(search.erase().unwrap(), 0, "nothing is left to do");
}

#[test]
fn erasing_takes_what_was_not_yet_committed_and_empties_an_index() {
    let index = index();
    people(&index.search);
    for number in 0..6 {
        index.search.delete(id(number), bureau("KE")).unwrap();
    }
    index.search.erase().unwrap();
    assert!(!holds(&clear_text(&index), b"amina"));
    assert_eq!(index.search.position(), Some([1; 16]), "the store's position is not passed");
    assert_eq!(index.search.stats().unwrap().docs, 0);
    people(&index.search);
    assert_eq!(found(&index.search, &words("amin")), [2]);
}

/// All that the index's files say, decrypted: dictionaries hold a token's bytes one after the other.
fn clear_text(index: &Index) -> Vec<u8> {
    use tantivy::Directory;
    let mut clear = Vec::new();
    for name in index.search.inner.directory.file_names().unwrap() {
        clear.extend(index.search.inner.directory.atomic_read(Path::new(&name)).unwrap());
    }
    // A dictionary shares beginnings and endings of tokens; walk it for the tokens themselves.
    for segment in index.search.inner.index.searchable_segments().unwrap() {
        let reader = tantivy::SegmentReader::open(&segment).unwrap();
        for (field, _) in index.search.inner.fields.schema().fields() {
            let terms = reader.inverted_index(field).unwrap();
            let mut stream = terms.terms().stream().unwrap();
            while stream.advance() {
                clear.extend(stream.key());
                clear.push(b' ');
            }
        }
    }
    clear
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn a_flipped_bit_is_an_error_or_a_new_beginning_and_never_a_wrong_answer() {
    let index = index();
    for number in 0..300 {
        index.search.put(&doc(number, &format!("amina{number} common"))).unwrap();
    }
    index.search.commit([1; 16]).unwrap();
    let Index { folder, search } = index;
    drop(search);
    let originals = files(folder.path());
    let all: Vec<u64> = (0..300).rev().collect();
    let mut seen = [0, 0, 0];
    for (path, bytes) in originals.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for at in [0, 7, 9, 24, bytes.len() / 2, bytes.len() - 17, bytes.len() - 1] {
            originals.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            fs::write(path, &flipped).unwrap();
            let (search, position) = Search::open(folder.path(), &KEY).unwrap();
            if search.discarded().is_some() {
                assert_eq!((position, search.stats().unwrap().docs), (None, 0));
                assert_eq!(search.verify().map(|_| ()), Ok(()), "nothing damaged is kept");
                seen[0] += 1;
                continue;
            }
            match search.find(&Query { limit: 1_000, ..words("common") }) {
                Ok(_) => {
                    assert_eq!(found(&search, &Query { limit: 1_000, ..words("common") }), all, "{path:?} {at}");
                    seen[1] += 1;
                }
                Err(Error::Damaged(_)) => seen[2] += 1,
                Err(other) => panic!("{other} for {path:?} at {at}"),
            }
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}: the list of files is made anew, damage elsewhere is seen");
}

#[test]
fn damage_under_an_open_index_is_told() {
    let index = index();
    for number in 0..3_000 {
        index.search.put(&doc(number, &format!("amina{number} common"))).unwrap();
    }
    index.search.commit([1; 16]).unwrap();
    for (path, mut bytes) in files(index.folder.path()) {
        if !bytes.is_empty() {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }
    }
    assert!(matches!(index.search.verify(), Err(Error::Damaged(_))));
    match index.search.find(&words("common")) {
        Err(Error::Damaged(_)) => {}
        Ok(hits) => assert_eq!(hits.len(), 100, "from memory"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cut_missing_and_foreign_files_begin_anew() {
    type Harm = fn(&Path);
    let harms: [Harm; 5] = [
        |folder| fs::remove_file(named(folder, "term")).unwrap(),
        |folder| fs::write(named(folder, "fast"), []).unwrap(),
        |folder| fs::write(folder.join("meta.json"), b"{}").unwrap(),
        |folder| fs::copy(named(folder, "term"), named(folder, "idx")).map(drop).unwrap(),
        |folder| fs::remove_file(folder.join("meta.json")).unwrap(),
    ];
    for (number, harm) in harms.iter().enumerate() {
        let index = index();
        people(&index.search);
        let Index { folder, search } = index;
        drop(search);
        harm(folder.path());
        let (search, position) = Search::open(folder.path(), &KEY).unwrap();
        assert_eq!((position, search.stats().unwrap().docs), (None, 0), "harm {number}");
        people(&search);
        assert_eq!(found(&search, &words("amina")), [1, 0, 4]);
        search.erase().unwrap();
        assert!(search.verify().unwrap() > 0);
    }
    let other_key = index();
    people(&other_key.search);
    let Index { folder, search } = other_key;
    drop(search);
    let (search, position) = Search::open(folder.path(), &[8; 32]).unwrap();
    assert!(position.is_none() && search.discarded().is_some());
}

fn named(folder: &Path, extension: &str) -> PathBuf {
    let has = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(has).unwrap()
}

#[test]
fn long_odd_and_many_words_do_no_harm() {
    let index = index();
    let long = "x".repeat(100_000);
    let umlauts = "ö".repeat(1_000);
    let many: Vec<String> = (0..30_000).map(|number| format!("w{number}")).collect();
    let docs = [
        Doc { names: vec![long.clone(), String::new(), "two words".into(), "\0".into()], ..doc(0, "") },
        Doc { names: vec![umlauts.clone()], ..doc(1, "") },
        Doc { names: many, ..doc(2, "") },
        Doc { names: vec![], skeletons: vec![], ..doc(3, "") },
    ];
    docs.iter().for_each(|doc| index.search.put(doc).unwrap());
    index.search.commit([1; 16]).unwrap();
    for (text, expected) in [(long.as_str(), 0), (&umlauts, 1), ("words", 0), ("\0", 0), ("w0", 2), ("w23999", 2)] {
        assert_eq!(found(&index.search, &words(text)), [expected]);
    }
    assert_eq!(found(&index.search, &words(&format!("{long}*"))), [0]);
    let crowd = words(&"w1 ".repeat(33));
    assert_eq!(index.search.find(&crowd), Err(Error::TooManyWords(33)));
    assert_eq!(index.search.find(&words(&"w1 ".repeat(32))).unwrap().len(), 1);
}

#[test]
fn finding_goes_on_while_writing_and_merging() {
    let index = index();
    let search = &index.search;
    people(search);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..20 {
                for number in 100..150 {
                    search.put(&doc(number, &format!("round{round} steady"))).unwrap();
                }
                search.commit([round; 16]).unwrap();
            }
            search.erase().unwrap();
        });
        while !writer.is_finished() {
            let count = search.find(&words("steady")).unwrap().len();
            assert!(count == 0 || count == 50, "{count}: a commit is seen whole or not at all");
            assert_eq!(found(search, &words("amina")), [1, 0, 4]);
        }
        writer.join().unwrap();
    });
    assert_eq!(search.stats().unwrap().docs, 56);
    assert_eq!(search.position(), Some([19; 16]));
}
