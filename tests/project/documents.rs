//! Documents that people read, held against the program.

use std::{fs, path::Path, process::Command};

use idempotence::{config, keymap};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_readme_has_the_key_table_of_the_program() {
    let table = keymap::markdown();
    assert!(file("README.md").contains(&table), "put this into the README:\n{table}");
}

#[test]
fn the_readme_names_every_command_that_help_names() {
    let output = Command::new(env!("CARGO_BIN_EXE_idempotence")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let readme = file("README.md");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut seen = 0;
    for command in commands.filter_map(|line| line.split_whitespace().next()) {
        seen += 1;
        assert!(command == "help" || readme.contains(&format!("`{command}")), "the README lacks {command}");
    }
    assert!(seen >= 7, "{help}");
    assert!(!help.contains("supervise"), "a hidden command");
}

#[test]
fn the_readme_is_short_and_names_the_test_command_that_ci_runs() {
    let readme = file("README.md");
    assert!(readme.lines().count() <= 250);
    for command in ["cargo run --release", "cargo test"] {
        assert!(readme.contains(command));
        assert!(file(".ci/run").contains(command), ".ci/run does not run: {command}");
    }
}

#[test]
fn every_setting_is_in_the_example_file_and_the_readme() {
    let (example, readme) = (file(".env-dist"), file("README.md"));
    for name in config::NAMES {
        assert!(example.contains(name.name), ".env-dist lacks {}", name.name);
        assert!(readme.contains(name.name), "the README lacks {}", name.name);
    }
}

#[test]
fn files_that_the_readme_links_to_exist() {
    let readme = file("README.md");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local: Vec<_> = targets.filter(|target| !target.contains("://") && !target.starts_with('#')).collect();
    assert!(local.len() > 5, "{local:?}");
    for target in local {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(target).exists(), "{target}");
    }
}
