//! Changes the source of a cell, which evcxr has written, before it is compiled.
//!
//! evcxr 0.22 wraps a cell into a function that takes every variable of the notebook out of a store
//! and puts it back, catches panics, and prints the error of a `?`. This module makes four changes:
//!
//! - The store is a smaller one (`variable_store.rs`). evcxr's store, a hash map, is compiled in each
//!   cell, which takes 0.03 s more.
//! - Variables that the cell does not name stay in the store. With 120 variables a cell takes as
//!   long as with none, instead of three times as long.
//! - The cell prints markers on both streams where its output begins and ends, and how it ended. So the
//!   front knows which output belongs to which cell, and which cell has failed.
//! - The error of a `?` comes with its place in the source.
//!
//! No line before the cell's own code is added or removed: evcxr finds the place of a compiler error by
//! its line number. A source that does not look as expected is not changed.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::stamp;

/// The fingerprint of the store in evcxr 0.22, which [`STORE`] replaces.
const EVCXRS_STORE_FINGERPRINT: &str = "d5af0c3f903aac01";
const STORE: &str = include_str!("variable_store.rs");

/// The version of the smaller store's layout in memory: all cells of a kernel need the same one.
pub const STORE_FORMAT: &str = "1";

/// A cell's source, changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// evcxr's number of the cell.
    pub number: u64,
    /// The changed source.
    pub text: String,
}

/// The module that is appended to a cell. It prints the markers. `STATE` is 1 after a failed `?`, and 2
/// after a panic.
const MARKER_MODULE: &str = r#"mod evcxr_front {
    pub static STATE: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
    unsafe extern "C" { fn fflush(stream: *mut u8) -> i32; }
    pub fn begin() { print!("\u{1}front begin {NUMBER}\n"); }
    pub fn state(state: u8) {
        STATE.fetch_max(state, std::sync::atomic::Ordering::Relaxed);
        print!("\u{1}front flush\n");
    }
    pub fn end() {
        unsafe { fflush(std::ptr::null_mut()); }
        eprint!("\u{1}front end {NUMBER}\n");
        match STATE.load(std::sync::atomic::Ordering::Relaxed) {
            0 => print!("\u{1}front end {NUMBER} ok\n"),
            1 => print!("\u{1}front end {NUMBER} error\n"),
            _ => print!("\u{1}front end {NUMBER} panic\n"),
        }
    }
    #[cold]
    pub fn error(text: String, place: &std::panic::Location) {
        state(1);
        eprintln!("\u{1}front error {} {}\n{text}\n\u{1}front error-end", place.line(), place.column());
    }
}
"#;

// Lines, or parts of lines, that evcxr 0.22 writes.

/// The function that runs the cell.
const FUNCTION: &str = "pub extern \"C\" fn run_user_code_";
/// The first line of its body, if the notebook has variables.
const WITH_STORE: &str = "let evcxr_variable_store = unsafe {&mut *evcxr_variable_store};";
/// The last line of its head, if the notebook has none.
const WITHOUT_STORE: &str = "evcxr_variable_store: *mut u8) -> *mut u8 {";
/// Here the cell's own code begins, with and without variables.
const CATCH: [&str; 2] = [
    "  std::panic::AssertUnwindSafe(||{",
    "if std::panic::catch_unwind(||{",
];
/// Here the cell's own code ends.
const CAUGHT: [&str; 2] = ["})) { ", "}).is_err() {"];
/// How evcxr learns of a panic.
const PANIC_NOTICE: &str = "println!(\"EVCXR_PANIC_NOTIFICATION\");";
/// Returns early if a variable has another type than before.
const TYPE_CHANGED: &str = "if !vars_ok {return evcxr_variable_store;}}";
/// Begins a value that is shown as text.
const TEXT_CONTENT: &str = "b\"EVCXR_BEGIN_CONTENT text/plain\\n\"";

/// The source with the smaller store in place of evcxr's. `None` if evcxr's store is not in it, as in a
/// kernel of another evcxr version.
pub fn with_small_store(source: &str) -> Option<String> {
    const END: &str = "\n}\n#[unsafe(no_mangle)]\n";
    let begin = source.find("mod evcxr_internal_runtime {\n")?;
    let length = source[begin..].find(END)?;
    let (before, store) = (&source[..begin], &source[begin..begin + length]);
    if stamp::hash_text(store) != EVCXRS_STORE_FINGERPRINT {
        return None;
    }
    // In one line, and followed by empty ones: evcxr counts lines.
    let is_code = |line: &&str| !line.starts_with("//");
    let small: Vec<&str> = STORE.lines().map(str::trim).filter(is_code).collect();
    let small = small.join(" ");
    let lines = "\n".repeat(store.matches('\n').count());
    let rest = &source[begin + length..];
    Some(format!(
        "{before}mod evcxr_internal_runtime {{ {small}{lines}{rest}"
    ))
}

