use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

fn keys() -> Keys {
    Keys::from_entropy(&std::array::from_fn(|index| index as u8))
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text, "a test").unwrap()
}

fn made() -> (tempfile::TempDir, PathBuf, Passphrase) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.age");
    let right = passphrase("correct horse battery");
    create(&path, &right, &keys(), Cost::THROW_AWAY).unwrap();
    (folder, path, right)
}

#[test]
fn what_was_created_is_unlocked() {
    let (folder, path, right) = made();
    assert_eq!(unlock(&path, &right).unwrap(), keys());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no draft stays behind");
}

#[test]
fn keys_are_never_overwritten() {
    let (_folder, path, right) = made();
    let before = fs::read(&path).unwrap();
    let again = create(&path, &right, &Keys::draw().unwrap(), Cost::THROW_AWAY);
    assert!(matches!(again, Err(Error::Exists(_))), "{again:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_wrong_passphrase_is_told_from_a_missing_file() {
    let (_folder, path, _) = made();
    let wrong = unlock(&path, &passphrase("Correct horse battery"));
    assert!(matches!(wrong, Err(Error::WrongPassphrase(_))), "{wrong:?}");
    let missing = unlock(&path.with_file_name("other"), &passphrase("x"));
    assert!(matches!(missing, Err(Error::Missing(_))), "{missing:?}");
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_remedy() {
    let (_folder, path, right) = made();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = unlock(&path, &right).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && error.contains(&format!("{mode:04o}")), "{error}");
    }
}

#[test]
fn the_passphrase_changes_and_the_keys_do_not() {
    let (_folder, path, old) = made();
    let new = passphrase("another horse battery");
    change_passphrase(&path, &old, &new, Cost::THROW_AWAY).unwrap();
    assert_eq!(unlock(&path, &new).unwrap(), keys());
    assert!(matches!(unlock(&path, &old), Err(Error::WrongPassphrase(_))));
    let short = change_passphrase(&path, &new, &passphrase("short"), Cost::THROW_AWAY);
    assert!(matches!(short, Err(Error::TooShort { length: 5 })), "{short:?}");
}

#[test]
fn a_flipped_bit_or_a_cut_end_is_refused() {
    let (_folder, path, right) = made();
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(file::open(&path, &bytes, &right).is_err(), "byte {at}");
        assert!(file::open(&path, &whole[..at], &right).is_err(), "cut at {at}");
    }
}

#[test]
fn absurd_work_is_not_done() {
    let (_folder, path, right) = made();
    let whole = fs::read(&path).unwrap();
    let at = whole.windows(3).position(|bytes| bytes == b"10\n").unwrap();
    let mut bytes = whole;
    bytes[at..at + 2].copy_from_slice(b"60");
    assert!(matches!(file::open(&path, &bytes, &right), Err(Error::Excessive { required: 60, .. })));
}

#[test]
fn no_secret_and_no_passphrase_is_shown_or_written_in_clear() {
    let (_folder, path, right) = made();
    assert_eq!(format!("{:?} {right:?}", keys()), "Keys(..) Passphrase(..)");
    let file = fs::read(&path).unwrap();
    for secret in [&[0_u8, 1, 2, 3, 4, 5, 6, 7][..], b"0001020304050607", b"correct horse"] {
        assert!(!file.windows(secret.len()).any(|bytes| bytes == secret));
    }
}

#[test]
fn every_key_is_another() {
    let keys = keys();
    let mut all = vec![keys.signing().to_seed(), keys.sealing().to_seed(), keys.transport_seed(), keys.store_key()];
    all.extend([keys.salt_key(), keys.record_id_secret(), keys.search_key()]);
    for (index, key) in all.iter().enumerate() {
        assert!(all[index + 1..].iter().all(|other| other != key), "{index}");
    }
    assert_ne!(Keys::draw().unwrap(), Keys::draw().unwrap());
}

/// Bytes of a former key in the file.
const FORMER_HEX: usize = 128;

