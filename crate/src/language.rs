//! The language of pictures, tables, logs and checks: that of the notebook.
//!
//! Jupyter starts a notebook's kernel in the notebook's folder. If the folder is called `ja`, output is
//! Japanese, else English. The environment variable `GASSHUKU_LANGUAGE` (`en` or `ja`) overrides the
//! folder. The language is read once, when the crate is loaded: a cell that changes the working folder
//! (`set_current_dir`) does not change the language. The names of classes and layers are the same in both
//! languages, since cells refer to them by name. The messages of [`Error`](crate::Error) are always
//! English, as those of the compiler are.

use std::cell::Cell;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::LazyLock;

/// Overrides the folder's name: `en` or `ja`.
const VARIABLE: &str = "GASSHUKU_LANGUAGE";

/// A language of the workshop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Japanese, 日本語.
    Japanese,
}

/// The language of the environment variable or of the folder in which the process was started.
static AT_START: LazyLock<Language> = LazyLock::new(|| {
    let folder = std::env::current_dir().unwrap_or_default();
    Language::of(std::env::var_os(VARIABLE).as_deref(), &folder)
});

// SAFETY: this runs while the crate is loaded, when the standard library is ready, and only reads the
// process's environment.
#[ctor::ctor(unsafe)]
fn read_at_start() {
    LazyLock::force(&AT_START);
}

thread_local! {
    static OVERRIDE: Cell<Option<Language>> = const { Cell::new(None) };
}

impl Language {
    /// The language of the notebook that runs this, English where there is none.
    pub fn current() -> Language {
        OVERRIDE.get().unwrap_or_else(|| *AT_START)
    }

    fn of(variable: Option<&OsStr>, folder: &Path) -> Language {
        let named = variable.filter(|value| !value.is_empty());
        match named.or(folder.file_name()).and_then(OsStr::to_str) {
            Some("ja") => Language::Japanese,
            _ => Language::English,
        }
    }
}

/// Runs `work` in another language than the notebook's, on this thread.
///
/// ```
/// use gasshuku::language::{Language, with_language};
/// assert_eq!(with_language(Language::Japanese, Language::current), Language::Japanese);
/// ```
pub fn with_language<T>(language: Language, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Language>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERRIDE.set(self.0);
        }
    }
    let _restore = Restore(OVERRIDE.replace(Some(language)));
    work()
}

/// A fixed text in the current language.
pub(crate) fn translated(english: &'static str, japanese: &'static str) -> &'static str {
    match Language::current() {
        Language::English => english,
        Language::Japanese => japanese,
    }
}

/// A text in both languages: errors are English in every notebook, displays have the notebook's language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalizedText {
    pub(crate) english: &'static str,
    pub(crate) japanese: &'static str,
}

impl LocalizedText {
    /// The text in the current language.
    pub(crate) fn current(self) -> &'static str {
        translated(self.english, self.japanese)
    }
}

/// `format!` in the current language: `translate!("{n} images", "画像 {n} 枚")`.
///
/// The compiler checks the arguments of both texts.
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