/// Changes a cell's source. `None` if it is not what evcxr 0.22 writes for a cell with code. Markers
/// need a front that reads them: without one, evcxr would show them. And a cell that prints before
/// evcxr's output is read makes evcxr wait forever.
pub fn change(source: &str, with_markers: bool) -> Option<Changed> {
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    let layout = Layout::of(&lines)?;
    leave_in_store(&mut lines, &layout);
    if with_markers {
        add_markers(&mut lines, &layout);
    }
    let mut text = lines.join("\n") + "\n";
    if with_markers {
        text += &MARKER_MODULE.replace("{NUMBER}", &layout.number.to_string());
    }
    Some(Changed {
        number: layout.number,
        text,
    })
}

/// The numbers of important lines in the source of a cell.
struct Layout {
    /// evcxr's number of the cell.
    number: u64,
    /// The function that runs the cell.
    function: usize,
    /// Its first line: before it takes variables out of the store.
    begin: usize,
    /// The cell's own code.
    code: Range<usize>,
    /// The notice of a panic.
    panic: usize,
    /// The last line, which returns the store.
    end: usize,
}

impl Layout {
    /// `None` if the source is not what evcxr 0.22 writes for a cell with code.
    fn of(lines: &[String]) -> Option<Self> {
        let find_from = |start: usize, matches: &dyn Fn(&str) -> bool| {
            let position = lines[start..].iter().position(|line| matches(line))?;
            Some(start + position)
        };
        let function = find_last(lines, |line| line.starts_with(FUNCTION))?;
        let number = lines[function].strip_prefix(FUNCTION)?.strip_suffix('(')?;
        let begin = find_from(function, &|line| {
            line == WITH_STORE || line == WITHOUT_STORE
        })?;
        let code_begin = find_from(begin, &|line| CATCH.contains(&line))?;
        let code_end = find_last(lines, |line| CAUGHT.contains(&line))?;
        let panic = find_from(code_end, &|line| line.trim() == PANIC_NOTICE)?;
        let end = find_last(lines, |line| line == "evcxr_variable_store")?;
        (code_begin < code_end && panic < end).then_some(Self {
            number: number.parse().ok()?,
            function,
            begin,
            code: code_begin..code_end,
            panic,
            end,
        })
    }
}

/// Lets a cell print where its output begins and ends, and how it has ended.
fn add_markers(lines: &mut [String], layout: &Layout) {
    for line in &mut lines[layout.begin..layout.code.start] {
        if line == TYPE_CHANGED {
            *line = "if !vars_ok {evcxr_front::end(); return evcxr_variable_store;}}".to_owned();
        }
    }
    lines[layout.begin] += " evcxr_front::begin();";
    // evcxr recognizes its notice only on a line of its own. Otherwise it assumes that the cell's
    // variables are stored, and the next cell that names one ends the process.
    lines[layout.panic] = format!("    evcxr_front::state(2); {PANIC_NOTICE}");
    lines[layout.end] = "evcxr_front::end(); evcxr_variable_store".to_owned();
    add_places_to_errors(&mut lines[..layout.function]);
    end_line_before_values(&mut lines[layout.code.clone()]);
}

fn find_last(lines: &[String], is_match: impl Fn(&str) -> bool) -> Option<usize> {
    lines.iter().rposition(|line| is_match(line))
}

/// Empties the lines that check, take and put back the variables that the cell does not name.
fn leave_in_store(lines: &mut [String], layout: &Layout) {
    let code = lines[layout.code.clone()].iter();
    let named: HashSet<String> = code.flat_map(|line| possible_names(line)).collect();
    let before = layout.begin..layout.code.start;
    let after = layout.code.end..layout.end;
    let mut lines_of: HashMap<String, Vec<usize>> = HashMap::new();
    for number in before.chain(after) {
        if let Some(variable) = variable_of(&lines[number]) {
            lines_of
                .entry(variable.to_owned())
                .or_default()
                .push(number);
        }
    }
    for (variable, numbers) in lines_of {
        // One line each to check, take and put back. A long type takes several lines: then there are
        // fewer.
        if numbers.len() == 3 && !named.contains(&variable) {
            for number in numbers {
                lines[number].clear();
            }
        }
    }
}

