//! Which device to train on: a GPU if there is one that works, else the CPU, always saying why.

use std::fmt;
use std::path::{Path, PathBuf};

use tch::{Cuda, Device, Kind, Tensor};

use crate::error::{Result, without_frames};
use crate::language::{translate, translated};

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
                reason: translated(
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
    /// The CUDA backend finds a GPU, but not even an addition works on it.
    Failing {
        /// libtorch's reason.
        reason: String,
    },
    /// GPUs are ready.
    Usable {
        /// How many.
        count: usize,
    },
}

impl CudaState {
    /// Looks for a GPU, loads the CUDA backend if there is one, and tries an addition on it.
    pub fn find() -> CudaState {
        if !nvidia_driver_present(Path::new("/")) {
            return CudaState::NoGpu;
        }
        if let Err(reason) = attach_cuda() {
            return CudaState::NotAttached { reason };
        }
        match usize::try_from(Cuda::device_count()) {
            Ok(count) if count > 0 && Cuda::is_available() => {
                CudaState::tried(count, add_on_gpu().map_err(|error| error.to_string()))
            }
            _ => CudaState::Unusable,
        }
    }

    /// What becomes of so many GPUs when the first of them has added 1 and 1.
    fn tried(count: usize, sum: std::result::Result<f64, String>) -> CudaState {
        match sum {
            Ok(2.0) => CudaState::Usable { count },
            Ok(wrong) => CudaState::Failing {
                reason: format!("1 + 1 is {wrong} there"),
            },
            Err(reason) => CudaState::Failing {
                reason: without_frames(reason.lines().next().unwrap_or_default()),
            },
        }
    }
}

/// A card that is too old for this libtorch is found all the same, and fails at the first computation.
fn add_on_gpu() -> Result<f64> {
    let one = Tensor::f_ones([1], (Kind::Float, Device::Cuda(0)))?;
    Ok(one.f_add(&one)?.f_to(Device::Cpu)?.double_value(&[0]))
}

impl fmt::Display for CudaState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match self {
            CudaState::NoGpu => translated(
                "there is no NVIDIA GPU in this machine",
                "このマシンに NVIDIA の GPU はありません",
            )
            .into(),
            CudaState::NotAttached { reason } => translate!(
                "there is an NVIDIA GPU, but libtorch's CUDA backend does not load ({reason}); \
                 `GASSHUKU_TORCH=cuda cargo xtask setup` installs it",
                "NVIDIA の GPU はありますが、libtorch の CUDA バックエンドを読み込めません ({reason})。\
                 `GASSHUKU_TORCH=cuda cargo xtask setup` でインストールされます"
            ),
            CudaState::Unusable => translated(
                "there is an NVIDIA GPU, but CUDA cannot use it; its driver may be too old for CUDA 13",
                "NVIDIA の GPU はありますが、CUDA から使えません。\
                 ドライバが CUDA 13 には古すぎるのかもしれません",
            )
            .into(),
            CudaState::Failing { reason } => translate!(
                "the NVIDIA GPU does not compute ({reason}); it may be too old for this libtorch, whose CUDA 13 \
                 wants compute capability 7.5 (Turing, 2018) or newer",
                "NVIDIA の GPU で計算できません ({reason})。この libtorch の CUDA 13 には compute capability 7.5 \
                 (Turing、2018 年) 以降が必要で、GPU が古すぎるのかもしれません"
            ),
            CudaState::Usable { count: 1 } => {
                translated("one NVIDIA GPU found", "NVIDIA の GPU が 1 基あります").into()
            }
            CudaState::Usable { count } => translate!(
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

/// Whether there is a driver of NVIDIA's. Inside Windows' WSL2 only its library shows that: `/dev/dxg` is
/// there with a card of any maker.
fn nvidia_driver_present(root: &Path) -> bool {
    const SIGNS: [&str; 3] = [
        "dev/nvidiactl",
        "proc/driver/nvidia/version",
        "usr/lib/wsl/lib/libcuda.so.1",
    ];
    SIGNS.iter().any(|path| root.join(path).exists())
}

/// A tensor's numbers as 64-bit floats, on the CPU: Apple's GPUs (MPS) have none, so the conversion comes
/// after the move.
pub(crate) fn on_cpu_as_double(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_to(Device::Cpu)?.f_to_kind(Kind::Double)?)
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
    fn a_graphics_card_of_another_maker_is_no_nvidia_gpu() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        assert!(!nvidia_driver_present(root.path()));
        // WSL2 with any card.
        put("dev/dxg");
        assert!(!nvidia_driver_present(root.path()));
        put("usr/lib/wsl/lib/libcuda.so.1");
        assert!(nvidia_driver_present(root.path()));
    }

    #[test]
    fn a_gpu_that_does_not_compute_is_not_chosen() {
        let old = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors…";
        let choice = DeviceChoice::from_cuda(CudaState::tried(1, Err(old.into())));
        assert_eq!(choice.device, Device::Cpu);
        assert!(
            choice
                .reason
                .contains("no kernel image is available for execution on the device); it may be"),
            "{choice}"
        );
        assert_eq!(CudaState::tried(2, Ok(2.0)), CudaState::Usable { count: 2 });
        let wrong = CudaState::tried(1, Ok(0.0));
        assert!(wrong.to_string().contains("1 + 1 is 0 there"), "{wrong}");
    }

    /// Apple's GPUs have no 64-bit floats, and no test can see that without one: all conversions go through
    /// `on_cpu_as_double`.
    #[test]
    fn nothing_else_becomes_a_64_bit_float() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]").next().unwrap();
                let lines = code.lines().filter(|line| line.contains("Kind::Double"));
                found.extend(lines.map(|line| line.trim().to_owned()));
            }
        }
        // The function itself, sums of what it gave, and the kinds that a file may have.
        let known = [
            "Ok(tensor.f_to(Device::Cpu)?.f_to_kind(Kind::Double)?)",
            "let product = (&left * &right).sum(Kind::Double).double_value(&[]);",
            "let square = right.square().sum(Kind::Double).double_value(&[]);",
            "(Kind::Double, Dtype::F64),",
        ];
        found.retain(|line| !known.contains(&line.as_str()));
        assert_eq!(found, [""; 0]);
    }

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
