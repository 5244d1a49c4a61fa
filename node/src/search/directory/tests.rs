use std::io::Write;

use tantivy::Directory;
use tantivy::directory::TerminatingWrite;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn folder() -> (tempfile::TempDir, Encrypted) {
    let folder = tempfile::tempdir().unwrap();
    let opened = Encrypted::open(folder.path(), &KEY).unwrap();
    (folder, opened)
}

fn write(directory: &Encrypted, name: &str, data: &[u8]) {
    let mut writer = directory.open_write(Path::new(name)).unwrap();
    for part in data.chunks(5_000) {
        writer.write_all(part).unwrap();
    }
    writer.terminate().unwrap();
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 251) as u8 ^ index as u8).collect()
}

fn every(directory: &Encrypted) -> Vec<PathBuf> {
    directory.file_names().unwrap().into_iter().map(PathBuf::from).collect()
}

#[test]
fn any_range_of_any_length_reads_as_written() {
    let (_folder, directory) = folder();
    for length in [0, 1, 16_383, 16_384, 16_385, 32_768, 100_000, 1_500_000] {
        let (name, data) = (format!("f{length}"), data(length));
        write(&directory, &name, &data);
        let file = directory.get_file_handle(Path::new(&name)).unwrap();
        assert_eq!(file.len(), length);
        assert_eq!(&*file.read_bytes(0..length).unwrap(), &data[..]);
        for (from, to) in [(0, 1), (16_000, 17_000), (16_384, 32_768), (50_000, 99_999), (1, 1_400_000), (5, 5)] {
            if to <= length {
                assert_eq!(&*file.read_bytes(from..to).unwrap(), &data[from..to], "{from}..{to} of {length}");
            }
        }
        assert!(file.read_bytes(0..length + 1).is_err());
        assert_eq!(directory.atomic_read(Path::new(&name)).unwrap(), data);
    }
    assert_eq!(
        directory.verify(every(&directory)).unwrap(),
        1_500_000 + 100_000 + 32_768 + 16_385 + 16_384 + 16_383 + 1
    );
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let (folder, directory) = folder();
    let data = data(40_000);
    write(&directory, "f", &data);
    let path = folder.path().join("f");
    let whole = fs::read(&path).unwrap();
    let read = || directory.open_file(Path::new("f")).map_err(|_| ()).and_then(|file| file.read_all().map_err(|_| ()));
    assert_eq!(read(), Ok(data));
    for at in (0..whole.len()).step_by(97).chain(0..24).chain(whole.len() - 40..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(), Err(()), "byte {at}");
        assert!(directory.verify(every(&directory)).is_err());
    }
    let chunk = 16_384 + 16;
    for cut in [0, 1, 23, 24, 40, 24 + chunk, 24 + 2 * chunk, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(read(), Err(()), "cut at {cut}");
    }
    fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    assert_eq!(read(), Err(()));
}

#[test]
fn a_file_that_was_read_before_is_checked_again_when_it_is_opened_again() {
    let (folder, directory) = folder();
    write(&directory, "f", &data(40_000));
    let path = folder.path().join("f");
    let whole = fs::read(&path).unwrap();
    let read = |name: &str| directory.open_file(Path::new(name)).map(|file| file.read_bytes(0..16_384).map(|_| ()));
    assert!(matches!(read("f"), Ok(Ok(()))));
    fs::write(&path, &whole[..24 + 2 * (16_384 + 16)]).unwrap();
    assert!(read("f").is_err(), "cut between two chunks that are in memory");
    fs::write(folder.path().join("g"), &whole).unwrap();
    assert!(read("g").is_err(), "the same bytes under another name");
}

#[test]
fn files_cannot_change_places_and_another_key_opens_nothing() {
    let (folder, directory) = folder();
    write(&directory, "a", b"first");
    write(&directory, "b", b"second");
    fs::copy(folder.path().join("a"), folder.path().join("b")).unwrap();
    assert!(directory.open_file(Path::new("a")).is_ok());
    assert!(directory.open_file(Path::new("b")).is_err());
    drop(directory);
    let other = Encrypted::open(folder.path(), &[8; 32]).unwrap();
    assert!(other.open_file(Path::new("a")).is_err());
}

#[test]
fn nothing_is_written_twice_or_outside() {
    let (_folder, directory) = folder();
    write(&directory, "a", b"first");
    assert!(matches!(directory.open_write(Path::new("a")), Err(OpenWriteError::FileAlreadyExists(_))));
    for name in ["../a", "/etc/a", "a/b", ""] {
        assert!(directory.open_write(Path::new(name)).is_err(), "{name}");
        assert!(directory.open_read(Path::new(name)).is_err(), "{name}");
        assert!(directory.delete(Path::new(name)).is_err(), "{name}");
    }
}

#[test]
fn a_second_process_or_writer_is_refused() {
    let (folder, directory) = folder();
    assert!(matches!(Encrypted::open(folder.path(), &KEY), Err(OpenError::Locked)));
    let lock = || Lock { filepath: "x".into(), is_blocking: false };
    let held = directory.acquire_lock(&lock()).unwrap();
    assert!(matches!(directory.acquire_lock(&lock()), Err(LockError::LockBusy)));
    drop(held);
    assert!(directory.acquire_lock(&lock()).is_ok());
    drop(directory);
    assert!(Encrypted::open(folder.path(), &KEY).is_ok());
}

#[test]
fn drafts_of_a_killed_process_go_away_and_its_files_are_listed() {
    let (folder, directory) = folder();
    directory.atomic_write(Path::new(META), b"one").unwrap();
    assert!(directory.take_changed() && !directory.take_changed());
    write(&directory, "left.behind", b"x");
    drop(directory);
    fs::write(folder.path().join("meta.draft"), b"torn").unwrap();
    fs::write(folder.path().join(MANAGED), b"torn").unwrap();
    let directory = Encrypted::open(folder.path(), &KEY).unwrap();
    assert!(!folder.path().join("meta.draft").exists());
    let listed = directory.atomic_read(Path::new(MANAGED)).unwrap();
    assert_eq!(String::from_utf8(listed).unwrap(), r#"["left.behind","meta.json"]"#);
}
