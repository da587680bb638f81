//! How many threads libtorch computes an operation with.
//!
//! libtorch has one number for the process, which a thread takes over when it first computes, and
//! keeps. Hence the care when it is to be another for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tch::{get_num_threads, set_num_threads};

/// What is computed by one thread each at the moment.
static ALONE: Mutex<Alone> = Mutex::new(Alone {
    wanted: 0,
    usual: 1,
});

struct Alone {
    /// How often it is wanted that every thread computes alone.
    wanted: usize,
    /// The number of threads that it was before, while it is wanted.
    usual: i32,
}

impl Alone {
    fn usual(&self) -> i32 {
        match self.wanted {
            0 => get_num_threads(),
            _ => self.usual,
        }
    }
}

/// The number of threads that an operation has when nothing else is going on. In a thread that began
/// beside work which is shared out, libtorch's own number would be 1 for good.
pub(crate) fn usual_threads() -> i32 {
    alone().usual()
}

/// Lets this thread compute with the usual number of threads, whatever is going on beside it.
pub(crate) fn compute_as_usual() {
    let alone = alone();
    set_this_thread(alone.usual());
    if alone.wanted > 0 {
        set_process(1);
    }
}

/// Lets this thread compute by itself, whatever is going on beside it.
pub(crate) fn compute_alone() {
    let alone = alone();
    let usual = alone.usual();
    set_this_thread(1);
    if alone.wanted == 0 {
        set_process(usual);
    }
}

/// Sets the number of this thread for good, and that of the process.
fn set_this_thread(threads: i32) {
    // A thread takes over the number of the process when it is first asked, even if it was told another.
    let _taken_over = get_num_threads();
    set_num_threads(threads);
}

/// Sets the number of the process, which threads take over that have not computed yet.
fn set_process(threads: i32) {
    let _set = thread::spawn(move || set_num_threads(threads)).join();
}

/// As long as this lives, operations of this thread, and of those that begin meanwhile, are computed
/// by one thread each. For work that is itself shared out among threads.
pub(crate) struct OneThreadEach;

impl OneThreadEach {
    pub(crate) fn begin() -> OneThreadEach {
        let mut alone = alone();
        alone.usual = alone.usual();
        alone.wanted += 1;
        set_this_thread(1);
        OneThreadEach
    }
}

impl Drop for OneThreadEach {
    fn drop(&mut self) {
        let mut alone = alone();
        alone.wanted -= 1;
        set_this_thread(alone.usual);
        if alone.wanted > 0 {
            set_process(1);
        }
    }
}

fn alone() -> MutexGuard<'static, Alone> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
