//! How many threads libtorch computes an operation with.
//!
//! libtorch has one number for the process, which a thread takes over when it first computes, and
//! keeps. Hence the care when it is to be another for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tch::{get_num_threads, set_num_threads};

/// How often it is wanted at the moment that every thread computes alone.
static WANTED: Mutex<usize> = Mutex::new(0);

/// As long as this lives, operations of this thread, and of those that begin meanwhile, are computed
/// by one thread each. For work that is itself shared out among threads.
pub(crate) struct OneThreadEach {
    before: i32,
}

impl OneThreadEach {
    pub(crate) fn begin() -> OneThreadEach {
        let before = get_num_threads();
        let mut wanted = wanted();
        *wanted += 1;
        set_num_threads(1);
        OneThreadEach { before }
    }
}

impl Drop for OneThreadEach {
    fn drop(&mut self) {
        let mut wanted = wanted();
        *wanted -= 1;
        set_num_threads(self.before);
        if *wanted > 0 {
            // The process's number alone, for others are still at it: this thread keeps its own.
            let _set = thread::spawn(|| set_num_threads(1)).join();
        }
    }
}

fn wanted() -> MutexGuard<'static, usize> {
    WANTED.lock().unwrap_or_else(PoisonError::into_inner)
}
