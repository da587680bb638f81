//! Modules depend on each other one way: those of a crate form no circle, nor do those of any folder in it.
//!
//! Only production code counts, not what is compiled for tests.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The folders of the crates that are checked.
const CRATES: &[&str] = &["crate", "kernel", "xtask"];

/// A path such as `load::folder::Folder`, from the crate's root unless it begins with `crate` or `super`.
type Names = Vec<String>;
/// The modules that each module of a folder uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_form_no_circles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found: Vec<String> = CRATES
        .iter()
        .flat_map(|name| {
            let circles = Crate::read(&root.join(name).join("src")).circles();
            circles.into_iter().map(move |it| format!("{name}: {it}"))
        })
        .collect();
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}

/// `crate/src/lib.rs` lists the modules in an order, in which each uses only those before it.
#[test]
fn modules_follow_the_order_that_lib_rs_names() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crate/src");
    let listed = listed_modules(&fs::read_to_string(source.join("lib.rs")).unwrap());
    let read = Crate::read(&source);
    let graph = &read.graphs()[&Names::new()];
    let place = |module: &str| listed.iter().position(|name| name == module);
    for (user, used) in graph
        .iter()
        .flat_map(|(user, all)| all.iter().map(move |it| (user, it)))
    {
        if let (Some(user_place), Some(used_place)) = (place(user), place(used)) {
            assert!(
                used_place <= user_place,
                "`{user}` uses `{used}`, which lib.rs lists below it"
            );
        }
    }
    let public = |name: &&String| {
        fs::read_to_string(source.join("lib.rs"))
            .unwrap()
            .contains(&format!("pub mod {name};"))
    };
    assert!(
        listed.len() >= 12 && listed.iter().all(|name| public(&name)),
        "{listed:?}"
    );
}

/// The modules of a numbered list in a doc comment, such as ``//! 3. [`load`]: data sets``.
fn listed_modules(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! "));
    let numbered = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let names = numbered.flat_map(|line| {
        line.split(": ")
            .next()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
    });
    names
        .map(|name| name.trim_start_matches("mod@").to_owned())
        .collect()
}

/// The modules of a crate, and what they use.
#[derive(Default)]
struct Crate {
    modules: BTreeSet<Names>,
    /// Modules, and the items that each uses.
    uses: Vec<(Names, Names)>,
    /// Items by the paths at which `pub use` offers them.
    reexports: BTreeMap<Names, Names>,
}

impl Crate {
    fn read(source: &Path) -> Crate {
        let mut read = Crate::default();
        let root = ["lib.rs", "main.rs"].map(|name| source.join(name));
        let root = root.iter().find(|path| path.exists()).unwrap();
        read.read_module(&file(root), source, &[]);
        read
    }

    /// Reads a module's code. The files of its children are in the folder `children`.
    fn read_module(&mut self, code: &[TokenTree], children: &Path, module: &[String]) {
        self.modules.insert(module.to_vec());
        self.read_code(code, children, module);
    }

    fn read_code(&mut self, code: &[TokenTree], children: &Path, module: &[String]) {
        let mut position = 0;
        while let Some(token) = code.get(position) {
            let (before, rest) = code.split_at(position);
            position += 1;
            match token {
                _ if is_test_attribute(rest) => position += item_length(&rest[2..]) + 1,
                TokenTree::Group(group) => {
                    self.read_code(&tokens(group.stream()), children, module)
                }
                TokenTree::Ident(word) if word == "mod" => {
                    if let Some(TokenTree::Ident(name)) = rest.get(1) {
                        self.read_child(&name.to_string(), rest.get(2), children, module);
                        position += 2;
                    }
                }
                TokenTree::Ident(word) if word == "use" => {
                    let is_public = is_public(before);
                    for (path, name) in paths(&rest[1..]) {
                        let item = absolute(module, &path);
                        if is_public {
                            self.reexports.insert(join(module, &name), item.clone());
                        }
                        self.uses.push((module.to_vec(), item));
                    }
                    position += item_length(&rest[1..]);
                }
                TokenTree::Ident(_) if is_start_of_path(before, token) => {
                    for (path, _) in paths(rest) {
                        self.uses.push((module.to_vec(), absolute(module, &path)));
                    }
                }
                _ => {}
            }
        }
    }

