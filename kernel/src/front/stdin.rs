//! Detects a cell that reads its standard input. evcxr uses that stream for its commands, so the cell would
//! wait forever.

use std::fs;

/// The number of the system call `read`.
const READ: &str = if cfg!(target_arch = "aarch64") {
    "63"
} else {
    "0"
};

/// Whether the process in which evcxr_jupyter runs cells reads its standard input. It also does so between
/// cells, so this makes sense only while a cell runs. Always false on other systems than Linux.
pub fn is_read_by_a_cell(evcxr: u32) -> bool {
    children(evcxr).iter().any(|child| {
        let call = fs::read_to_string(format!("/proc/{child}/syscall"));
        call.is_ok_and(|call| is_read_of_stdin(&call)) && runs_cells(child)
    })
}

/// The child processes of all threads: when the process that runs the cells has died, evcxr starts the next
/// one from another thread.
fn children(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten();
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Compilers are child processes, too, and may read their input.
fn runs_cells(process: &str) -> bool {
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.starts_with(b"EVCXR_IS_RUNTIME="))
}

/// Whether the system call is `read` (by its number), and its first argument file descriptor 0.
fn is_read_of_stdin(call: &str) -> bool {
    let mut words = call.split_whitespace();
    words.next() == Some(READ) && words.next() == Some("0x0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_of_standard_input_is_recognized() {
        assert!(is_read_of_stdin(&format!(
            "{READ} 0x0 0x57990e30000 0x2000 0x10 0x5 0x8"
        )));
        assert!(!is_read_of_stdin(&format!(
            "{READ} 0x3 0x57990e30000 0x2000 0x10 0x5 0x8"
        )));
        assert!(!is_read_of_stdin("running"));
        assert!(!is_read_of_stdin(""));
    }
}
