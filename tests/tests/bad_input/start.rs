//! What keeps a daemon from starting.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;

use igain_node::clock::Mark;
use igain_node::keystore::{self, Passphrase};
use igain_node::ledger::Ledger;
use igain_node::store::{Options, Store, StoreKey};
use igain_protocol::time::Timestamp;
use igain_tests::daemon::{Bureau, PASSPHRASE};

use super::{assert_sound, own_records, refused};

const RUN: [&str; 3] = ["run", "--passphrase-file", "passphrase"];

/// A bureau with one record, stopped.
fn stopped() -> Bureau {
    let mut bureau = Bureau::start("KE");
    bureau.json(&["record", "add", "phone", "number=+254700000001", "--tlp", "green", "--grading", "B2"]);
    assert_eq!(bureau.stop(), Some(0));
    bureau
}

/// It starts once what was wrong is put right, and has all that it had.
fn starts_again(mut bureau: Bureau) {
    bureau.run();
    assert_sound(&bureau, 1);
}

/// Seen to fail with one code for all that can be wrong with keys.
#[test]
fn a_wrong_passphrase() {
    let bureau = stopped();
    bureau.write("passphrase", "incorrect horse battery staple");
    refused(&bureau, &RUN).expect("passphrase.wrong", &["keys.age", "Type it again"]);
    bureau.write("passphrase", "");
    refused(&bureau, &RUN).expect("passphrase.malformed", &["is empty", "Give one line of text"]);
    bureau.write("passphrase", PASSPHRASE);
    starts_again(bureau);
}

/// Seen to fail when the mode is not looked at.
#[test]
fn wrong_permissions_on_secrets() {
    let bureau = stopped();
    for secret in ["data/keys.age", "passphrase"] {
        let path = bureau.path(secret);
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
        for mode in [0o640, 0o604, 0o660] {
            set(mode);
            let words = [secret, &format!("{mode:04o}"), "chmod 600"];
            refused(&bureau, &RUN).expect("keystore.open-to-others", &words);
        }
        set(0o600);
    }
    starts_again(bureau);
}

#[test]
fn a_damaged_or_missing_key_file() {
    let bureau = stopped();
    let path = bureau.path("data/keys.age");
    let whole = std::fs::read(&path).expect("keys");
    let put = |bytes: &[u8]| std::fs::write(&path, bytes).expect("keys");
    for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
        put(&whole[..cut]);
        refused(&bureau, &RUN).expect("keystore.damaged", &["keys.age", "Restore it from its backup"]);
    }
    std::fs::remove_file(&path).expect("removed");
    refused(&bureau, &RUN).expect("keystore.missing", &["keys.age", "igain init", "backup"]);
    bureau.write("data/keys.age", "");
    put(&whole);
    starts_again(bureau);
}

/// Seen to fail when unknown keys are passed over.
#[test]
fn an_unknown_config_key() {
    let bureau = stopped();
    let good = std::fs::read_to_string(bureau.path("igain.toml")).expect("a configuration");
    let line = good.lines().position(|line| line == "[replication]").expect("a section") + 2;
    bureau.configure(|text| text.replace("[replication]", "[replication]\nintervall_s = 5"));
    let place = format!("igain.toml:{line}:1");
    refused(&bureau, &RUN).expect("config.unknown-key", &[&place, "`intervall_s`", "Did you mean `interval_s`?"]);
    // Commands that only talk to the daemon say so too.
    refused(&bureau, &["status"]).expect("config.unknown-key", &[&place]);
    for (from, to, code, words) in [
        ("[replication]", "[replikation]", "config.unknown-key", ["replikation", "replication"]),
        ("interval_s = 1", "interval_s = 0", "config.value", ["interval_s", "outside 1 to 86400"]),
        ("interval_s = 1", "interval_s = \"1\"", "config.malformed", ["igain.toml", "Correct the line"]),
        ("[log]", "[log", "config.malformed", ["igain.toml", "Correct the line"]),
    ] {
        bureau.write("igain.toml", &good.replace(from, to));
        refused(&bureau, &RUN).expect(code, &words);
    }
    std::fs::write(bureau.path("igain.toml"), b"bureau = \"K\xff\"").expect("written");
    refused(&bureau, &RUN).expect("config.malformed", &["igain.toml:1:12", "UTF-8"]);
    bureau.write("igain.toml", &good);
    starts_again(bureau);
}