    fn read_child(
        &mut self,
        name: &str,
        body: Option<&TokenTree>,
        children: &Path,
        parent: &[String],
    ) {
        let module = join(parent, name);
        let folder = children.join(name);
        match body {
            Some(TokenTree::Group(group)) => {
                self.read_module(&tokens(group.stream()), &folder, &module);
            }
            _ => {
                let beside = folder.with_extension("rs");
                let inside = folder.join("mod.rs");
                let path = if beside.exists() { beside } else { inside };
                self.read_module(&file(&path), &folder, &module);
            }
        }
    }

    /// The module that an item is in.
    fn module_of(&self, item: &[String]) -> Names {
        let mut module = Names::new();
        let mut names = VecDeque::from(item.to_vec());
        // Two modules may offer each other's names.
        let mut followed = BTreeSet::new();
        while let Some(name) = names.pop_front() {
            let next = join(&module, &name);
            if self.modules.contains(&next) {
                module = next;
            } else if let Some(original) = self.reexports.get(&next)
                && followed.insert(next)
            {
                names = original.iter().cloned().chain(names).collect();
                module.clear();
            } else {
                break;
            }
        }
        module
    }

    /// The graph of each folder of modules.
    fn graphs(&self) -> BTreeMap<Names, Graph> {
        let mut graphs: BTreeMap<Names, Graph> = BTreeMap::new();
        for (user, item) in &self.uses {
            let used = self.module_of(item);
            let pairs = user.iter().zip(&used);
            let common = pairs.take_while(|(one, other)| one == other).count();
            if let (Some(from), Some(to)) = (user.get(common), used.get(common)) {
                let graph = graphs.entry(user[..common].to_vec()).or_default();
                graph.entry(from.clone()).or_default().insert(to.clone());
            }
        }
        graphs
    }

    /// The circles, as in `crate::visualize: figure -> canvas -> figure`.
    fn circles(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (folder, graph) in self.graphs() {
            let folder: String = folder.iter().map(|name| format!("::{name}")).collect();
            for circle in circles(&graph) {
                found.push(format!("crate{folder}: {}", circle.join(" -> ")));
            }
        }
        found
    }
}

/// The shortest circle of each module that is in none of those before.
fn circles(graph: &Graph) -> Vec<Names> {
    let mut found: Vec<Names> = Vec::new();
    for module in graph.keys() {
        if !found.iter().flatten().any(|name| name == module) {
            found.extend(shortest_circle(graph, module));
        }
    }
    found
}

fn shortest_circle(graph: &Graph, start: &str) -> Option<Names> {
    let mut reached = BTreeSet::new();
    let mut paths = VecDeque::from([vec![start.to_owned()]]);
    while let Some(path) = paths.pop_front() {
        for next in graph.get(path.last()?).into_iter().flatten() {
            let longer = join(&path, next);
            if next == start {
                return Some(longer);
            }
            if reached.insert(next) {
                paths.push_back(longer);
            }
        }
    }
    None
}

