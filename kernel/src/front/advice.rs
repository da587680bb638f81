//! Advice to the user about a cell that goes on and on.

use std::time::{Duration, Instant};

use super::execution::Execution;
use super::stdin;

/// A cell that has not ended by then, after ■, does not check whether it should stop.
const STOPS_WITHIN: Duration = Duration::from_secs(3);
/// How long a cell may read its standard input before the user is told that there is none.
const READS_STDIN_FOR: Duration = Duration::from_secs(1);

const DOES_NOT_STOP: &str = "This cell does not look at ■. Pressing ■ again ends the process \
    that runs the cells, and with it all variables of this notebook.\n";
const HAS_NO_STDIN: &str = "This cell waits for its standard input, and a notebook has none: ask with \
    input(\"…\") instead. Pressing ■ twice ends it, and with it all variables of this notebook.\n";

/// The advice that is due now, once for each cell. `process` is the id of evcxr_jupyter.
pub(super) fn next(running: &mut Execution, process: Option<u32>) -> Option<&'static str> {
    if running.is_advised {
        return None;
    }
    let advice = due(running, process);
    running.is_advised = advice.is_some();
    advice
}

fn due(running: &mut Execution, process: Option<u32>) -> Option<&'static str> {
    let since = running.could_stop_since();
    if running.interrupts == 1 && since.is_some_and(|since| since.elapsed() > STOPS_WITHIN) {
        return Some(DOES_NOT_STOP);
    }
    let reads_stdin = running.output.is_running()
        && !running.awaits_input
        && running.interrupts == 0
        && process.is_some_and(stdin::is_read_by_a_cell);
    if !reads_stdin {
        running.reads_stdin_since = None;
        return None;
    }
    let since = running.reads_stdin_since.get_or_insert_with(Instant::now);
    (since.elapsed() > READS_STDIN_FOR).then_some(HAS_NO_STDIN)
}
