//! How many threads libtorch uses for one operation.
//!
//! libtorch keeps one number for the process. A thread copies it at its first computation and keeps the
//! copy, so changing the number for a while takes some care.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tch::{get_num_threads, set_num_threads};

/// Who has asked for single-threaded operations at the moment.
static ACTIVE: Mutex<Active> = Mutex::new(Active {
    guards: 0,
    default: 1,
});

struct Active {
    /// How many [`SingleThreaded`] guards exist.
    guards: usize,
    /// The number of threads before the first guard, while there is one.
    default: i32,
}

impl Active {
    fn default(&self) -> i32 {
        match self.guards {
            0 => get_num_threads(),
            _ => self.default,
        }
    }
}

/// The number of threads of an operation when no guard exists. In a thread that was started while one
/// exists, libtorch's own number stays 1.
pub(crate) fn default_threads() -> i32 {
    active().default()
}

/// Lets this thread compute with the default number of threads, whatever guards exist.
pub(crate) fn use_default_threads() {
    let active = active();
    set_this_thread(active.default());
    if active.guards > 0 {
        set_process(1);
    }
}

/// Lets operations of this thread use one thread, whatever guards exist.
pub(crate) fn use_one_thread() {
    let active = active();
    let default = active.default();
    set_this_thread(1);
    if active.guards == 0 {
        set_process(default);
    }
}

/// Sets the number for this thread, until it is set again, and for the process.
fn set_this_thread(threads: i32) {
    // A thread copies the number of the process at the first query, even if another one was set before.
    let _copied = get_num_threads();
    set_num_threads(threads);
}

/// Sets the number for the process, which threads copy at their first computation.
fn set_process(threads: i32) {
    let _set = thread::spawn(move || set_num_threads(threads)).join();
}

/// A guard: as long as it exists, operations of this thread, and of threads that are started meanwhile,
/// use one thread each. For work that is itself split among threads.
pub(crate) struct SingleThreaded;

impl SingleThreaded {
    pub(crate) fn begin() -> SingleThreaded {
        let mut active = active();
        active.default = active.default();
        active.guards += 1;
        set_this_thread(1);
        SingleThreaded
    }
}

impl Drop for SingleThreaded {
    fn drop(&mut self) {
        let mut active = active();
        active.guards -= 1;
        set_this_thread(active.default);
        if active.guards > 0 {
            set_process(1);
        }
    }
}

fn active() -> MutexGuard<'static, Active> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
