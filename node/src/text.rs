//! Bringing names and identifiers into forms that compare: however a thing is spelled, both sides meet in one form.
//!
//! Records keep values as they were given; these forms serve to index and to ask, never to show.
//!
//! - Names: [`tokens`] for exact and prefix search, [`skeleton`] to compare across scripts, [`script`] to tag them.
//! - Identifiers: [`mod@identifier`] is strict, [`index_forms`] never loses a value, [`query_forms`] is what to look up.
//! - Values: [`value::parse`] makes them of what people write and sources have.
//! - Countries: [`country`] knows ISO 3166-1 codes and the English names in use.

mod country;
mod fold;
pub mod identifier;
mod script;
mod skeleton;
pub mod value;

pub use country::{country, is_country};
pub use fold::{TOKEN_LIMIT, TOKENS_LIMIT, fold, tokens};
pub use identifier::{identifier, index_forms, query_forms};
pub use script::script;
pub use skeleton::{skeleton, skeletons};