#[test]
fn new_keys_take_the_place_of_old_ones_that_vouch_for_them() {
    let (_folder, path, right) = made();
    let ke = "KE".parse().unwrap();
    let first = keys();
    let second = rotate(&path, &right, ke, false, Cost::THROW_AWAY).unwrap();
    let third = rotate(&path, &right, ke, true, Cost::THROW_AWAY).unwrap();
    assert_eq!(unlock(&path, &right).unwrap(), third);
    assert_eq!(second.transport_seed(), first.transport_seed());
    assert_ne!(third.transport_seed(), first.transport_seed());
    for kept in [&second, &third] {
        assert_eq!((kept.store_key(), kept.salt_key()), (first.store_key(), first.salt_key()));
        assert_eq!(kept.record_id_secret(), first.record_id_secret());
    }
    let former: Vec<_> = third.former().iter().map(|former| former.key).collect();
    assert_eq!(former, [first.signing().verifying_key(), second.signing().verifying_key()]);
    let opens: Vec<_> = third.former_sealing().iter().map(|identity| identity.sealing_key()).collect();
    assert_eq!(opens, [second.sealing().sealing_key(), first.sealing().sealing_key()]);
    assert_ne!(third.sealing().sealing_key(), second.sealing().sealing_key());
    let text = third.to_text();
    let secret: String = first.signing().to_seed().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!text.contains(&secret), "a signing key that was replaced is forgotten");
    for _ in 2..16 {
        rotate(&path, &right, ke, false, Cost::THROW_AWAY).unwrap();
    }
    let before = fs::read(&path).unwrap();
    let once_more = rotate(&path, &right, ke, false, Cost::THROW_AWAY);
    assert!(matches!(once_more, Err(Error::Rotations)), "{once_more:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// What the build before wrote is read.
#[test]
fn a_file_of_the_first_version_is_read() {
    let text = keys().to_text().replace("version 2", "version 1");
    let (first, rest) = text.split_once("salt ").unwrap();
    let old = format!("{first}class {}\nsalt {rest}", "ab".repeat(32));
    assert_eq!(Keys::from_text(&old), Ok(keys()));
    assert!(Keys::from_text(&old.replace("version 1", "version 2")).is_err());
}

#[test]
fn the_text_inside_is_read_strictly() {
    let text = keys().to_text();
    assert!(Keys::from_text(&text).is_ok());
    let cases = [
        text.replace("version 2", "version 3"),
        format!("{}former {}\n", *text, "00".repeat(FORMER_HEX)),
        format!("{}former 00\n", *text),
        text.replace("sealing", "ceiling"),
        format!("{}more x\n", *text),
        text.lines().take(6).collect::<Vec<_>>().join("\n"),
        text.replace("00010203", "000102"),
        text.replace("00010203", "+0010203"),
        text.replace("00010203", "0ä10203"),
    ];
    for case in cases {
        assert!(Keys::from_text(&case).is_err(), "{case}");
    }
}

#[test]
fn a_passphrase_is_one_line_of_text_in_form_c() {
    assert_eq!(passphrase("Zo\u{308}e"), passphrase("Zöe"));
    for bad in ["", "two\nlines", "nul\0", &"x".repeat(1025)] {
        assert!(matches!(Passphrase::new(bad, "a test"), Err(Error::Passphrase { .. })));
    }
}

fn read_from(bytes: &[u8], mode: u32) -> Result<Passphrase, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
    Source::File(file.path().to_owned()).read()
}

#[test]
fn a_passphrase_file_gives_its_only_line() {
    for bytes in [&b"open sesame"[..], b"open sesame\n", b"open sesame\r\n"] {
        assert_eq!(read_from(bytes, 0o600).unwrap(), passphrase("open sesame"));
    }
    assert!(matches!(read_from(b"open sesame", 0o644), Err(Error::Open { mode: 0o644, .. })));
    for bytes in [&b""[..], b"\n", b"one\ntwo\n", b"\xff\xfe", &[b'x'; 5000]] {
        assert!(matches!(read_from(bytes, 0o600), Err(Error::Passphrase { .. })));
    }
}

#[test]
fn a_descriptor_may_be_a_pipe() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"open sesame\n").unwrap();
    drop(writer);
    let source = Source::choose(None, Some(reader.as_raw_fd() as u32), None);
    assert_eq!(source.read().unwrap(), passphrase("open sesame"));
}

#[test]
fn the_credential_is_taken_when_nothing_else_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let variable = || Some(folder.path().as_os_str().to_owned());
    assert_eq!(Source::choose(None, None, variable()), Source::Prompt);
    fs::write(folder.path().join(CREDENTIAL), "from systemd, 1 line").unwrap();
    let source = Source::choose(None, None, variable());
    assert_eq!(source.read_new().unwrap(), passphrase("from systemd, 1 line"));
    assert_eq!(Source::choose(None, None, None), Source::Prompt);
    assert_eq!(Source::choose(Some("x".into()), Some(3), variable()), Source::File("x".into()));
}

/// Two commands that change the key file at once would each go by what the other is about to replace, and the keys that one
/// of them drew would be in use and nowhere. Seen to fail when nothing is claimed.
#[test]
fn two_who_change_the_file_at_once_do_not_both() {
    let (_folder, path, right) = made();
    let claimed = file::claim(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let rotated = rotate(&path, &right, "KE".parse().unwrap(), false, Cost::THROW_AWAY);
    assert!(matches!(rotated, Err(Error::Busy(_))), "{rotated:?}");
    let changed = change_passphrase(&path, &right, &passphrase("battery horse correct"), Cost::THROW_AWAY);
    assert!(matches!(changed, Err(Error::Busy(_))), "{changed:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(clear_drafts(&path).is_ok(), "a start need not wait for it");
    drop(claimed);
    assert!(rotate(&path, &right, "KE".parse().unwrap(), false, Cost::THROW_AWAY).is_ok());
}

/// What a command left behind that was killed opens with the passphrase of then. Seen to fail when it stays.
#[test]
fn what_a_killed_command_left_behind_goes_with_the_next() {
    let (folder, path, right) = made();
    let other = folder.path().join("keys.age.old.new");
    let left = || folder.path().join("keys.age.4711.new");
    for clears in [true, false] {
        fs::copy(&path, left()).unwrap();
        fs::copy(&path, &other).unwrap();
        match clears {
            true => clear_drafts(&path).unwrap(),
            false => change_passphrase(&path, &right, &passphrase("battery horse correct"), Cost::THROW_AWAY).unwrap(),
        }
        assert!(!left().exists() && other.exists(), "what is nobody's draft stays");
    }
}
