//! The graphs of the production code: which module uses which, and which file uses items from which other file. Both
//! are built from the parsed sources, without the tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The segments of a path or of a module's name, from the crate's root.
type Segments = Vec<String>;

/// One place that uses an item of this crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The file, relative to `src`.
    pub file: PathBuf,
    pub line: usize,
    /// The path as written there.
    pub text: String,
}

/// The production modules of the crate.
#[derive(Debug)]
pub struct Graph {
    modules: BTreeMap<Segments, Module>,
}

/// A module without its tests.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    defined: BTreeSet<String>,
    imports: Vec<Import>,
    paths: Vec<Mention>,
}

/// One name in a `use` declaration; a group has several.
#[derive(Debug)]
struct Import {
    /// The name in this module; `None` means all names of the module at the path.
    name: Option<String>,
    mention: Mention,
    /// A re-export.
    is_public: bool,
}

/// A path as written.
#[derive(Debug, Clone)]
struct Mention {
    segments: Segments,
    line: usize,
}

impl Graph {
    /// Parses the modules of the library at `src`.
    pub fn read(src: &Path) -> Self {
        let mut graph = Self { modules: BTreeMap::new() };
        graph.read_file(src, Path::new("lib.rs"), Vec::new());
        graph
    }

    fn read_file(&mut self, src: &Path, file: &Path, name: Segments) {
        let text = fs::read_to_string(src.join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.add(src, file, name, &parsed.items);
    }

    fn add(&mut self, src: &Path, file: &Path, name: Segments, items: &[syn::Item]) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            module.defined.extend(defined(item));
            let syn::Item::Mod(child) = item else {
                module.visit_item(item);
                continue;
            };
            let inner = [&name[..], &[child.ident.to_string()]].concat();
            match &child.content {
                Some((_, items)) => self.add(src, file, inner, items),
                None => self.read_file(src, &file_of(src, &inner), inner),
            }
        }
        self.modules.insert(name, module);
    }

    /// Names of the modules that `lib.rs` declares.
    pub fn top_level(&self) -> BTreeSet<&str> {
        self.modules.keys().filter(|name| name.len() == 1).map(|name| name[0].as_str()).collect()
    }

    /// Each use of one top-level module by another: `(user, used)` and the places.
    pub fn between_top_level(&self) -> BTreeMap<(&str, String), Vec<Use>> {
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for (name, module) in self.modules.iter().filter(|(name, _)| !name.is_empty()) {
            for mention in module.imports.iter().map(|import| &import.mention).chain(&module.paths) {
                let Some(path) = absolute(name, &mention.segments) else { continue };
                if let Some(used) = path.first().filter(|used| **used != name[0]) {
                    found.entry((name[0].as_str(), used.clone())).or_default().push(module.place(mention));
                }
            }
        }
        found
    }

    /// Each use of another file's items: `(user, definer)` and the places. Two kinds of edges are omitted: re-exports,
    /// and a child's use of its parent's items, because the child is a part of the parent.
    pub fn between_files(&self) -> BTreeMap<(&Path, &Path), Vec<Use>> {
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for (name, module) in &self.modules {
            let private = module.imports.iter().filter(|import| !import.is_public);
            for mention in private.map(|import| &import.mention).chain(&module.paths) {
                let Some(definer) = self.definer(name, &mention.segments, 0) else { continue };
                let used = &self.modules[&definer];
                if used.file != module.file && !name.starts_with(&definer) {
                    found.entry((&*module.file, &*used.file)).or_default().push(module.place(mention));
                }
            }
        }
        found
    }

    /// The module that defines the item at `path`, as seen from the module `from`. `None` if the item belongs to
    /// another crate or is itself a module.
    fn definer(&self, from: &Segments, path: &[String], depth: usize) -> Option<Segments> {
        assert!(depth < 32, "{path:?} in {from:?} does not end");
        if let Some(path) = absolute(from, path) {
            return self.definer_of_absolute(&path, depth);
        }
        let (first, rest) = path.split_first()?;
        let module = &self.modules[from];
        let child = [&from[..], std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) {
            return self.definer_of_absolute(&[&child[..], rest].concat(), depth);
        }
        if module.defined.contains(first) {
            return Some(from.clone());
        }
        let import = module.imports.iter().find(|import| import.name.as_ref() == Some(first))?;
        // Paths such as `use tokio::{self}` name themselves.
        if import.mention.segments.first() == Some(first) {
            return None;
        }
        self.definer(from, &[&import.mention.segments[..], rest].concat(), depth + 1)
    }

    fn definer_of_absolute(&self, path: &[String], depth: usize) -> Option<Segments> {
        let (end, module) = (0..=path.len()).rev().find_map(|end| Some((end, self.modules.get(&path[..end])?)))?;
        let (name, rest) = (path[..end].to_vec(), &path[end..]);
        let first = rest.first()?;
        if module.defined.contains(first) {
            return Some(name);
        }
        let named = module.imports.iter().filter(|import| import.name.as_ref() == Some(first));
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        let named = named.map(|import| [&import.mention.segments[..], &rest[1..]].concat());
        let globs = globs.map(|import| [&import.mention.segments[..], rest].concat());
        named.chain(globs).find_map(|path| self.definer(&name, &path, depth + 1))
    }
}

