//! What the machine could do at best: the bare cost of what cannot be left out, without anything around it.
//!
//! For throughput that is the cryptography that the design asks for, on all processors at once, or the writing to the
//! disk alone, whichever takes longer: neither waits for the other, nothing is parsed, looked up or copied.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use igain_protocol::bureau::{SealingIdentity, SigningKey};
use igain_protocol::codec::{self, Signed, Typ};
use igain_protocol::parcel;
use sha2::{Digest as _, Sha256};

/// Bytes of a parcel, which is made durable before the next one counts as received.
const PARCEL: usize = 64 * 1024;

/// Bytes of the head of a record, which is what its owner signs.
const HEAD: usize = 200;

/// Signatures in one batch.
const BATCH: usize = 256;

/// Records that share one sync where nobody waits for each.
const GROUP: usize = 1_000;

/// How long each cost is measured for.
const SAMPLE: Duration = Duration::from_millis(200);

/// Times that a new record's bytes are hashed at its owner: for its commitments and for the journal.
const CONTRIBUTE_HASHES: f64 = 2.0;

/// Times that a record's bytes are hashed on their way to a peer: for the feed's place at either end, and at the
/// receiver for the commitments and for the journal.
const REPLICATE_HASHES: f64 = 4.0;

/// Times that a record's bytes are sealed or opened beside the parcel: from the sender's journal, for the connection at
/// either end, and for the receiver's journal.
const REPLICATE_SEALS: f64 = 4.0;

/// Records a second that could be signed, hashed, sealed and written: on all processors, while the disk writes.
pub(super) fn contribute_per_s(bytes: usize) -> f64 {
    let work = *SIGN_S + CONTRIBUTE_HASHES * hash_s(bytes) + seal_s(bytes);
    1.0 / (work / processors()).max(sync_s(bytes * GROUP) / GROUP as f64)
}

/// Records a second that could be put into parcels, signed, sealed, opened, verified, hashed, sealed and written a
/// parcel at a time: by two bureaus that share all processors, while the disk writes.
pub(super) fn replicate_per_s(bytes: usize) -> f64 {
    let parcels = bytes as f64 / PARCEL as f64;
    let work = *VERIFY_S + REPLICATE_HASHES * hash_s(bytes) + REPLICATE_SEALS * seal_s(bytes) + parcels * *PARCEL_S;
    1.0 / (work / processors()).max(parcels * sync_s(PARCEL))
}

/// Milliseconds in which a few bytes become durable.
pub(super) fn sync_ms() -> f64 {
    sync_s(4_096) * 1_000.0
}

/// Seconds in which all files of a folder can be read and hashed.
pub(super) fn read_s(folder: &Path) -> f64 {
    let begun = Instant::now();
    read(folder, &mut Sha256::new());
    begun.elapsed().as_secs_f64()
}

fn read(folder: &Path, hash: &mut Sha256) {
    let mut buffer = vec![0; 1 << 20];
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, hash);
            continue;
        }
        let mut file = File::open(path).expect("a file");
        loop {
            match file.read(&mut buffer).expect("its bytes") {
                0 => break,
                bytes => hash.update(&buffer[..bytes]),
            }
        }
    }
}

fn processors() -> f64 {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as f64
}

/// Seconds that one call takes on one processor.
fn cost_s(mut work: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut calls = 0_u32;
    while begun.elapsed() < SAMPLE {
        work();
        calls += 1;
    }
    begun.elapsed().as_secs_f64() / f64::from(calls)
}

static SIGN_S: LazyLock<f64> = LazyLock::new(|| {
    let key = SigningKey::from_seed([1; 32]);
    cost_s(|| _ = black_box(codec::sign(Typ::Record, &[7; HEAD], &key)))
});

static VERIFY_S: LazyLock<f64> = LazyLock::new(|| {
    let key = SigningKey::from_seed([1; 32]);
    let public = key.verifying_key();
    let head = |nth: usize| [nth.to_be_bytes().as_slice(), &[7; HEAD]].concat();
    let documents: Vec<Vec<u8>> = (0..BATCH).map(|nth| codec::sign(Typ::Record, &head(nth), &key)).collect();
    let claim = |bytes: &Vec<u8>| Signed::parse(Typ::Record, bytes).expect("a document").claim();
    let claims: Vec<_> = documents.iter().map(claim).collect();
    let pairs: Vec<_> = claims.iter().map(|claim| (claim, &public)).collect();
    cost_s(|| assert!(codec::verify_batch(&pairs).iter().all(Result::is_ok))) / BATCH as f64
});

/// Signing, sealing, opening and verifying one parcel.
static PARCEL_S: LazyLock<f64> = LazyLock::new(|| {
    let (key, identity) = (SigningKey::from_seed([1; 32]), SealingIdentity::from_seed([2; 32]));
    let (public, to, payload) = (key.verifying_key(), identity.sealing_key(), vec![7; PARCEL - HEAD]);
    cost_s(|| {
        let signed = codec::sign(Typ::Parcel, &payload, &key);
        let sealed = parcel::seal(&signed, &to).expect("sealed");
        let opened = parcel::open(&sealed, [&identity]).expect("opened");
        Signed::parse(Typ::Parcel, &opened).and_then(|signed| signed.verify(&public).map(drop)).expect("verified");
    })
});

fn hash_s(bytes: usize) -> f64 {
    let data = vec![7; bytes];
    cost_s(|| _ = black_box(Sha256::digest(&data)))
}

fn seal_s(bytes: usize) -> f64 {
    let cipher = XChaCha20Poly1305::new(&[1; 32].into());
    let mut data = vec![7; bytes];
    cost_s(|| _ = black_box(cipher.encrypt_in_place_detached(XNonce::from_slice(&[2; 24]), &[], &mut data)))
}

/// Seconds in which bytes are appended to a file and become durable.
fn sync_s(bytes: usize) -> f64 {
    let (mut file, data) = (tempfile::tempfile().expect("a file"), vec![7; bytes]);
    cost_s(|| {
        file.write_all(&data).expect("written");
        file.sync_data().expect("synced");
    })
}
