//! What two bureaus agree on: identities, labels, records, class logs, parcels and replication.
//!
//! Nothing here does I/O, reads a clock or draws randomness: time, secrets and seeds are arguments. What crosses the
//! wire or rests on a disk in this crate's formats is described in `FORMAT.md`, with vectors under `vectors/`.

pub mod bureau;
pub mod caf;
pub mod codec;
pub mod feed;
pub mod label;
pub mod parcel;
pub mod receipt;
pub mod record;
pub mod sync;
pub mod time;
pub mod vocabulary;