/// The variable that a generated line checks, takes or puts back, if the line is complete.
fn variable_of(line: &str) -> Option<&str> {
    let is_about = |begin: &str, call: &str| {
        let rest = line.strip_prefix(begin)?;
        rest.contains(call).then_some(())
    };
    is_about("vars_ok &= ", "evcxr_variable_store.check_variable::<")
        .or_else(|| is_about("let ", " = evcxr_variable_store.take_variable::<"))
        .or_else(|| is_about("evcxr_variable_store.put_variable::<", ""))?;
    let (_, rest) = line.rsplit_once("stringify!(")?;
    let (variable, rest) = rest.split_once(')')?;
    let ends = rest == ");" || rest.strip_prefix(", ")?.strip_suffix(");")? == variable;
    ends.then_some(variable)
}

/// Everything that may be a name, also in strings: `println!("{x}")` names x.
fn possible_names(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

/// Lets the error of a `?` be printed with its place.
fn add_places_to_errors(lines: &mut [String]) {
    let Some(conversion) = find_last(lines, |line| {
        line.contains("From<T> for EvcxrUserCodeError {")
    }) else {
        return;
    };
    let [_, from, print, ..] = &mut lines[conversion..] else {
        return;
    };
    let format = print.trim().strip_prefix("eprintln!(\"");
    let format = format.and_then(|rest| rest.strip_suffix("\", error);"));
    let (Some(format), Some(signature)) = (format, from.trim().strip_prefix("fn from(")) else {
        return;
    };
    let call = format!(
        "evcxr_front::error(format!(\"{format}\", error), std::panic::Location::caller());"
    );
    *from = format!("#[track_caller] fn from({signature}");
    *print = call;
}

/// Ends the line before a value that is shown, so that text that was printed without a line end does not
/// get lost.
fn end_line_before_values(lines: &mut [String]) {
    for line in lines {
        if line.contains(TEXT_CONTENT) {
            *line = line.replace(
                TEXT_CONTENT,
                "b\"\\x01front flush\\nEVCXR_BEGIN_CONTENT text/plain\\n\"",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::variable_store::VariableStore;

    const CELL: &str = include_str!("../tests/cells/variables.rs.txt");
    const SMALL: &str = include_str!("../tests/cells/print.rs.txt");

    #[test]
    fn line_numbers_do_not_change() {
        for cell in [CELL, SMALL] {
            let changed = change(cell, true).unwrap();
            let before: Vec<_> = cell.lines().collect();
            let after: Vec<_> = changed.text.lines().collect();
            assert_eq!(after[before.len()], "mod evcxr_front {");
            for (number, line) in before.iter().enumerate() {
                if line.contains("users_line") {
                    assert_eq!(after[number], *line, "line {number}");
                }
            }
        }
    }

    #[test]
    fn a_cell_marks_where_its_output_begins_and_ends() {
        let changed = change(SMALL, true).unwrap();
        assert_eq!(changed.number, 1);
        assert!(
            changed
                .text
                .contains("-> *mut u8 { evcxr_front::begin();\n")
        );
        assert!(
            changed
                .text
                .contains("\nevcxr_front::end(); evcxr_variable_store\n}\n")
        );
        assert!(
            changed
                .text
                .contains("evcxr_front::state(2); println!(\"EVCXR_PANIC_NOT")
        );
        assert!(changed.text.contains("front end 1 panic"));
    }

    #[test]
    fn variables_that_a_cell_does_not_name_stay_in_the_store() {
        let text = change(CELL, true).unwrap().text;
        let count = |name: &str| text.matches(&format!("stringify!({name})")).count();
        assert_eq!(count("used"), 3);
        assert_eq!(count("in_a_string"), 3);
        assert_eq!(count("unused"), 0);
        assert_eq!(count("unused_and_long"), 3, "its type takes two lines");
        assert_eq!(count("new"), 1);
    }

    #[test]
    fn an_error_comes_with_its_place() {
        let text = change(CELL, true).unwrap().text;
        assert!(text.contains("#[track_caller] fn from(error: T) -> Self {\n"));
        assert!(text.contains(
            "evcxr_front::error(format!(\"{}\", error), std::panic::Location::caller());\n"
        ));
        assert!(text.contains("println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);"));
    }

    /// The list behaves as evcxr's hash map.
    #[test]
    fn variables_are_stored_taken_and_checked_by_type() {
        let mut store = VariableStore::new();
        assert!(store.check_variable::<i32>("x"), "there is none yet");
        store.put_variable("x", 1_i32);
        store.put_variable("y", String::from("two"));
        assert!(store.check_variable::<i32>("x"));
        assert!(!store.check_variable::<u8>("x"));
        store.put_variable("x", 3_i32);
        assert_eq!(store.take_variable::<i32>("x"), 3);
        assert!(store.check_variable::<u8>("x"), "it was taken");
        assert_eq!(store.take_variable::<String>("y"), "two");
        store.put_variable("x", 4_u8);
        assert_eq!(store.take_variable::<u8>("x"), 4);
        let missing = catch_unwind(AssertUnwindSafe(|| store.take_variable::<u8>("x")));
        let panic = missing.unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert_eq!(message, "Variable 'x' has gone missing");
    }

    #[test]
    fn the_variables_of_an_asynchronous_cell_are_merged() {
        let mut store = VariableStore::new();
        let first = store.lazy_arc("runtime", || 7);
        assert_eq!(*store.lazy_arc("runtime", || 8), 7);
        assert_eq!(std::sync::Arc::strong_count(&first), 2);
        store.put_variable("x", 1);
        let mut local = VariableStore::new();
        local.put_variable("x", 2);
        local.put_variable("y", 3);
        local.put_variable("z", 4);
        local.take_variable::<i32>("z");
        store.merge(local);
        assert_eq!(store.take_variable::<i32>("x"), 2);
        assert_eq!(store.take_variable::<i32>("y"), 3);
        assert!(catch_unwind(AssertUnwindSafe(|| store.take_variable::<i32>("z"))).is_err());
    }

    /// A value is dropped when another one gets its name, and not before.
    #[test]
    fn values_are_dropped_once() {
        let value = std::rc::Rc::new(());
        let mut store = VariableStore::new();
        store.put_variable("x", value.clone());
        let taken = store.take_variable::<std::rc::Rc<()>>("x");
        assert_eq!(std::rc::Rc::strong_count(&value), 2);
        store.put_variable("x", taken);
        store.put_variable("x", "another");
        assert_eq!(std::rc::Rc::strong_count(&value), 1);
    }

    #[test]
    fn the_smaller_store_replaces_evcxrs() {
        let changed = with_small_store(CELL).unwrap();
        assert!(!changed.contains("HashMap"));
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let (before, after) = (lines(CELL), lines(&changed));
        assert_eq!(before.len(), after.len());
        let differ = |number: &usize| before[*number] != after[*number];
        let first = (0..before.len()).find(differ).unwrap();
        assert!(after[first].starts_with("mod evcxr_internal_runtime { pub const"));
        assert!(before[first + 81].starts_with("#[unsafe(no_mangle)]"));
        assert_eq!(before[first + 80..], after[first + 80..]);
        assert_eq!(change(&changed, true).map(|_| ()), Some(()));
        // Another version of evcxr, and a cell without variables.
        assert_eq!(with_small_store(&CELL.replace("HashMap", "BTreeMap")), None);
        assert_eq!(with_small_store(SMALL), None);
    }

    #[test]
    fn a_source_that_is_not_a_cell_is_not_changed() {
        assert_eq!(change("", true), None);
        assert_eq!(change("fn main() {}\n", true), None);
        let without_code = "#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_3(\n\
            mut x: *mut std::os::raw::c_void) -> *mut std::os::raw::c_void {x}\n";
        assert_eq!(change(without_code, true), None);
        // Another version of evcxr.
        assert_eq!(
            change(&CELL.replace("catch_unwind", "catch_everything"), true).map(|_| ()),
            Some(())
        );
        assert_eq!(
            change(&CELL.replace("AssertUnwindSafe", "Safe"), true),
            None
        );
        assert_eq!(
            change(&CELL.replace("EVCXR_PANIC", "EVCXR_OTHER"), true),
            None
        );
    }

    #[test]
    fn without_a_front_there_are_no_markers() {
        let text = change(CELL, false).unwrap().text;
        assert!(!text.contains("front"));
        assert_eq!(text.lines().count(), CELL.lines().count());
        assert_eq!(text.matches("stringify!(unused)").count(), 0);
        assert_eq!(change(SMALL, false).unwrap().text, SMALL);
    }
}
