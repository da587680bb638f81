//! The language of pictures, tables, logs and checks: that of the notebook.
//!
//! Jupyter starts a notebook's kernel in the notebook's folder. In a folder called `ja` everything
//! speaks Japanese, elsewhere English; the environment variable `GASSHUKU_LANGUAGE` (`en` or `ja`)
//! goes before that. It is decided once, when the crate is loaded: a cell that changes the working folder
//! (`set_current_dir`) does not change the language. The names of classes and layers are the same in both, since cells ask for them
//! by name, and so are the messages of [`Error`](crate::Error), as those of the compiler are.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::LazyLock;

/// Goes before the folder's name: `en` or `ja`.
const VARIABLE: &str = "GASSHUKU_LANGUAGE";

/// A language the workshop is held in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Japanese, 日本語.
    Japanese,
}

/// The language of the folder in which the process was started.
static STARTED_IN: LazyLock<Language> = LazyLock::new(|| {
    let folder = std::env::current_dir().unwrap_or_default();
    Language::of(std::env::var_os(VARIABLE).as_deref(), &folder)
});

// SAFETY: this runs while the crate is loaded, when the standard library is ready, and only reads the
// process's environment.
#[ctor::ctor(unsafe)]
fn decide() {
    LazyLock::force(&STARTED_IN);
}

thread_local! {
    static CHOSEN: Cell<Option<Language>> = const { Cell::new(None) };
}

impl Language {
    /// The language of the notebook that runs this, English where there is none.
    pub fn current() -> Language {
        CHOSEN.get().unwrap_or_else(|| *STARTED_IN)
    }

    fn of(variable: Option<&OsStr>, folder: &Path) -> Language {
        let named = variable.filter(|value| !value.is_empty());
        match named.or(folder.file_name()).and_then(OsStr::to_str) {
            Some("ja") => Language::Japanese,
            _ => Language::English,
        }
    }
}

/// Does some work in a language, on this thread, whatever the notebook's is.
///
/// ```
/// use gasshuku::language::{Language, with_language};
/// assert_eq!(with_language(Language::Japanese, Language::current), Language::Japanese);
/// ```
pub fn with_language<T>(language: Language, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Language>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0);
        }
    }
    let _before = Restore(CHOSEN.replace(Some(language)));
    work()
}

/// A fixed text in the current language.
pub(crate) fn translated(english: &'static str, japanese: &'static str) -> &'static str {
    match Language::current() {
        Language::English => english,
        Language::Japanese => japanese,
    }
}

/// `format!` in the current language: `translate!("{n} images", "画像 {n} 枚")`.
///
/// Both texts stand side by side, and the compiler checks what either inserts.
macro_rules! translate {
    ($english:literal, $japanese:literal $(, $($argument:tt)*)?) => {
        match $crate::language::Language::current() {
            $crate::language::Language::English => format!($english $(, $($argument)*)?),
            $crate::language::Language::Japanese => format!($japanese $(, $($argument)*)?),
        }
    };
}
pub(crate) use translate;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_decides_unless_the_variable_does() {
        let of = |variable: Option<&str>, folder| {
            Language::of(variable.map(OsStr::new), Path::new(folder))
        };
        assert_eq!(of(None, "/clone/notebooks/ja"), Language::Japanese);
        assert_eq!(of(None, "/clone/notebooks/en"), Language::English);
        assert_eq!(of(None, "/"), Language::English);
        assert_eq!(of(None, "/ja/notebooks"), Language::English);
        assert_eq!(of(Some(""), "/clone/notebooks/ja"), Language::Japanese);
        assert_eq!(of(Some("en"), "/clone/notebooks/ja"), Language::English);
        assert_eq!(of(Some("ja"), "/elsewhere"), Language::Japanese);
    }

    #[test]
    fn texts_follow_the_language_and_insert_the_same_values() {
        let count = 3;
        let both = || {
            (
                translated("loss", "損失"),
                translate!("{count} of {}", "{} 枚中 {count} 枚", 7),
            )
        };
        assert_eq!(both(), ("loss", "3 of 7".to_string()));
        let japanese = with_language(Language::Japanese, both);
        assert_eq!(japanese, ("損失", "7 枚中 3 枚".to_string()));
        assert_eq!(
            Language::current(),
            Language::English,
            "the old language is back"
        );
    }
}
