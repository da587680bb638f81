//! Makes glibc keep freed memory between the steps of a training.
//!
//! A step frees its tensors, and the next step allocates as much again. By default, glibc returns such
//! blocks to the system, and the system gives out cleared pages with a page fault for every 4 kB. That
//! doubled the time of an epoch.

use libc::{M_TOP_PAD, c_int, mallopt};

/// The unused memory that may stay at the end of the heap, in bytes: a few times as much as a batch of 1,000
/// images needs.
const TOP_PAD: c_int = 256 << 20;

// SAFETY: this runs when the program or the library of a cell is loaded. `mallopt` may be called at any
// time, from any thread, and its arguments are numbers.
#[ctor::ctor(unsafe)]
fn keep_freed_memory() {
    // It cannot fail for this parameter. If it did, training would only be slower.
    let _accepted = unsafe { mallopt(M_TOP_PAD, TOP_PAD) };
}
