//! Whether a cell waits for its standard input, which evcxr uses for other things.

use std::fs;

/// Whether the process in which evcxr_jupyter runs cells reads its standard input. It does so between
/// cells, too: ask while one runs. Only Linux tells.
pub fn is_read_by_a_cell(evcxr: u32) -> bool {
    children(evcxr).iter().any(|child| {
        let call = fs::read_to_string(format!("/proc/{child}/syscall"));
        call.is_ok_and(|call| is_read_of_stdin(&call)) && runs_cells(child)
    })
}

/// Of all its threads: a process that took the place of one that has died is the child of another.
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

/// Compilers may read their input.
fn runs_cells(process: &str) -> bool {
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.starts_with(b"EVCXR_IS_RUNTIME="))
}

/// The number of `read`, and its first argument, the file.
fn is_read_of_stdin(call: &str) -> bool {
    let read = if cfg!(target_arch = "aarch64") {
        "63"
    } else {
        "0"
    };
    let mut words = call.split_whitespace();
    words.next() == Some(read) && words.next() == Some("0x0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_of_standard_input_is_known() {
        let read = if cfg!(target_arch = "aarch64") {
            "63"
        } else {
            "0"
        };
        assert!(is_read_of_stdin(&format!(
            "{read} 0x0 0x57990e30000 0x2000 0x10 0x5 0x8"
        )));
        assert!(!is_read_of_stdin(&format!(
            "{read} 0x3 0x57990e30000 0x2000 0x10 0x5 0x8"
        )));
        assert!(!is_read_of_stdin("running"));
        assert!(!is_read_of_stdin(""));
    }
}
