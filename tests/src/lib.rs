//! Test support: whole bureaus as processes, whole bureaus inside one process, links between them, and a simulated
//! federation in virtual time.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "test support fails loudly")]

pub mod api;
pub mod bureau;
pub mod daemon;
pub mod emulator;
pub mod simulation;
pub mod tomorrow;
pub mod trio;
pub mod wait;
pub mod wire;
