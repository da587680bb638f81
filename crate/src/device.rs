//! Chooses the device to train on: a GPU that works, else the CPU, with the reason.

use std::fmt;
use std::path::{Path, PathBuf};

use tch::{Cuda, Device, Kind, Tensor};

use crate::error::{Result, without_frames};
use crate::language::{translate, translated};

/// A device, with the reason for the choice.
///
/// ```
/// let choice = gasshuku::DeviceChoice::best();
/// println!("{choice}"); // "CPU: there is no NVIDIA GPU in this machine"
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceChoice {
    /// The device for tensors and models.
    pub device: Device,
    /// Why this device was chosen.
    pub reason: String,
}

impl DeviceChoice {
    /// Apple's GPU (MPS), the first NVIDIA GPU that works, or else the CPU.
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

/// Whether libtorch can use an NVIDIA GPU, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub enum CudaState {
    /// There is no NVIDIA driver. The CUDA backend was not loaded.
    NoGpu,
    /// There is a driver, but libtorch's CUDA backend could not be loaded.
    BackendNotLoaded {
        /// The error of the dynamic loader.
        reason: String,
    },
    /// The CUDA backend is loaded, but finds no GPU that it can use.
    Unusable,
    /// The CUDA backend finds a GPU, but an addition on it fails.
    Failing {
        /// The error of libtorch.
        reason: String,
    },
    /// GPUs can be used.
    Usable {
        /// How many GPUs there are.
        count: usize,
    },
}

impl CudaState {
    /// Looks for a GPU, loads the CUDA backend if there is one, and tries an addition on it.
    pub fn find() -> CudaState {
        if !nvidia_driver_present(Path::new("/")) {
            return CudaState::NoGpu;
        }
        if let Err(reason) = load_cuda_backend() {
            return CudaState::BackendNotLoaded { reason };
        }
        match usize::try_from(Cuda::device_count()) {
            Ok(count) if count > 0 && Cuda::is_available() => {
                CudaState::from_sum(count, add_on_gpu().map_err(|error| error.to_string()))
            }
            _ => CudaState::Unusable,
        }
    }

    /// The state of `count` GPUs, after the first of them has computed 1 + 1.
    fn from_sum(count: usize, sum: std::result::Result<f64, String>) -> CudaState {
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

/// 1 + 1 on the first GPU. A GPU that is too old for this libtorch is found, but fails at the first computation.
fn add_on_gpu() -> Result<f64> {
    let one = Tensor::f_ones([1], (Kind::Float, Device::Cuda(0)))?;
    Ok(one.f_add(&one)?.f_to(Device::Cpu)?.double_value(&[0]))
}

impl fmt::Display for CudaState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            CudaState::NoGpu => translated(
                "there is no NVIDIA GPU in this machine",
                "このマシンに NVIDIA の GPU はありません",
            )
            .into(),
            CudaState::BackendNotLoaded { reason } => translate!(
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
        formatter.write_str(&text)
    }
}

/// Loads libtorch's CUDA backend into this process. Linking alone does not load it.
///
/// The linker drops `libtorch_cuda.so` because no symbol of it is called directly, and libtorch then
/// reports that there is no CUDA on a machine with a GPU. Call this before any other function of libtorch
/// about CUDA: libtorch keeps its first result.
///
/// # Errors
/// The error of the dynamic loader if the library or one of NVIDIA's libraries is missing.
pub fn load_cuda_backend() -> std::result::Result<(), String> {
    if loaded_library("libtorch_cuda.so").is_none() {
        load_permanently(&cuda_library()?)?;
    }
    // Not before: without the backend, the result would stay false.
    if tch::utils::has_cudart() {
        Ok(())
    } else {
        Err(
            "libtorch was asked about CUDA before its CUDA backend was loaded; restart the kernel"
                .into(),
        )
    }
}

/// Whether there is an NVIDIA driver. In WSL2 only its library shows that: `/dev/dxg` exists with a GPU of
/// any maker.
fn nvidia_driver_present(root: &Path) -> bool {
    const DRIVER_FILES: [&str; 3] = [
        "dev/nvidiactl",
        "proc/driver/nvidia/version",
        "usr/lib/wsl/lib/libcuda.so.1",
    ];
    DRIVER_FILES.iter().any(|path| root.join(path).exists())
}

/// The tensor on the CPU as 64-bit floats. Apple's GPUs (MPS) have no 64-bit floats, so the tensor is
/// moved before it is converted.
pub(crate) fn on_cpu_as_double(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_to(Device::Cpu)?.f_to_kind(Kind::Double)?)
}

/// The path of the CUDA backend, in the folder of the libtorch that this process has loaded.
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

/// The path of a library that this process has loaded, by its file name; Linux only.
fn loaded_library(name: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines()
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .find(|path| path.file_name().is_some_and(|found| found == name))
        .map(Path::to_path_buf)
}

#[cfg(target_os = "linux")]
fn load_permanently(library: &Path) -> std::result::Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};
    // SAFETY: loading runs the initialisers of PyTorch's own library, which register the CUDA
    // backend with the libtorch_cpu.so of the same wheel. It is never unloaded (see `forget`), so no
    // pointer into it can dangle.
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
fn load_permanently(_library: &Path) -> std::result::Result<(), String> {
    Err("CUDA is for Linux only".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_of_another_maker_is_not_an_nvidia_gpu() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        assert!(!nvidia_driver_present(root.path()));
        // WSL2 with any GPU.
        put("dev/dxg");
        assert!(!nvidia_driver_present(root.path()));
        put("usr/lib/wsl/lib/libcuda.so.1");
        assert!(nvidia_driver_present(root.path()));
    }

    #[test]
    fn a_gpu_that_does_not_compute_is_not_chosen() {
        let old = "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors…";
        let choice = DeviceChoice::from_cuda(CudaState::from_sum(1, Err(old.into())));
        assert_eq!(choice.device, Device::Cpu);
        assert!(
            choice
                .reason
                .contains("no kernel image is available for execution on the device); it may be"),
            "{choice}"
        );
        assert_eq!(
            CudaState::from_sum(2, Ok(2.0)),
            CudaState::Usable { count: 2 }
        );
        let wrong = CudaState::from_sum(1, Ok(0.0));
        assert!(wrong.to_string().contains("1 + 1 is 0 there"), "{wrong}");
    }

    /// Apple's GPUs have no 64-bit floats, which tests on other machines cannot find. So all conversions must
    /// go through `on_cpu_as_double`.
    #[test]
    fn only_on_cpu_as_double_converts_to_64_bit_floats() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if path.ends_with("tests.rs") {
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                let code = source.split("#[cfg(test)]").next().unwrap();
                let lines = code.lines().filter(|line| line.contains("Kind::Double"));
                found.extend(lines.map(|line| line.trim().to_owned()));
            }
        }
        // The function itself, sums of its results, and the kinds that a file may have.
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
    fn every_state_has_a_device_and_a_reason() {
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
        let message = text(CudaState::BackendNotLoaded {
            reason: "libcusparse.so.12".into(),
        });
        assert!(
            message.contains("libcusparse.so.12") && message.contains("GASSHUKU_TORCH=cuda"),
            "{message}"
        );
    }
}
