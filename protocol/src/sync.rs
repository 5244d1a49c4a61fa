//! Replication as two machines: a [`Provider`] that serves what a peer is entitled to, a [`Subscriber`] that asks.
//!
//! The subscriber **pulls**: it names how far it has come in both feeds, and gets parcels until its budget is spent or
//! nothing is left, a few ahead of what it says that it has taken in. A quiet exchange is one short message each way and
//! settles both directions. Both machines are stepped by `handle(input) -> effects`; whoever drives them does the
//! reading, storing, sealing and sending, strictly in the order of the effects.

mod card;
mod clock;
mod delivery;
mod end;
mod given;
mod heads;
mod hello;
mod message;
mod notify;
mod provider;
mod pull;
mod reclaim;
mod returned;
mod subscriber;
mod taken;
mod view;

pub use card::CardMessage;
pub use clock::ClockMessage;
pub use delivery::Delivery;
pub use end::End;
pub use given::Given;
pub use heads::{Commitment, Heads};
pub use hello::Hello;
pub use message::{Error, Message, VERSION};
pub use notify::Notify;
pub use provider::{Effect as ProviderEffect, Input as ProviderInput, Provider, Read};
pub use pull::Pull;
pub use reclaim::{PLACE_LIMIT, Reclaim, WANT_LIMIT};
pub use returned::Returned;
pub use subscriber::{Change, Effect as SubscriberEffect, Input as SubscriberInput, Subscriber, Violation};
pub use taken::Taken;
pub use view::{Feed, Mark, View};
