//! Checks on the sources: which module may use which, that files do not depend on each other in a cycle, and which
//! crates a module must not use.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::graph::{Graph, Use};

/// The top-level modules, each with the modules that it may use. They must be above it, so the list cannot contain a
/// cycle.
const LAYERS: &[(&str, &[&str])] = &[
    ("connections", &[]),
    ("files", &[]),
    ("folder_sync", &[]),
    ("listen", &[]),
    ("text", &[]),
    ("picture", &["text"]),
    ("rounded", &[]),
    ("error_text", &[]),
    ("source_text", &[]),
    ("toml_table", &["error_text", "source_text"]),
    ("domain", &[]),
    ("clock", &["domain"]),
    ("faults", &["domain"]),
    ("encryption", &["error_text", "files", "folder_sync", "source_text", "toml_table"]),
    ("store", &["clock", "domain", "faults", "files", "folder_sync", "rounded"]),
    ("supplier", &["clock", "connections", "domain", "files", "folder_sync", "store"]),
    ("scenario", &["domain", "error_text", "faults", "source_text", "store", "toml_table"]),
    (
        "temporal",
        &[
            "clock",
            "domain",
            "encryption",
            "error_text",
            "faults",
            "rounded",
            "source_text",
            "store",
            "supplier",
            "toml_table",
        ],
    ),
    ("app", &["domain", "faults", "scenario", "source_text", "store", "toml_table"]),
    ("keymap", &["app"]),
    ("ui", &["app", "domain", "faults", "keymap", "store", "text"]),
    (
        "config",
        &[
            "app",
            "encryption",
            "error_text",
            "files",
            "listen",
            "domain",
            "source_text",
            "store",
            "supplier",
            "temporal",
            "toml_table",
        ],
    ),
    ("server", &["config"]),
    ("codec_server", &["connections", "domain", "error_text", "listen", "temporal"]),
    (
        "runtime",
        &["app", "clock", "config", "domain", "faults", "keymap", "server", "store", "supplier", "temporal", "ui"],
    ),
    ("recording", &["app", "domain", "store"]),
    ("cli", &["app", "config", "domain", "faults", "listen", "server", "temporal"]),
    (
        "commands",
        &[
            "app",
            "cli",
            "clock",
            "codec_server",
            "config",
            "domain",
            "encryption",
            "faults",
            "files",
            "listen",
            "picture",
            "recording",
            "runtime",
            "scenario",
            "server",
            "source_text",
            "store",
            "supplier",
            "temporal",
            "ui",
        ],
    ),
];

/// Maximum number of lines of a file, without its tests.
const MAX_FILE_LINES: usize = 500;

fn graph() -> Graph {
    Graph::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// One line per place, in a form that an editor can open.
fn places(uses: &[Use]) -> String {
    uses.iter().fold(String::new(), |mut text, Use { file, line, text: path }| {
        let _infallible = writeln!(text, "  src/{}:{line}: {path}", file.display());
        text
    })
}

#[test]
fn each_module_uses_only_the_modules_that_are_declared_for_it() {
    let graph = graph();
    let used = graph.between_top_level();
    let mut mistakes = String::new();
    for ((user, used), uses) in &used {
        let declared = LAYERS.iter().any(|(module, may_use)| module == user && may_use.contains(&used.as_str()));
        if !declared {
            let _infallible = write!(mistakes, "{user} must not use {used}:\n{}", places(uses));
        }
    }
    for (user, may_use) in LAYERS {
        for unused in may_use.iter().filter(|module| !used.contains_key(&(*user, (**module).to_owned()))) {
            let _infallible = writeln!(mistakes, "{user} no longer uses {unused}: remove it from LAYERS");
        }
    }
    assert!(mistakes.is_empty(), "\n{mistakes}");
}

#[test]
fn the_declared_layers_name_every_module_once_and_have_no_cycle() {
    let graph = graph();
    let declared: BTreeSet<_> = LAYERS.iter().map(|(module, _)| *module).collect();
    assert_eq!((declared.len(), &declared), (LAYERS.len(), &graph.top_level()));
    for (place, (module, may_use)) in LAYERS.iter().enumerate() {
        for used in *may_use {
            assert!(LAYERS[..place].iter().any(|(above, _)| above == used), "{used} is not above {module} in LAYERS");
        }
    }
}

/// The files that `start` depends on, directly or indirectly.
fn reachable<'a>(start: &'a Path, edges: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> BTreeSet<&'a Path> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![start]);
    while let Some(file) = open.pop() {
        open.extend(edges.get(file).into_iter().flatten().filter(|next| reached.insert(**next)));
    }
    reached
}

