//! The pages for users must match the program.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use idempotence::{config, keymap, scenario};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The pages for users, which link to each other.
const PAGES: [&str; 5] = ["README.md", "docs/commands.md", "docs/figures.md", "docs/keys.md", "docs/settings.md"];

/// How the name of each figure of the store begins.
const KINDS: [&str; 2] = ["JSON: ", "MySQL: "];

#[test]
fn the_page_of_keys_has_the_tables_of_the_program() {
    let tables = keymap::markdown();
    assert!(file("docs/keys.md").ends_with(&tables), "put this into docs/keys.md:\n{tables}");
}

#[test]
fn the_page_of_commands_names_every_command_that_help_names() {
    let output = Command::new(env!("CARGO_BIN_EXE_idempotence")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let page = file("docs/commands.md");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut seen = 0;
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        seen += 1;
        assert!(command == "help" || page.contains(&format!("| `{command}")), "docs/commands.md lacks {command}");
    }
    assert!(seen >= 7, "{help}");
    assert!(!help.contains("supervise"), "a hidden command");
}

#[test]
fn the_readme_is_short_and_names_the_test_command_that_ci_runs() {
    let readme = file("README.md");
    assert!(readme.lines().count() <= 250);
    for command in ["cargo install --locked --path .", "cargo run --release", "cargo test"] {
        assert!(readme.contains(command));
        assert!(file(".ci/run").contains(command), ".ci/run does not run: {command}");
    }
}

#[test]
fn the_readme_has_the_long_tests_and_the_variables_of_the_tests() {
    let readme = file("README.md");
    let sources =
        ["end_to_end/kill_loop.rs", "end_to_end/kill_loop_mysql.rs", "end_to_end/network.rs", "store/mysql_server.rs"];
    let sources = sources.map(|name| file(&format!("tests/{name}"))).concat();
    for (filter, function) in [("mysql_kill_loop", "fn mysql_kill_loop("), ("kill_loop::", "fn kill_loop(")] {
        assert!(readme.contains(&format!("--ignored --nocapture {filter} ")) && sources.contains(function), "{filter}");
    }
    let variables = |text: &str| -> BTreeSet<String> {
        let names = text.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|name| name.starts_with("TESTS_"));
        names.map(str::to_owned).collect()
    };
    let documented = variables(&[readme, file(".ci/run")].concat());
    assert_eq!(variables(&sources), documented);
    assert!(documented.len() > 3, "{documented:?}");
}

#[test]
fn every_setting_is_in_the_example_file_and_the_page_of_settings() {
    let (example, page) = (file(".env-dist"), file("docs/settings.md"));
    for name in config::NAMES {
        assert!(example.contains(name.name), ".env-dist lacks {}", name.name);
        assert!(page.contains(name.name), "docs/settings.md lacks {}", name.name);
    }
}

#[test]
fn the_table_of_figures_has_every_figure_of_the_store_and_no_other() {
    let page = file("docs/figures.md");
    let rows = page.lines().filter_map(|line| Some(line.strip_prefix("| ")?.split_once(" | ")?.0));
    let rows: BTreeSet<_> = rows.filter(|name| KINDS.iter().any(|kind| name.starts_with(kind))).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/figures/store");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let sources: String = sources.collect();
    let literals = sources.split('"').filter(|literal| KINDS.iter().any(|kind| literal.starts_with(kind)));
    let names: BTreeSet<_> = literals.collect();
    assert!(names.len() > 10, "{names:?}");
    assert_eq!(rows, names, "the table and the figures of `cargo bench -- store`");
}

#[test]
fn every_local_link_of_a_page_leads_to_a_file() {
    for page in PAGES {
        let text = file(page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let local: Vec<_> = targets.filter(|target| !target.contains("://") && !target.starts_with('#')).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        for target in &local {
            assert!(folder.parent().unwrap().join(target).exists(), "{page} links to {target}");
        }
        assert!(page != "README.md" || PAGES[1..].iter().all(|page| local.contains(page)), "{local:?}");
    }
}

#[test]
fn every_file_that_the_map_of_the_code_names_exists() {
    let source = file("src/lib.rs");
    let named = source.lines().filter(|line| line.starts_with("//! |")).flat_map(|line| line.split('`'));
    let named: Vec<_> =
        named.filter_map(|name| name.strip_suffix(".rs")).filter(|name| !name.starts_with("tests/")).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/{name}.rs")).exists(), "src/{name}.rs");
    }
}

#[test]
fn the_readme_counts_the_scenarios_and_the_page_of_the_supplier_has_its_own() {
    let count = scenario::BUILT_IN.len();
    assert!(file("README.md").contains(&format!("{count} built-in scenarios")), "there are {count}");
    let page = file("docs/supplier.md");
    for (name, _) in scenario::BUILT_IN.iter().filter(|(name, _)| name.starts_with("supplier-")) {
        assert!(page.contains(&format!("| `{name}` |")), "docs/supplier.md lacks {name}");
    }
}
