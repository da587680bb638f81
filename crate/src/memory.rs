//! Keeps freed memory at hand between the steps of a training.
//!
//! A step frees what it has computed, and the next one asks for as much again. glibc by itself gives
//! such blocks back to the system, which hands out cleared pages, one page fault for every 4 kB: it
//! doubled the time of an epoch.

use libc::{M_TOP_PAD, c_int, mallopt};

/// What may stay at the end of the heap, in bytes: a few times what a batch of 1,000 images needs.
const KEPT: c_int = 256 << 20;

// SAFETY: this runs while the program is loaded, or a cell into a running one, and `mallopt` may be
// called at any time, from any thread. It only takes a number.
#[ctor::ctor(unsafe)]
fn keep() {
    // It cannot fail for this parameter, and were it to, training would only be slower.
    let _accepted = unsafe { mallopt(M_TOP_PAD, KEPT) };
}
