//! The igain node: store, policy, replication, search and the command line of one bureau.
//!
//! `ARCHITECTURE.md` has the map. Arrows between modules run down only.

pub mod api;
pub mod audit;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod intake;
pub mod keystore;
pub mod ledger;
pub mod network;
pub mod office;
pub mod people;
pub mod policy;
pub mod replication;
pub mod search;
pub mod store;
pub mod text;
