//! What links are like.

use std::time::Duration;

/// What one direction of a link does to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Bytes a second; none where nothing but the machine bounds them.
    pub bytes_per_s: Option<u32>,
    /// Bytes that may wait for their turn. What finds no room is dropped; on TCP its sender waits instead.
    pub queue_bytes: u32,
    /// How long everything is under way.
    pub delay: Duration,
    /// How much longer it may be under way, drawn for each datagram.
    pub jitter: Duration,
    /// Datagrams that are lost, of a thousand. On TCP they arrive late, as when they are sent again.
    pub lost_per_mille: u16,
    /// Datagrams that arrive twice, of a thousand; none on TCP.
    pub doubled_per_mille: u16,
    /// Datagrams that others overtake, of a thousand; none on TCP.
    pub held_back_per_mille: u16,
}

impl Profile {
    /// Nothing in between: a relay that only counts and can be cut.
    pub const CLEAR: Self = Self {
        bytes_per_s: None,
        queue_bytes: 1 << 20,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        lost_per_mille: 0,
        doubled_per_mille: 0,
        held_back_per_mille: 0,
    };

    /// Two machines in one building: 1 Gbit/s (IEEE 802.3ab), a round trip of half a millisecond, a switch with
    /// 512 KiB for each port.
    pub const LAN: Self = Self {
        bytes_per_s: Some(125_000_000),
        queue_bytes: 512 << 10,
        delay: Duration::from_micros(250),
        ..Self::CLEAR
    };

    /// A bureau behind a geostationary satellite: 64 kbit/s, one channel of what small terminals offer, and a round trip
    /// of 600 ms, up to 558 of which radio itself takes (RFC 2488, section 2). One datagram in a hundred is lost, which
    /// stands for rain; two seconds' worth may wait.
    pub const SATELLITE: Self = Self {
        bytes_per_s: Some(8_000),
        queue_bytes: 16_000,
        delay: Duration::from_millis(300),
        jitter: Duration::from_millis(20),
        lost_per_mille: 10,
        ..Self::CLEAR
    };

    /// A bureau behind a third-generation mobile network, at the edge of its cell: 384 kbit/s, a round trip of some
    /// hundred milliseconds that varies, since the radio link repeats what it loses (RFC 3481, sections 2 and 3.2), and
    /// two seconds' worth may wait. One datagram in thirty is lost all the same, and some are doubled or overtaken as at
    /// a change of cells.
    pub const MOBILE: Self = Self {
        bytes_per_s: Some(48_000),
        queue_bytes: 96_000,
        delay: Duration::from_millis(150),
        jitter: Duration::from_millis(100),
        lost_per_mille: 33,
        doubled_per_mille: 5,
        held_back_per_mille: 10,
    };

    /// The same, with so many datagrams of a thousand lost.
    #[must_use]
    pub const fn losing(self, lost_per_mille: u16) -> Self {
        Self { lost_per_mille, ..self }
    }
}
