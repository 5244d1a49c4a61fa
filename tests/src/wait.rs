//! Waiting for what has to happen: by polling, with a deadline that only a test that fails reaches, however busy the
//! machine is.

use std::time::{Duration, Instant};

/// How long anything may take that a user would wait for: a hundred times what it takes, so that both cores may be busy
/// elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Time between two looks at another process.
const LOOK: Duration = Duration::from_millis(20);

/// Time between two looks at something in this process.
const GLANCE: Duration = Duration::from_millis(10);

/// Waits for something, polling.
///
/// # Panics
/// Where it takes too long.
pub fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(LOOK);
    }
}

/// Waits until `holds` does.
///
/// # Panics
/// When it takes too long.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not so after {PATIENCE:?}: {what}");
        tokio::time::sleep(GLANCE).await;
    }
}