/// The paths of a `use` statement, or the one that an expression begins with, each with the name that it gives
/// to its item.
fn paths(code: &[TokenTree]) -> Vec<(Names, String)> {
    let mut names = Names::new();
    let mut rest = code;
    loop {
        match rest {
            [TokenTree::Ident(name), ..] => names.push(name.to_string()),
            [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Brace => {
                let inner = tokens(group.stream());
                let parts = inner.split(|it| is_sign(it, ',')).flat_map(paths);
                return parts
                    .map(|(path, name)| ([names.clone(), path].concat(), name))
                    .collect();
            }
            _ => break,
        }
        rest = &rest[1..];
        match rest {
            [one, other, ..] if is_sign(one, ':') && is_sign(other, ':') => rest = &rest[2..],
            _ => break,
        }
    }
    let name = match rest {
        [TokenTree::Ident(word), TokenTree::Ident(name), ..] if word == "as" => name.to_string(),
        _ => names.last().cloned().unwrap_or_default(),
    };
    vec![(names, name)]
}

/// A path from the crate's root.
fn absolute(module: &[String], path: &[String]) -> Names {
    let mut names = module.to_vec();
    for name in path {
        match name.as_str() {
            "crate" => names.clear(),
            "super" => drop(names.pop()),
            "self" => {}
            _ => names.push(name.clone()),
        }
    }
    names
}

fn join(path: &[String], name: &str) -> Names {
    let mut names = path.to_vec();
    names.push(name.to_owned());
    names
}

fn file(path: &Path) -> Vec<TokenTree> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    tokens(text.parse().unwrap())
}

fn tokens(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == sign)
}

/// Whether code begins with `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn is_test_attribute(code: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = code else {
        return false;
    };
    let text: String = attribute.stream().to_string().split(' ').collect();
    is_sign(hash, '#') && (text.starts_with("cfg(test") || text.starts_with("cfg(all(test"))
}

/// Whether `crate::…` or `super::…` begins here, and not in the middle of `super::super::…`.
fn is_start_of_path(before: &[TokenTree], token: &TokenTree) -> bool {
    let is_root = matches!(token, TokenTree::Ident(word) if word == "crate" || word == "super");
    is_root && !before.last().is_some_and(|token| is_sign(token, ':'))
}

/// How many tokens there are to the end of an item: a semicolon or a block.
fn item_length(code: &[TokenTree]) -> usize {
    let end = code.iter().position(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => is_sign(token, ';'),
    });
    end.map_or(code.len(), |end| end + 1)
}

/// Whether code ends with `pub` or `pub(…)`.
fn is_public(code: &[TokenTree]) -> bool {
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "pub");
    match code {
        [.., last] if is_pub(last) => true,
        [.., before, TokenTree::Group(_)] => is_pub(before),
        _ => false,
    }
}

/// The circles of a crate that consists of one text.
fn circles_of(text: &str) -> Vec<String> {
    let mut read = Crate::default();
    read.read_module(&tokens(text.parse().unwrap()), Path::new("nowhere"), &[]);
    read.circles()
}

#[test]
fn circles_are_found_and_named() {
    let nothing = Vec::<String>::new();
    let chain =
        "mod a { use crate::b::B; } mod b { fn f() { crate::c::g(); } } mod c { SOMETHING }";
    assert_eq!(circles_of(chain), nothing);
    let closed = chain.replace("SOMETHING", "use super::{a::{self, A}, d};");
    assert_eq!(circles_of(&closed), ["crate: a -> b -> c -> a"]);
    // Inside a macro's arguments, and through a name that another module offers.
    let in_macro = chain.replace("SOMETHING", "fn g() { vec![crate::a::A]; }");
    assert_eq!(circles_of(&in_macro), ["crate: a -> b -> c -> a"]);
    let offered = "pub use a::A as B; mod a { use crate::b; } mod b { use crate::B; }";
    assert_eq!(circles_of(offered), ["crate: a -> b -> a"]);
    let in_folder = "mod a { mod b { use super::c::d::D; } mod c { mod d { use crate::a::b; } } }";
    assert_eq!(circles_of(in_folder), ["crate::a: b -> c -> b"]);
}

#[test]
fn tests_may_use_everything() {
    let text = "mod a { use crate::b; } mod b { #[cfg(test)] mod tests { use crate::a; }
        #[cfg(test)] use crate::a::A; /// See [`crate::a`].
        fn f() {} }";
    assert_eq!(circles_of(text), Vec::<String>::new());
}
