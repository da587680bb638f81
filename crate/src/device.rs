//! Which device to train on: a GPU if there is one that works, else the CPU, always saying why.

use std::fmt;
use std::path::{Path, PathBuf};

use tch::{Cuda, Device};

use crate::language::{said, say};

/// The device that was chosen, with the reason in words.
///
/// ```
/// let choice = gasshuku::DeviceChoice::best();
/// println!("{choice}"); // "CPU: there is no NVIDIA GPU in this machine"
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceChoice {
    /// Where tensors and models should live.
    pub device: Device,
    /// Why this device and no other.
    pub reason: String,
}

impl DeviceChoice {
    /// The first GPU that libtorch can use, else Apple's GPU (MPS), else the CPU.
    pub fn best() -> DeviceChoice {
        if tch::utils::has_mps() {
            return DeviceChoice {
                device: Device::Mps,
                reason: say(
                    "this Mac's GPU, through Metal (MPS)",
                    "この Mac の GPU を Metal (MPS) で使います",
                )
                .into(),
            };
        }
        Self::from_cuda(CudaState::find())
    }

    fn from_cuda(state: CudaState) -> DeviceChoice {
        let device = match state {
            CudaState::Usable { .. } => Device::Cuda(0),
            _ => Device::Cpu,
        };
        DeviceChoice {
            device,
            reason: state.to_string(),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.device {
            Device::Cuda(index) => format!("CUDA GPU {index}"),
            Device::Mps => "MPS".into(),
            _ => "CPU".into(),
        };
        write!(formatter, "{name}: {}", self.reason)
    }
}

/// What stands between a program and an NVIDIA GPU.
#[derive(Clone, Debug, PartialEq)]
pub enum CudaState {
    /// No NVIDIA driver was found, so the CUDA backend was not even loaded.
    NoGpu,
    /// A GPU is there, but libtorch's CUDA backend could not be loaded.
    NotAttached {
        /// The loader's reason.
        reason: String,
    },
    /// The CUDA backend is loaded and finds no GPU that it can use.
    Unusable,
    /// GPUs are ready.
    Usable {
        /// How many.
        count: usize,
    },
}

impl CudaState {
    /// Looks for a GPU and loads the CUDA backend if there is one.
    pub fn find() -> CudaState {
        if !nvidia_driver_present() {
            return CudaState::NoGpu;
        }
        if let Err(reason) = attach_cuda() {
            return CudaState::NotAttached { reason };
        }
        match usize::try_from(Cuda::device_count()) {
            Ok(count) if count > 0 && Cuda::is_available() => CudaState::Usable { count },
            _ => CudaState::Unusable,
        }
    }
}

impl fmt::Display for CudaState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match self {
            CudaState::NoGpu => say(
                "there is no NVIDIA GPU in this machine",
                "このマシンに NVIDIA の GPU はありません",
            )
            .into(),
            CudaState::NotAttached { reason } => said!(
                "there is an NVIDIA GPU, but libtorch's CUDA backend does not load ({reason}); \
                 `GASSHUKU_TORCH=cuda cargo xtask setup` installs it",
                "NVIDIA の GPU はありますが、libtorch の CUDA バックエンドを読み込めません ({reason})。\
                 `GASSHUKU_TORCH=cuda cargo xtask setup` でインストールされます"
            ),
            CudaState::Unusable => say(
                "there is an NVIDIA GPU, but CUDA cannot use it; its driver may be too old for CUDA 13",
                "NVIDIA の GPU はありますが、CUDA から使えません。\
                 ドライバが CUDA 13 には古すぎるのかもしれません",
            )
            .into(),
            CudaState::Usable { count: 1 } => {
                say("one NVIDIA GPU found", "NVIDIA の GPU が 1 基あります").into()
            }
            CudaState::Usable { count } => said!(
                "{count} NVIDIA GPUs found",
                "NVIDIA の GPU が {count} 基あります"
            ),
        };
        formatter.write_str(&said)
    }
}

/// Loads libtorch's CUDA backend into this process, which linking alone does not do.
///
/// The linker drops `libtorch_cuda.so` because no symbol of it is called directly, and libtorch
/// then reports that there is no CUDA on a machine with a good GPU. This must come before the
/// first question about CUDA: libtorch remembers its first answer.
///
/// # Errors
/// The loader's reason, when the library is missing or lacks one of NVIDIA's libraries.
pub fn attach_cuda() -> std::result::Result<(), String> {
    if loaded_library("libtorch_cuda.so").is_none() {
        load_for_good(&cuda_library()?)?;
    }
    // Asked only now: with the backend missing, the answer would stay "no" for good.
    if tch::utils::has_cudart() {
        Ok(())
    } else {
        Err(
            "libtorch was asked about CUDA before its CUDA backend was loaded; restart the kernel"
                .into(),
        )
    }
}

fn nvidia_driver_present() -> bool {
    // The last one is how a GPU shows inside Windows' WSL2.
    ["/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg"]
        .iter()
        .any(|path| Path::new(path).exists())
}

/// The CUDA backend beside the libtorch that this process has already loaded.
fn cuda_library() -> std::result::Result<PathBuf, String> {
    let library = loaded_library("libtorch_cpu.so")
        .ok_or("libtorch_cpu.so is not loaded")?
        .with_file_name("libtorch_cuda.so");
    if library.exists() {
        Ok(library)
    } else {
        Err(format!(
            "{} does not exist: this libtorch is for CPUs only",
            library.display()
        ))
    }
}

/// Where a library of this process lies, by its file name; Linux only.
fn loaded_library(name: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .find(|path| path.file_name().is_some_and(|found| found == name))
        .map(Path::to_path_buf)
}

#[cfg(target_os = "linux")]
fn load_for_good(library: &Path) -> std::result::Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};
    // SAFETY: loading runs the initialisers of PyTorch's own library, which register the CUDA
    // backend with the libtorch_cpu.so of the same wheel. It is never unloaded (see `forget`), so
    // no pointer into it can dangle.
    let loaded = unsafe { Library::open(Some(library), RTLD_LAZY | RTLD_GLOBAL) };
    match loaded {
        Ok(handle) => {
            std::mem::forget(handle);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(target_os = "linux"))]
fn load_for_good(_library: &Path) -> std::result::Result<(), String> {
    Err("CUDA is for Linux only".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_says_device_and_reason() {
        let text = |state| DeviceChoice::from_cuda(state).to_string();
        assert_eq!(
            text(CudaState::NoGpu),
            "CPU: there is no NVIDIA GPU in this machine"
        );
        assert!(text(CudaState::Unusable).starts_with("CPU: there is an NVIDIA GPU, but"));
        assert_eq!(
            text(CudaState::Usable { count: 1 }),
            "CUDA GPU 0: one NVIDIA GPU found"
        );
        let lost = text(CudaState::NotAttached {
            reason: "libcusparse.so.12".into(),
        });
        assert!(
            lost.contains("libcusparse.so.12") && lost.contains("GASSHUKU_TORCH=cuda"),
            "{lost}"
        );
    }
}
