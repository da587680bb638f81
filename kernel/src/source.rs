//! The source of a cell, as evcxr has written it, changed before it is compiled.
//!
//! evcxr 0.22 wraps a cell into a function that takes every variable of the notebook out of a store
//! and puts it back, catches panics, and prints the error of a `?`. Here
//!
//! - the store is a smaller one (`variable_store.rs`): evcxr's, a hash map, is compiled in each cell;
//! - variables that the cell does not name stay in the store: with 120 variables a cell takes as
//!   long as with none, instead of three times as long;
//! - the cell says on both streams where its output begins and ends, and how it went, so that the
//!   front knows which words are a cell's, and which cell has failed;
//! - the error of a `?` comes with its place.
//!
//! No line is added before the cell's own or taken away: evcxr finds the place of a compiler's error
//! by its line. Where the source does not look as expected, it is left as it is.

use std::collections::{HashMap, HashSet};

use crate::stamp;

/// Begins what only the front reads: see the README's "Markers".
pub const MARK: &str = "\u{1}front ";

/// The fingerprint of evcxr 0.22's store, whose place [`STORE`] takes.
const EVCXRS_STORE: &str = "d5af0c3f903aac01";
const STORE: &str = include_str!("variable_store.rs");

/// Changes when [`STORE`] does: all cells of a kernel need one and the same.
pub const STORE_FORMAT: &str = "1";

/// A cell's source, changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// evcxr's number of the cell.
    pub number: u64,
    /// The new source.
    pub text: String,
}

/// What is appended to a cell: `STATE` is 1 after a `?` that failed, and 2 after a panic.
const FRONT: &str = r#"mod evcxr_front {
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

const FUNCTION: &str = "pub extern \"C\" fn run_user_code_";
const WITH_STORE: &str = "let evcxr_variable_store = unsafe {&mut *evcxr_variable_store};";
const WITHOUT_STORE: &str = "evcxr_variable_store: *mut u8) -> *mut u8 {";
const CATCH: [&str; 2] = [
    "  std::panic::AssertUnwindSafe(||{",
    "if std::panic::catch_unwind(||{",
];
const CAUGHT: [&str; 2] = ["})) { ", "}).is_err() {"];
const PANIC: &str = "println!(\"EVCXR_PANIC_NOTIFICATION\");";
const LOST: &str = "if !vars_ok {return evcxr_variable_store;}}";
const CONTENT: &str = "b\"EVCXR_BEGIN_CONTENT text/plain\\n\"";

/// The source with the smaller store in the place of evcxr's; None where that is not in it, as in a
/// kernel of another evcxr.
pub fn with_small_store(source: &str) -> Option<String> {
    const END: &str = "\n}\n#[unsafe(no_mangle)]\n";
    let begin = source.find("mod evcxr_internal_runtime {\n")?;
    let length = source[begin..].find(END)?;
    let (before, store) = (&source[..begin], &source[begin..begin + length]);
    if stamp::text(store) != EVCXRS_STORE {
        return None;
    }
    // In one line: evcxr counts them.
    let is_code = |line: &&str| !line.starts_with("//");
    let small: Vec<&str> = STORE.lines().map(str::trim).filter(is_code).collect();
    let small = small.join(" ");
    let lines = "\n".repeat(store.matches('\n').count());
    let rest = &source[begin + length..];
    Some(format!(
        "{before}mod evcxr_internal_runtime {{ {small}{lines}{rest}"
    ))
}

/// Changes a cell's source; None where it is not one that evcxr 0.22 writes for a cell with code.
/// Marks are for a front: without one, evcxr would show them, and before anybody reads its output
/// a cell that prints makes it wait for ever.
pub fn change(source: &str, with_marks: bool) -> Option<Changed> {
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    let function = find_last(&lines, |line| line.starts_with(FUNCTION))?;
    let number = lines[function].strip_prefix(FUNCTION)?.strip_suffix('(')?;
    let number: u64 = number.parse().ok()?;
    let begin = function
        + lines[function..]
            .iter()
            .position(|line| line == WITH_STORE || line == WITHOUT_STORE)?;
    let catch = begin
        + lines[begin..]
            .iter()
            .position(|line| CATCH.contains(&line.as_str()))?;
    let caught = find_last(&lines, |line| CAUGHT.contains(&line))?;
    let panic = caught
        + lines[caught..]
            .iter()
            .position(|line| line.trim() == PANIC)?;
    let end = find_last(&lines, |line| line == "evcxr_variable_store")?;
    if !(catch < caught && panic < end) {
        return None;
    }
    leave_in_store(&mut lines, begin..catch, caught..end, catch..caught);
    if !with_marks {
        let text = lines.join("\n") + "\n";
        return Some(Changed { number, text });
    }
    if let Some(lost) = lines[begin..catch].iter().position(|line| line == LOST) {
        lines[begin + lost] =
            "if !vars_ok {evcxr_front::end(); return evcxr_variable_store;}}".to_owned();
    }
    lines[begin] += " evcxr_front::begin();";
    // evcxr knows its own notice only where it has a line for itself: else it takes the cell's
    // variables for stored, and the next cell that names one ends the process.
    lines[panic] = format!("    evcxr_front::state(2); {PANIC}");
    lines[end] = "evcxr_front::end(); evcxr_variable_store".to_owned();
    place_errors(&mut lines[..function]);
    end_lines(&mut lines[catch..caught]);
    let mut text = lines.join("\n");
    text.push('\n');
    text += &FRONT.replace("{NUMBER}", &number.to_string());
    Some(Changed { number, text })
}

