//! Counts how often a training copies numbers between its device and the host.
//!
//! With each copy the host waits for the device. Prints as JSON the counts of an epoch of 10 steps, of one of
//! 20, of two epochs of 10, and of one number that is read. The linker replaces tch's calls of libtorch by calls
//! of the functions below (build.rs), which count and call libtorch.

#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use gasshuku::Result;
use gasshuku::prelude::*;

static COPIES: AtomicUsize = AtomicUsize::new(0);

macro_rules! counted {
    ($($wrapped:ident = $real:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?;)*) => {
        unsafe extern "C" {
            $(fn $real($($argument: $kind),*) $(-> $answer)?;)*
        }
        $(
            #[unsafe(no_mangle)]
            #[allow(non_snake_case, reason = "the linker's name")]
            unsafe extern "C" fn $wrapped($($argument: $kind),*) $(-> $answer)? {
                COPIES.fetch_add(1, Ordering::Relaxed);
                // SAFETY: these are the arguments that tch has passed for this function.
                unsafe { $real($($argument),*) }
            }
        )*
    };
}

#[cfg(target_os = "linux")]
counted! {
    __wrap_at_copy_data = __real_at_copy_data(t: *mut c_void, to: *const c_void, n: usize, size: usize);
    __wrap_at_double_value_at_indexes =
        __real_at_double_value_at_indexes(t: *mut c_void, at: *const i64, n: c_int) -> f64;
    __wrap_at_int64_value_at_indexes =
        __real_at_int64_value_at_indexes(t: *mut c_void, at: *const i64, n: c_int) -> i64;
    __wrap_at_print = __real_at_print(t: *mut c_void);
    __wrap_at_tensor_of_blob = __real_at_tensor_of_blob(
        from: *const c_void, dims: *const i64, n: usize, strides: *const i64, m: usize, kind: c_int,
        device: c_int
    ) -> *mut c_void;
    __wrap_at_tensor_of_data = __real_at_tensor_of_data(
        from: *const c_void, dims: *const i64, n: usize, size: usize, kind: c_int
    ) -> *mut c_void;
    __wrap_atg_equal = __real_atg_equal(t: *mut c_void, other: *mut c_void) -> c_int;
    __wrap_atg_is_nonzero = __real_atg_is_nonzero(t: *mut c_void) -> c_int;
    __wrap_atg_masked_select =
        __real_atg_masked_select(out: *mut *mut c_void, t: *mut c_void, mask: *mut c_void);
    __wrap_atg_nonzero = __real_atg_nonzero(out: *mut *mut c_void, t: *mut c_void);
    __wrap_atg_to = __real_atg_to(out: *mut *mut c_void, t: *mut c_void, device: c_int);
}

fn copies<T>(work: impl FnOnce() -> Result<T>) -> Result<usize> {
    let before = COPIES.load(Ordering::Relaxed);
    work()?;
    Ok(COPIES.load(Ordering::Relaxed) - before)
}

fn training(batches: i64, epochs: usize) -> Result<usize> {
    const BATCH: i64 = 10;
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    let images = Tensor::randint(
        256,
        [BATCH * batches, 1, 28, 28],
        (Kind::Uint8, Device::Cpu),
    );
    let labels = Tensor::randint(10, [BATCH * batches], (Kind::Int64, Device::Cpu));
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let data = Dataset::new(&images, &labels, &classes)?;
    let settings = TrainingSettings {
        epochs,
        batch_size: BATCH as usize,
        validation_share: 0.0,
        ..Default::default()
    };
    copies(|| train(&model, &data, &settings))
}

fn main() -> Result<()> {
    let number = Tensor::from(1.5);
    let counts = serde_json::json!({
        "10 steps": training(10, 1)?,
        "20 steps": training(20, 1)?,
        "2 epochs": training(10, 2)?,
        "one number": copies(|| Ok(number.double_value(&[])))?,
    });
    println!("{counts}");
    Ok(())
}
