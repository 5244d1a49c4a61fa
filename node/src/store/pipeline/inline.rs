//! Writing without threads: whoever calls does all of it.

use std::sync::Mutex;
use std::thread::{self, ThreadId};

use super::queue::Shared;
use super::write::Writer;
use super::{Publish, locked, publish};

pub(super) struct Inline {
    ends: Mutex<Ends>,
    /// The thread that writes right now.
    writing: Mutex<Option<ThreadId>>,
}

struct Ends {
    writer: Writer,
    publish: Publish,
}

impl Inline {
    pub(super) fn new(writer: Writer, publish: Publish) -> Self {
        Self { ends: Mutex::new(Ends { writer, publish }), writing: Mutex::default() }
    }

    /// Writes, syncs and publishes what waits.
    pub(super) fn drive(&self, shared: &Shared) {
        self.alone(|ends| {
            while let Some(group) = shared.next_group() {
                let mut steps = Vec::new();
                ends.writer.write(shared, group, &mut |step| steps.push(step));
                publish::publish(shared, steps, &mut ends.publish);
            }
        });
    }

    /// Writes what waits and ends the file.
    pub(super) fn close(&self, shared: &Shared) {
        self.drive(shared);
        self.alone(|ends| ends.writer.finish(shared));
    }

    /// One at a time; a call from what is told of a commit leaves the work to the call that it is part of.
    fn alone(&self, work: impl FnOnce(&mut Ends)) {
        let me = Some(thread::current().id());
        if *locked(&self.writing) == me {
            return;
        }
        let mut ends = locked(&self.ends);
        *locked(&self.writing) = me;
        work(&mut ends);
        *locked(&self.writing) = None;
    }
}