#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let graph = graph();
    let uses = graph.between_files();
    let mut edges = BTreeMap::<&Path, BTreeSet<&Path>>::new();
    for (user, used) in uses.keys() {
        edges.entry(user).or_default().insert(used);
    }
    let reachable: BTreeMap<_, _> = edges.keys().map(|file| (*file, reachable(file, &edges))).collect();
    let mut cycles = String::new();
    for ((user, used), uses) in &uses {
        if reachable.get(used).is_some_and(|reached| reached.contains(user)) {
            let _infallible = write!(cycles, "{} uses {}:\n{}", user.display(), used.display(), places(uses));
        }
    }
    assert!(cycles.is_empty(), "files depend on each other in a cycle:\n{cycles}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The production part of a file: the code before its tests, without comments.
fn production(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Asserts that production files below `folder` do not name any of `forbidden`. Returns how many files were read.
fn assert_free_of(folder: &str, forbidden: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let files: Vec<_> = sources(&root).into_iter().filter(|path| !path.ends_with("tests.rs")).collect();
    assert!(!files.is_empty(), "{folder} has no files");
    for path in files {
        let text = production(&path);
        for name in forbidden {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

const OUTSIDE: [&str; 5] = ["tokio", "ratatui", "crossterm", "temporalio", "std::fs"];

#[test]
fn the_domain_imports_nothing_but_serde() {
    let forbidden = [&OUTSIDE[..], &["futures", "tracing", "thiserror", "SystemTime", "Instant"]].concat();
    assert_free_of("domain", &forbidden);
}

#[test]
fn the_core_is_pure() {
    let clock = ["SystemTime", "Instant::now", "rand::"];
    assert_free_of("app", &[&OUTSIDE[..], &clock].concat());
}

#[test]
fn the_store_uses_no_temporal_and_no_terminal_crate() {
    assert_free_of("store", &["temporalio", "ratatui", "crossterm"]);
}

#[test]
fn encryption_uses_no_temporal_crate_and_no_runtime_and_logs_nothing() {
    assert_free_of("encryption", &["temporalio", "tokio", "tracing"]);
}

#[test]
fn the_fault_plan_uses_no_unseeded_random_source() {
    assert_free_of("faults", &["rand::rng()", "rand::random", "thread_rng", "OsRng", "static mut"]);
}

#[test]
fn drawing_does_nothing_but_draw() {
    assert_free_of("ui", &["&mut App", "tokio", "std::fs", "std::io", ".lock()", "temporalio", "SystemTime"]);
}

#[test]
fn pictures_use_cells_and_nothing_else() {
    let forbidden = ["tokio", "temporalio", "std::fs", "std::env", "File", "SystemTime", "Instant"];
    assert_free_of("picture", &forbidden);
}

#[test]
fn only_temporal_names_wire_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root).into_iter().filter(|path| !path.starts_with(root.join("temporal"))) {
        assert!(!production(&path).contains("temporalio"), "{}", path.display());
    }
}

#[test]
fn only_one_file_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root).into_iter().filter(|path| !path.ends_with("commands/print.rs")) {
        let text = production(&path);
        for name in ["println!", "print!(", "dbg!", "process::exit"] {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_500_lines_of_production_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        assert!(lines <= MAX_FILE_LINES, "{} has {lines} lines", path.display());
    }
}