impl Module {
    fn place(&self, mention: &Mention) -> Use {
        Use { file: self.file.clone(), line: mention.line, text: mention.segments.join("::") }
    }

    fn import(&mut self, item: &syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.import_tree(&item.tree, Vec::new(), is_public);
    }

    fn import_tree(&mut self, tree: &syn::UseTree, mut before: Segments, is_public: bool) {
        let (name, last, span) = match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                return self.import_tree(&path.tree, before, is_public);
            }
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import_tree(tree, before.clone(), is_public));
            }
            syn::UseTree::Name(name) => (Some(&name.ident), Some(&name.ident), name.ident.span()),
            syn::UseTree::Rename(name) => (Some(&name.rename), Some(&name.ident), name.ident.span()),
            syn::UseTree::Glob(glob) => (None, None, glob.star_token.spans[0]),
        };
        let name = match name {
            Some(name) if name == "self" => before.last().cloned(),
            name => name.map(ToString::to_string),
        };
        before.extend(last.filter(|last| *last != "self").map(ToString::to_string));
        let line = span.start().line;
        self.imports.push(Import { name, mention: Mention { segments: before, line }, is_public });
    }

    /// Paths in the arguments of a macro, which are not parsed.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() && colons < 2 => colons += 1,
                other => {
                    self.mention(std::mem::take(&mut path), line);
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) => (path, line) = (vec![ident.to_string()], ident.span().start().line),
                        TokenTree::Group(group) => self.scan(group.stream()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
        }
        self.mention(path, line);
    }

    /// A path of one segment names what this file defines or imports.
    fn mention(&mut self, segments: Segments, line: usize) {
        if segments.len() > 1 {
            self.paths.push(Mention { segments, line });
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            _ if is_test(attributes(item)) => {}
            syn::Item::Use(item) => self.import(item),
            other => visit::visit_item(self, other),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let is_test = match item {
            syn::ImplItem::Fn(item) => is_test(&item.attrs),
            syn::ImplItem::Const(item) => is_test(&item.attrs),
            _ => false,
        };
        if !is_test {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let line = path.segments.first().map_or(0, |first| first.ident.span().start().line);
        if path.leading_colon.is_none() {
            self.mention(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.scan(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

/// A path that begins with `crate`, `self` or `super`, from the root of the crate.
fn absolute(from: &[String], path: &[String]) -> Option<Segments> {
    let (first, mut rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => return Some(rest.to_vec()),
        "self" => from,
        "super" => &from[..from.len().checked_sub(1)?],
        _ => return None,
    };
    while rest.first().is_some_and(|segment| segment == "super") {
        base = &base[..base.len().checked_sub(1)?];
        rest = &rest[1..];
    }
    Some([base, rest].concat())
}

fn file_of(src: &Path, module: &[String]) -> PathBuf {
    let path: PathBuf = module.iter().collect();
    let in_folder = path.join("mod.rs");
    if src.join(&in_folder).exists() { in_folder } else { path.with_extension("rs") }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item::{Const, Enum, Fn, Impl, Macro, Mod, Static, Struct, Trait, Type, Use};
    match item {
        Const(syn::ItemConst { attrs, .. })
        | Enum(syn::ItemEnum { attrs, .. })
        | Fn(syn::ItemFn { attrs, .. })
        | Impl(syn::ItemImpl { attrs, .. })
        | Macro(syn::ItemMacro { attrs, .. })
        | Mod(syn::ItemMod { attrs, .. })
        | Static(syn::ItemStatic { attrs, .. })
        | Struct(syn::ItemStruct { attrs, .. })
        | Trait(syn::ItemTrait { attrs, .. })
        | Type(syn::ItemType { attrs, .. })
        | Use(syn::ItemUse { attrs, .. }) => attrs,
        _ => &[],
    }
}

/// The name that an item defines in its module.
fn defined(item: &syn::Item) -> Option<String> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        _ => None,
    }
    .map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library of these files, each a name and a text.
    fn library(files: &[(&str, &str)]) -> Graph {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Graph::read(folder.path())
    }

    #[test]
    fn every_way_to_name_another_module_is_found_and_tests_are_not() {
        let ways = [
            "use crate::ui;",
            "use crate::{store, ui::{self as screen, draw}};",
            "pub(crate) use crate::ui::*;",
            "use super::super::ui::draw;",
            "fn f() { crate::ui::draw() }",
            "fn f() { println!(\"{}\", 1 + crate::ui::draw()) }",
            "fn f() { use crate::ui::draw; draw() }",
            "fn f(screen: Option<&crate::ui::Screen>) {}",
            "impl crate::ui::Screen for () {}",
        ];
        for way in ways {
            let lib = "mod app; mod ui; mod store;";
            let graph = library(&[
                ("lib.rs", lib),
                ("app/mod.rs", "mod view;"),
                ("app/view.rs", way),
                ("ui.rs", ""),
                ("store.rs", ""),
            ]);
            let found = graph.between_top_level();
            let uses = found.get(&("app", "ui".to_owned())).unwrap_or_else(|| panic!("{way}"));
            assert_eq!((uses[0].file.as_path(), uses[0].line), (Path::new("app/view.rs"), 1), "{way}");
        }
        let test =
            "#[cfg(test)] mod tests { use crate::ui; } #[cfg(test)] use crate::ui; fn f() { self::g() } fn g() {}";
        let graph = library(&[("lib.rs", "mod app; mod ui;"), ("app.rs", test), ("ui.rs", "")]);
        assert!(graph.between_top_level().is_empty());
    }

    #[test]
    fn a_path_leads_to_the_file_that_defines_its_item() {
        let folder =
            "mod inner; mod error; mod other; pub use inner::{Inner as Renamed}; use error::Error; pub use other::*;";
        let files = [
            ("lib.rs", "mod user; mod folder;"),
            ("folder/mod.rs", folder),
            ("folder/inner.rs", "use super::Error; pub struct Inner; pub struct Deep(Error);"),
            ("folder/error.rs", "pub struct Error;"),
            ("folder/other.rs", "pub enum Other { One }"),
            (
                "user.rs",
                "use crate::folder; use folder::Renamed; fn f() { let _ = folder::Other::One; let _ = String::new(); }",
            ),
        ];
        let graph = library(&files);
        let found: Vec<_> =
            graph.between_files().into_keys().map(|(user, used)| (user.to_str(), used.to_str())).collect();
        let expected = [
            ("folder/inner.rs", "folder/error.rs"),
            ("folder/mod.rs", "folder/error.rs"),
            ("user.rs", "folder/inner.rs"),
            ("user.rs", "folder/other.rs"),
        ];
        assert_eq!(found, expected.map(|(user, used)| (Some(user), Some(used))));
    }
}
