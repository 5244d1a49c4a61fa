//! Where readings come from: the system's clock and the boot clock, or both moved by hand.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use igain_protocol::time::Timestamp;
use nix::time::ClockId;
use uuid::Uuid;

use super::reckoning::{Reading, UNKNOWN_RUN};

/// By how much a manual clock moves between two readings.
const STEP_MS: u64 = 86_400_000;

/// Which run of a machine a manual clock stands for.
const MANUAL_RUN: [u8; 16] = [1; 16];

/// Where the kernel names the machine's present run.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug)]
pub(super) enum Source {
    System {
        boot_id: [u8; 16],
    },
    /// The system's clock and the boot clock.
    Manual(Mutex<(u64, u64)>),
}

impl Source {
    pub(super) fn system() -> Self {
        let read = std::fs::read_to_string(BOOT_ID).ok();
        let boot_id = read.and_then(|text| Uuid::parse_str(text.trim()).ok());
        if boot_id.is_none() {
            tracing::warn!(
                file = BOOT_ID,
                "the kernel does not name the machine's run: each start counts as one of the machine"
            );
        }
        Self::System { boot_id: boot_id.map_or(UNKNOWN_RUN, Uuid::into_bytes) }
    }

    pub(super) const fn manual(now: Timestamp) -> Self {
        Self::Manual(Mutex::new((now.as_ms(), now.as_ms())))
    }

    pub(super) fn read(&self) -> Reading {
        match self {
            Self::System { boot_id } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let system_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
                // It counts on while the machine sleeps.
                let boot = nix::time::clock_gettime(ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
                let boot_ms = u64::try_from(boot.unwrap_or_default().as_millis()).unwrap_or_default();
                Reading { system_ms, boot_ms, boot_id: *boot_id }
            }
            Self::Manual(at) => {
                let (system_ms, boot_ms) = *at.lock().unwrap_or_else(PoisonError::into_inner);
                Reading { system_ms, boot_ms, boot_id: MANUAL_RUN }
            }
        }
    }

    pub(super) fn pass_to(&self, now: Timestamp, read: &mut dyn FnMut()) {
        let Self::Manual(at) = self else { return };
        let change = |to: &dyn Fn(&mut (u64, u64))| to(&mut at.lock().unwrap_or_else(PoisonError::into_inner));
        loop {
            let left = now.as_ms().saturating_sub(self.read().system_ms).min(STEP_MS);
            if left == 0 {
                change(&|at| at.0 = now.as_ms());
                return;
            }
            change(&|at| *at = (at.0 + left, at.1 + left));
            read();
        }
    }

    pub(super) fn set_system(&self, now: Timestamp) {
        if let Self::Manual(at) = self {
            at.lock().unwrap_or_else(PoisonError::into_inner).0 = now.as_ms();
        }
    }
}
