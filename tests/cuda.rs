//! libtorch's CUDA backend is loaded if the installed libtorch has it.
//!
//! Linking does not load it (see `gasshuku::device::load_cuda_backend`). No GPU is needed: the backend registers
//! itself when it is loaded. The expected result depends on the installed wheels, and both are tested: `.ci/run`
//! runs this with the small set and with the full one.

#![cfg(target_os = "linux")]

use std::path::Path;

use gasshuku::device::{CudaState, load_cuda_backend};
use tch::{Device, Kind, Tensor};

/// Whether CUDA libraries are installed that only the full set of wheels contains.
fn full_set_installed() -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libtorch = maps
        .lines()
        .filter_map(|line| line.find('/').map(|start| &line[start..]))
        .find(|path| path.ends_with("/libtorch_cpu.so"))
        .expect("libtorch is linked");
    let packages = Path::new(libtorch).ancestors().nth(3).unwrap();
    packages.join("nvidia/cu13/lib/libcusparse.so.12").exists()
}

/// Everything is in one test, because libtorch remembers its first answer about CUDA, so the order matters.
#[test]
fn the_cuda_backend_is_loaded_if_the_full_set_is_installed() {
    let wanted = std::env::var("GASSHUKU_TORCH").is_ok_and(|choice| choice == "cuda");
    assert!(
        !wanted || full_set_installed(),
        "GASSHUKU_TORCH=cuda, but the full set is not there"
    );

    let loaded = |library: &str| {
        std::fs::read_to_string("/proc/self/maps")
            .unwrap()
            .contains(library)
    };
    assert!(
        !loaded("libtorch_cuda.so"),
        "linking alone loads no CUDA backend"
    );
    let attached = load_cuda_backend();
    if full_set_installed() {
        println!("full set: the CUDA backend is attached");
        assert_eq!(attached, Ok(()));
        assert!(tch::utils::has_cudart());
        assert_eq!(load_cuda_backend(), Ok(()), "a second time changes nothing");
        let drivers = [
            "/dev/nvidiactl",
            "/proc/driver/nvidia/version",
            "/usr/lib/wsl/lib/libcuda.so.1",
        ];
        let has_driver = drivers.iter().any(|path| Path::new(path).exists());
        match CudaState::find() {
            CudaState::Usable { count } => assert!(has_driver && count > 0),
            state => assert_eq!((state, has_driver), (CudaState::NoGpu, false)),
        }
    } else {
        println!("small set: the CUDA backend does not attach, and says why");
        let reason = attached.expect_err("the small set has no CUDA libraries");
        assert!(reason.contains(".so"), "{reason}");
        assert!(!tch::utils::has_cudart());
    }
    // In both cases the CPU still computes.
    let sum = Tensor::ones([3], (Kind::Float, Device::Cpu)).sum(Kind::Float);
    assert_eq!(sum.double_value(&[]), 3.0);
}
