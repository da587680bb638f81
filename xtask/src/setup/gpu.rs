//! Whether there is an NVIDIA GPU that this libtorch can compute on. CUDA itself is not asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// The oldest compute capability that the wheel of torch 2.13.0 has code for (Turing): its
/// `torch._C._cuda_getArchFlags()` is "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120".
const OLDEST: [u32; 2] = [7, 5];

/// Where Windows puts the driver's programs for WSL, which a PATH may leave out.
const WSL: &str = "/usr/lib/wsl/lib/nvidia-smi";

/// An NVIDIA GPU, as its driver tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gpu {
    pub(crate) name: String,
    /// The best of the machine's; none where the driver does not say.
    capability: Option<[u32; 2]>,
}

/// The machine's GPU. A device of the name `/dev/dxg` is no sign of one: WSL has it with every maker's.
pub(crate) fn find() -> Option<Gpu> {
    if cfg!(target_os = "macos") {
        return None;
    }
    if let Some(name) = ask(&["-L"]).and_then(|answer| listed(&answer)) {
        let capabilities = ask(&["--query-gpu=compute_cap", "--format=csv,noheader"]);
        return Some(Gpu {
            name,
            capability: capabilities.and_then(|answer| best(&answer)),
        });
    }
    // A container may have the card without the driver's programs.
    ["/proc/driver/nvidia/version", "/dev/nvidia0"]
        .iter()
        .find(|sign| Path::new(sign).exists())
        .map(|sign| Gpu {
            name: format!("an NVIDIA GPU ({sign})"),
            capability: None,
        })
}

/// What the driver's program answers to a question; nothing where there is none, or no GPU.
pub(crate) fn ask(words: &[&str]) -> Option<String> {
    let mut command = Command::new(program(Path::new(WSL)));
    let answer = process::output(command.args(words)).ok().flatten()?;
    answer.success.then_some(answer.stdout)
}

fn program(of_wsl: &Path) -> PathBuf {
    let name = "nvidia-smi";
    if evcxr_prewarm::program::on_path(name).is_none() && of_wsl.exists() {
        return of_wsl.to_owned();
    }
    name.into()
}

/// "GPU 0: NVIDIA H100 (UUID: GPU-1)" without what only tells it from others of its kind.
fn listed(answer: &str) -> Option<String> {
    let line = answer.lines().find(|line| line.starts_with("GPU "))?;
    Some(line.split(" (UUID").next().unwrap_or(line).to_owned())
}

fn best(answer: &str) -> Option<[u32; 2]> {
    let capability = |line: &str| {
        let (major, minor) = line.trim().split_once('.')?;
        Some([major.parse().ok()?, minor.parse().ok()?])
    };
    answer.lines().filter_map(capability).max()
}

impl Gpu {
    /// Why libtorch cannot compute on it, where that is so.
    pub(crate) fn is_too_old(&self) -> Option<String> {
        let [major, minor] = self.capability.filter(|found| *found < OLDEST)?;
        Some(format!(
            "{} has compute capability {major}.{minor}, and this libtorch computes on {}.{} or newer: the \
             CPU trains",
            self.name, OLDEST[0], OLDEST[1]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_several_counts() {
        let gpu = |answer: &str| Gpu {
            name: "GPU 0: NVIDIA P100".to_owned(),
            capability: best(answer),
        };
        assert!(gpu("6.0\n").is_too_old().unwrap().contains("6.0"));
        assert!(gpu("7.0\n").is_too_old().is_some());
        assert_eq!(gpu("7.5\n").is_too_old(), None);
        assert_eq!(gpu("6.1\n12.0\n").is_too_old(), None);
        assert_eq!(gpu("[N/A]\n").is_too_old(), None);
    }

    #[test]
    fn wsls_own_program_is_asked_where_path_leaves_it_out() {
        let folder = tempfile::tempdir().unwrap();
        let of_wsl = folder.path().join("nvidia-smi");
        assert_eq!(program(&of_wsl), Path::new("nvidia-smi"));
        std::fs::write(&of_wsl, "").unwrap();
        if evcxr_prewarm::program::on_path("nvidia-smi").is_none() {
            assert_eq!(program(&of_wsl), of_wsl);
        }
    }
}