/// Seen to fail when the port is not tried first: the refusal advised to give a port that one may use.
#[test]
fn a_taken_port() {
    let bureau = stopped();
    let port = bureau.port;
    let words = [&port.to_string(), "already in use", "another port in `listen`"];
    let words = words.map(|word| word as &str);
    let udp = UdpSocket::bind(("127.0.0.1", port)).expect("a free port");
    refused(&bureau, &RUN).expect("network.address-taken", &words);
    drop(udp);
    let tcp = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    refused(&bureau, &RUN).expect("network.address-taken", &words);
    drop(tcp);
    starts_again(bureau);
}

#[test]
fn a_second_daemon() {
    let mut bureau = stopped();
    bureau.run();
    refused(&bureau, &RUN).expect("store.locked", &["in use by another process", "Stop the other node first"]);
    assert_eq!(own_records(&bureau), 1);
}

/// L15, L21: a mark that another build, or a wrong clock, left years ahead. Seen to fail when the latest time seen stops the
/// start.
#[test]
fn a_clock_before_the_last_time_seen() {
    let mut bureau = stopped();
    let ahead = Timestamp::from_ms(bureau_now(&bureau).as_ms() + 10 * 365 * 86_400_000);
    set_mark(&bureau, ahead);
    bureau.run();
    assert_eq!(own_records(&bureau), 1);
    let clock = bureau.json(&["clock", "show"]);
    assert!(clock["doubted"].is_string() && clock["destroys"].is_null(), "{clock}");
    refused(&bureau, &["clock", "reset"]).expect("cli.declined", &["nobody to ask", "--yes"]);
    refused(&bureau, &["clock", "accept", "--yes"]).expect("clock.behind", &["igain clock reset"]);
    refused(&bureau, &["clock", "accept"]).expect("clock.behind", &["igain clock reset"]);
    bureau.json(&["clock", "reset", "--yes"]);
    let clock = bureau.json(&["clock", "show"]);
    assert!(clock["doubted"].is_null(), "{clock}");
    refused(&bureau, &["clock", "reset", "--yes"]).expect("clock.fits", &["is believed", "nothing to decide"]);
    refused(&bureau, &["clock", "reset"]).expect("clock.fits", &["is believed", "nothing to decide"]);
    refused(&bureau, &["recovery", "close"]).expect("recovery.none", &["no case to close"]);
    bureau.stop();
    starts_again(bureau);
}

fn with_books<T>(bureau: &Bureau, work: impl FnOnce(&Ledger) -> T) -> T {
    let passphrase = Passphrase::new(PASSPHRASE, "the test").expect("a passphrase");
    let keys = keystore::unlock(&bureau.path("data/keys.age"), &passphrase).expect("keys");
    let key = StoreKey::from_bytes(*keys.store_key());
    let opened = Store::open(&bureau.path("data/store"), &key, Options::default(), &|_| {});
    let ledger = Ledger::new(opened.expect("a store").0);
    let done = work(&ledger);
    ledger.store().close().expect("closed");
    done
}

fn bureau_now(bureau: &Bureau) -> Timestamp {
    with_books(bureau, |ledger| Timestamp::from_ms(ledger.clock().expect("books").expect("a mark").time_ms))
}

/// Sets what the bureau has noted of the time.
fn set_mark(bureau: &Bureau, at: Timestamp) {
    with_books(bureau, |ledger| {
        let mut batch = ledger.store().begin();
        ledger.put_clock(&mut batch, &Mark { time_ms: at.as_ms(), ..Mark::default() });
        ledger.commit(batch).expect("a commit");
    })
}