fn find_last(lines: &[String], is_it: impl Fn(&str) -> bool) -> Option<usize> {
    lines.iter().rposition(|line| is_it(line))
}

/// Empties the lines that take, check and put back the variables that the cell does not name.
fn leave_in_store(
    lines: &mut [String],
    before: std::ops::Range<usize>,
    after: std::ops::Range<usize>,
    cell: std::ops::Range<usize>,
) {
    let named: HashSet<String> = lines[cell].iter().flat_map(|line| words(line)).collect();
    let mut of_variable: HashMap<String, Vec<usize>> = HashMap::new();
    for number in before.chain(after) {
        if let Some(variable) = variable_of(&lines[number]) {
            of_variable
                .entry(variable.to_owned())
                .or_default()
                .push(number);
        }
    }
    for (variable, numbers) in of_variable {
        // Its check, its way out and its way back, each in one line: a type may take several.
        if numbers.len() == 3 && !named.contains(&variable) {
            for number in numbers {
                lines[number].clear();
            }
        }
    }
}

/// The variable that a generated line is about, where it is all in that line.
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

/// All that may be a name, in strings too: `println!("{x}")` names x.
fn words(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

/// The error of a `?` is told with its place.
fn place_errors(lines: &mut [String]) {
    let Some(of_error) = find_last(lines, |line| {
        line.contains("From<T> for EvcxrUserCodeError {")
    }) else {
        return;
    };
    let [_, from, print, ..] = &mut lines[of_error..] else {
        return;
    };
    let format = print.trim().strip_prefix("eprintln!(\"");
    let format = format.and_then(|rest| rest.strip_suffix("\", error);"));
    let (Some(format), Some(signature)) = (format, from.trim().strip_prefix("fn from(")) else {
        return;
    };
    let said = format!(
        "evcxr_front::error(format!(\"{format}\", error), std::panic::Location::caller());"
    );
    *from = format!("#[track_caller] fn from({signature}");
    *print = said;
}

/// A value that shows itself must not swallow what was printed before without a line's end.
fn end_lines(lines: &mut [String]) {
    for line in lines {
        if line.contains(CONTENT) {
            *line = line.replace(
                CONTENT,
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
    fn lines_stay_where_they_are() {
        for cell in [CELL, SMALL] {
            let marked = change(cell, true).unwrap();
            let before: Vec<_> = cell.lines().collect();
            let after: Vec<_> = marked.text.lines().collect();
            assert_eq!(after[before.len()], "mod evcxr_front {");
            for (number, line) in before.iter().enumerate() {
                if line.contains("users_line") {
                    assert_eq!(after[number], *line, "line {number}");
                }
            }
        }
    }

    #[test]
    fn a_cell_says_where_it_begins_and_ends() {
        let marked = change(SMALL, true).unwrap();
        assert_eq!(marked.number, 1);
        assert!(marked.text.contains("-> *mut u8 { evcxr_front::begin();\n"));
        assert!(
            marked
                .text
                .contains("\nevcxr_front::end(); evcxr_variable_store\n}\n")
        );
        assert!(
            marked
                .text
                .contains("evcxr_front::state(2); println!(\"EVCXR_PANIC_NOT")
        );
        assert!(marked.text.contains("front end 1 panic"));
    }

    #[test]
    fn variables_that_are_not_named_stay_in_the_store() {
        let text = change(CELL, true).unwrap().text;
        let about = |name: &str| text.matches(&format!("stringify!({name})")).count();
        assert_eq!(about("used"), 3);
        assert_eq!(about("in_a_string"), 3);
        assert_eq!(about("unused"), 0);
        assert_eq!(about("unused_and_long"), 3, "its type takes two lines");
        assert_eq!(about("new"), 1);
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

    /// Whatever evcxr's hash map answers, the list does.
    #[test]
    fn variables_are_kept_taken_and_told_from_others() {
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
        let gone = catch_unwind(AssertUnwindSafe(|| store.take_variable::<u8>("x")));
        let said = gone.unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        assert_eq!(said, "Variable 'x' has gone missing");
    }

    #[test]
    fn what_an_asynchronous_cell_keeps_is_merged() {
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

    /// A variable's value is dropped when another one takes its name, and not before.
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
    fn the_store_is_the_small_one() {
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
        // Another evcxr, and a cell without variables.
        assert_eq!(with_small_store(&CELL.replace("HashMap", "BTreeMap")), None);
        assert_eq!(with_small_store(SMALL), None);
    }

    #[test]
    fn what_is_no_cell_is_left_alone() {
        assert_eq!(change("", true), None);
        assert_eq!(change("fn main() {}\n", true), None);
        let without_code = "#[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_3(\n\
            mut x: *mut std::os::raw::c_void) -> *mut std::os::raw::c_void {x}\n";
        assert_eq!(change(without_code, true), None);
        // Another evcxr.
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
    fn without_a_front_there_are_no_marks() {
        let text = change(CELL, false).unwrap().text;
        assert!(!text.contains("front"));
        assert_eq!(text.lines().count(), CELL.lines().count());
        assert_eq!(text.matches("stringify!(unused)").count(), 0);
        assert_eq!(change(SMALL, false).unwrap().text, SMALL);
    }
}
