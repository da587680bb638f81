//! Whether there is an NVIDIA GPU that this libtorch can use, from the driver's program. CUDA itself is not
//! used.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// The oldest compute capability for which the wheel of torch 2.13.0 has code (Turing): its
/// `torch._C._cuda_getArchFlags()` is "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120".
const OLDEST_CAPABILITY: [u32; 2] = [7, 5];

/// The driver's program in WSL. Its folder may be missing from PATH.
const NVIDIA_SMI_IN_WSL: &str = "/usr/lib/wsl/lib/nvidia-smi";

/// An NVIDIA GPU, from what its driver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gpu {
    pub(crate) name: String,
    /// The best compute capability of all GPUs; `None` if the driver does not say.
    capability: Option<[u32; 2]>,
}

/// The machine's GPU. `/dev/dxg` says nothing: WSL has it for the GPUs of all makers.
pub(crate) fn find() -> Option<Gpu> {
    if cfg!(target_os = "macos") {
        return None;
    }
    if let Some(name) = nvidia_smi(&["-L"]).and_then(|list| first_name(&list)) {
        let capabilities = nvidia_smi(&["--query-gpu=compute_cap", "--format=csv,noheader"]);
        return Some(Gpu {
            name,
            capability: capabilities.and_then(|list| best_capability(&list)),
        });
    }
    // A container may have the GPU without the driver's programs.
    ["/proc/driver/nvidia/version", "/dev/nvidia0"]
        .iter()
        .find(|path| Path::new(path).exists())
        .map(|path| Gpu {
            name: format!("an NVIDIA GPU ({path})"),
            capability: None,
        })
}

/// The output of the driver's program; `None` if there is no such program, or no GPU.
pub(crate) fn nvidia_smi(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program(Path::new(NVIDIA_SMI_IN_WSL)));
    let output = process::output(command.args(arguments)).ok().flatten()?;
    output.success.then_some(output.stdout)
}

fn program(in_wsl: &Path) -> PathBuf {
    let name = "nvidia-smi";
    if evcxr_prewarm::program::on_path(name).is_none() && in_wsl.exists() {
        return in_wsl.to_owned();
    }
    name.into()
}

/// The first GPU of a list, without its UUID: "GPU 0: NVIDIA H100" from "GPU 0: NVIDIA H100 (UUID: GPU-1)".
fn first_name(list: &str) -> Option<String> {
    let line = list.lines().find(|line| line.starts_with("GPU "))?;
    Some(line.split(" (UUID").next().unwrap_or(line).to_owned())
}

fn best_capability(list: &str) -> Option<[u32; 2]> {
    let capability = |line: &str| {
        let (major, minor) = line.trim().split_once('.')?;
        Some([major.parse().ok()?, minor.parse().ok()?])
    };
    list.lines().filter_map(capability).max()
}

impl Gpu {
    /// Why libtorch cannot use it, if it is too old.
    pub(crate) fn why_too_old(&self) -> Option<String> {
        let [major, minor] = self.capability.filter(|found| *found < OLDEST_CAPABILITY)?;
        Some(format!(
            "{} has compute capability {major}.{minor}, and this libtorch computes on {}.{} or newer: the \
             CPU trains",
            self.name, OLDEST_CAPABILITY[0], OLDEST_CAPABILITY[1]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_several_gpus_counts() {
        let gpu = |list: &str| Gpu {
            name: "GPU 0: NVIDIA P100".to_owned(),
            capability: best_capability(list),
        };
        assert!(gpu("6.0\n").why_too_old().unwrap().contains("6.0"));
        assert!(gpu("7.0\n").why_too_old().is_some());
        assert_eq!(gpu("7.5\n").why_too_old(), None);
        assert_eq!(gpu("6.1\n12.0\n").why_too_old(), None);
        assert_eq!(gpu("[N/A]\n").why_too_old(), None);
    }

    #[test]
    fn in_wsl_the_program_is_found_although_it_is_not_on_path() {
        let folder = tempfile::tempdir().unwrap();
        let in_wsl = folder.path().join("nvidia-smi");
        assert_eq!(program(&in_wsl), Path::new("nvidia-smi"));
        std::fs::write(&in_wsl, "").unwrap();
        if evcxr_prewarm::program::on_path("nvidia-smi").is_none() {
            assert_eq!(program(&in_wsl), in_wsl);
        }
    }
}
