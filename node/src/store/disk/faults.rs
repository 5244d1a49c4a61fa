//! What is to go wrong, and when.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

use super::super::pipeline::locked;

/// A step that changes the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A file is made or emptied.
    Create,
    /// Bytes are written.
    Write,
    /// A file is cut shorter.
    Cut,
    /// A file is made durable.
    Sync,
    /// The names in a folder are made durable.
    SyncFolder,
    /// A file takes the name of another.
    Rename,
    /// A file is removed.
    Remove,
}

/// What the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no room (ENOSPC).
    Full,
    /// The disk does not work (EIO).
    Broken,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// In which steps; in any where there is none.
    pub step: Option<Step>,
    /// So many such steps go well first.
    pub after: u64,
    /// And so many fail.
    pub times: u64,
    /// What the system says then.
    pub trouble: Trouble,
    /// How many 256ths of a write that fails come to the disk all the same.
    pub torn: u8,
}

impl Trouble {
    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Full => rustix::io::Errno::NOSPC.raw_os_error(),
            Self::Broken => rustix::io::Errno::IO.raw_os_error(),
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    plan: Mutex<Plan>,
    goes_on: Condvar,
}

#[derive(Debug, Default)]
struct Plan {
    faults: Vec<Fault>,
    room: Option<u64>,
    steps: u64,
    held: bool,
}

impl Plan {
    /// The fault that a step meets.
    fn meets(&mut self, step: Step) -> Option<Fault> {
        self.steps += 1;
        let mut met = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.step.is_none_or(|only| only == step)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 && met.is_none() {
                fault.times -= 1;
                met = Some(*fault);
            }
        }
        met
    }
}

impl Faults {
    /// None, after so many steps.
    pub(super) fn after(steps: u64) -> Self {
        Self { plan: Mutex::new(Plan { steps, ..Plan::default() }), ..Self::default() }
    }

    pub(super) fn add(&self, fault: Fault) {
        locked(&self.plan).faults.push(fault);
    }

    pub(super) fn leave_room(&self, room: Option<u64>) {
        locked(&self.plan).room = room;
    }

    /// Has writes wait, or go on.
    pub(super) fn hold(&self, held: bool) {
        locked(&self.plan).held = held;
        self.goes_on.notify_all();
    }

    pub(super) fn room(&self) -> Option<u64> {
        locked(&self.plan).room
    }

    pub(super) fn heal(&self) {
        let mut plan = locked(&self.plan);
        plan.faults.clear();
        plan.room = None;
    }

    pub(super) fn steps(&self) -> u64 {
        locked(&self.plan).steps
    }

    /// A step other than a write.
    pub(super) fn step(&self, step: Step) -> io::Result<()> {
        locked(&self.plan).meets(step).map_or(Ok(()), |fault| Err(fault.trouble.error()))
    }

    /// A write of so many bytes, which lets the file grow by so many: how many bytes are written, and what is said.
    pub(super) fn write(&self, bytes: usize, grows: u64) -> (usize, io::Result<()>) {
        let mut plan = locked(&self.plan);
        while plan.held {
            plan = self.goes_on.wait(plan).unwrap_or_else(PoisonError::into_inner);
        }
        let met = plan.meets(Step::Write);
        let part = met.map_or(bytes, |fault| bytes * usize::from(fault.torn) / 256);
        let short = usize::try_from(grows.saturating_sub(plan.room.unwrap_or(u64::MAX))).unwrap_or(bytes);
        let fits = part.min(bytes.saturating_sub(short));
        plan.room = plan.room.map(|room| room.saturating_sub(grows.saturating_sub((bytes - fits) as u64)));
        match met {
            Some(fault) => (fits, Err(fault.trouble.error())),
            None if fits < bytes => (fits, Err(Trouble::Full.error())),
            None => (fits, Ok(())),
        }
    }

    /// So many bytes were freed.
    pub(super) fn freed(&self, bytes: u64) {
        let mut plan = locked(&self.plan);
        plan.room = plan.room.map(|room| room.saturating_add(bytes));
    }
}
