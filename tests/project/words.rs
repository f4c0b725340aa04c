//! The language of the project: the words that its readers stumbled over, counted in sources, pages and help.

use std::{fs, path::Path, process::Command};

/// A word or phrase for which there is a plainer one, and the contexts in which it is right.
struct Avoided {
    phrase: &'static str,
    instead: &'static str,
    except: &'static [&'static str],
}

const AVOIDED: &[Avoided] = &[
    // A recording's spelling of a scenario's initial stock.
    Avoided { phrase: "anew", instead: "again, from scratch", except: &["rename | | anew"] },
    Avoided { phrase: "somebody", instead: "the caller, the user, another program", except: &[] },
    Avoided { phrase: "nobody", instead: "no process, no user", except: &[] },
    Avoided { phrase: "everybody", instead: "anyone, every user", except: &[] },
    Avoided { phrase: "whoever", instead: "the caller, the process that", except: &[] },
    Avoided { phrase: "came to", instead: "the result was", except: &[] },
    Avoided { phrase: "comes to", instead: "the result is", except: &[] },
    Avoided { phrase: "of which", instead: "a relative clause with that", except: &[] },
    Avoided { phrase: "by whom", instead: "the subject first", except: &[] },
    Avoided { phrase: "for whom", instead: "the subject first", except: &[] },
    Avoided {
        phrase: "is no",
        instead: "is not a",
        // "There is no X" says that X does not exist; "is no longer" is about time.
        except: &["there is no", "is no longer", "is no more than"],
    },
    Avoided { phrase: "are no", instead: "are not", except: &["there are no", "are no longer"] },
    Avoided { phrase: "was no", instead: "was not a", except: &["there was no", "was no longer"] },
];

/// How often a word may be used in a thousand lines of comments: the most that trippy, redb, mini-redis, gitui and
/// atuin have.
struct Frequency {
    words: &'static [&'static str],
    most: f64,
}

const FREQUENCIES: &[Frequency] = &[
    Frequency { words: &["where"], most: 6.9 },
    Frequency { words: &["tell", "tells", "told", "telling"], most: 2.2 },
    Frequency { words: &["somebody", "nobody"], most: 0.4 },
    Frequency { words: &["stand", "stands", "stood"], most: 2.1 },
    Frequency { words: &["behind"], most: 3.8 },
    Frequency { words: &["anew"], most: 0.3 },
];

/// Every text of the project below `folder` with one of these endings, with its path.
fn texts(folder: &Path, endings: &[&str], found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            // Files written by other versions and other programs are not checked.
            if !["formats", "recordings", "pictures", "target"].contains(&name.as_str()) {
                texts(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) && !path.ends_with("tests/project/words.rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches"] {
        texts(&root.join(folder), &[".rs"], &mut found);
    }
    found
}

fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["docs", "assets", "database"] {
        texts(&root.join(folder), &[".md", ".toml", ".example", ".sh"], &mut found);
    }
    for name in ["README.md", ".env-dist", ".ci/run", "Cargo.toml", "deny.toml", "clippy.toml"] {
        found.push((name.to_owned(), fs::read_to_string(root.join(name)).unwrap()));
    }
    found
}

fn helps() -> Vec<(String, String)> {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_idempotence")).args(arguments).output().unwrap();
        (format!("idempotence {}", arguments.join(" ")), String::from_utf8(output.stdout).unwrap())
    };
    let all = help(&["--help"]);
    let commands = all.1.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<String> = commands.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    assert!(names.len() >= 14, "{names:?}");
    let each = names.iter().filter(|name| *name != "help").map(|name| help(&[name, "--help"]));
    let each: Vec<_> = each.collect();
    [vec![all], each].concat()
}

/// The words of a text in lower case with single spaces between them, without comment marks. Punctuation ends a phrase.
fn plain(text: &str) -> String {
    let line = text.trim_start_matches(|character: char| "/!#*-|> \t\\".contains(character));
    let spaced = line.replace(|character: char| !character.is_alphanumeric() && !" '_".contains(character), " | ");
    let words: Vec<_> = spaced.split(['_', ' ', '\t']).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    format!(" {} ", words.join(" "))
}

fn has(text: &str, avoided: &Avoided) -> bool {
    let mut text = text.to_owned();
    for exception in avoided.except {
        text = text.replace(&format!(" {exception} "), " ");
    }
    text.contains(&format!(" {} ", avoided.phrase))
}

#[test]
fn no_text_uses_a_word_that_readers_stumbled_over() {
    let mut found = Vec::new();
    for (name, text) in [sources(), pages(), helps()].concat() {
        let lines: Vec<_> = text.lines().collect();
        for (index, pair) in lines.windows(2).chain(lines.last().map(std::slice::from_ref)).enumerate() {
            // A phrase may be broken over two lines; it counts in the first of them.
            let (first, both) =
                (plain(pair[0]), pair.iter().map(|line| plain(line)).collect::<String>().replace("  ", " "));
            let second = pair.get(1).map(|line| plain(line));
            for avoided in AVOIDED {
                let begins_here = has(&both, avoided) && !second.as_ref().is_some_and(|second| has(second, avoided));
                if has(&first, avoided) && has(&both, avoided) || begins_here {
                    let Avoided { phrase, instead, .. } = avoided;
                    found.push(format!("{name}:{}: \"{phrase}\"; better: {instead}", index + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
}

#[test]
fn comments_are_as_plain_as_those_of_other_programs() {
    let mut lines = 0_u32;
    let mut words = Vec::new();
    for (_, text) in sources() {
        for comment in text.lines().map(str::trim_start).filter(|line| line.starts_with("//")) {
            lines += 1;
            words.extend(plain(comment).split_whitespace().map(str::to_owned));
        }
    }
    assert!(lines > 3_000, "{lines}");
    let report: Vec<_> = FREQUENCIES
        .iter()
        .map(|frequency| {
            let count = words.iter().filter(|word| frequency.words.contains(&word.as_str())).count();
            let rate = f64::from(u32::try_from(count).unwrap()) * 1_000.0 / f64::from(lines);
            (rate <= frequency.most, format!("{}: {rate:.1} in 1,000, at most {}", frequency.words[0], frequency.most))
        })
        .collect();
    assert!(report.iter().all(|(right, _)| *right), "{report:#?}");
}
