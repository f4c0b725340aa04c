//! The help of a command. It shows only the settings that the command uses, although the command accepts the others
//! too.

use clap::{Arg, Command};

use crate::config::{Area, area_of_flag};

/// Returns the parts of the settings that the command `name` uses.
fn used_by(name: &str) -> &'static [Area] {
    match name {
        "worker" => Area::WORKER,
        "server" => Area::SERVER,
        "codec-server" => Area::CODEC_SERVER,
        "start" => Area::START,
        "watch" => Area::WATCH,
        "audit" => Area::AUDIT,
        "compact" | "reset" | "supplier" => Area::STORE,
        "keys" => Area::KEYS,
        "replay" => &[Area::Files, Area::Screen],
        "export" | "supervise" => &[],
        _ => Area::ALL,
    }
}

/// Hides the settings that a command does not use from its help.
pub(super) fn tailored(command: Command) -> Command {
    let settings: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    command.mut_subcommands(|subcommand| {
        let used = used_by(subcommand.get_name());
        let unused = settings.iter().filter(|setting| !used.contains(&area_of_flag(setting.get_id().as_str())));
        let hidden: Vec<_> = unused.map(|setting| setting.clone().hide(true)).collect();
        subcommand.args(hidden)
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory as _;

    use crate::cli::Cli;

    fn answer(line: &str) -> String {
        Cli::of(line.split(' ').map(OsString::from)).unwrap_err().to_string()
    }

    #[test]
    fn a_commands_help_shows_the_settings_that_it_uses() {
        for (command, shown, hidden) in [
            ("replay", vec!["--theme", "--plain", "--no-env-file"], vec!["--address", "--database", "--temporal-cli"]),
            ("export", vec!["--svg"], vec!["Settings:", "--address", "--theme", "--database", "--no-env-file"]),
            ("keys", vec!["--no-env-file"], vec!["--address", "--theme", "--database"]),
            ("keys add", vec!["--no-env-file"], vec!["--address", "--theme", "--database"]),
            (
                "audit",
                vec!["--database", "--supplier", "--no-env-file"],
                vec!["--address", "--tls", "--theme", "--temporal-cli"],
            ),
            ("compact", vec!["--database", "--json"], vec!["--address", "--theme", "--yes"]),
            ("supplier", vec!["--database", "--listen"], vec!["--address", "--theme", "--with-parent"]),
            ("reset", vec!["--database", "--yes"], vec!["--address", "--profile", "--still"]),
            ("start", vec!["--address", "--tls-cert", "--database"], vec!["--theme", "--ascii", "--temporal-cli"]),
            ("server", vec!["--address", "--temporal-cli"], vec!["--database", "--plain"]),
            ("config", vec!["--address", "--database", "--theme", "--temporal-cli"], vec![]),
            ("demo", vec!["--address", "--database", "--theme", "--temporal-cli"], vec![]),
        ] {
            let help = answer(&format!("idempotence {command} --help"));
            for flag in shown {
                assert!(help.contains(flag), "{command} lacks {flag}:\n{help}");
            }
            for flag in hidden {
                assert!(!help.contains(flag), "{command} shows {flag}:\n{help}");
            }
        }
    }

    #[test]
    fn help_fits_80_columns() {
        let mut commands: Vec<_> =
            Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        commands.extend([String::new(), "keys add".to_owned()]);
        for command in commands {
            let help = answer(&format!("idempotence {command} --help").replace("  ", " "));
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{command}: {line}");
            }
        }
    }

    #[test]
    fn settings_that_a_command_does_not_use_are_accepted() {
        for line in ["replay --address h:1", "--address h:1 replay", "keys add K --tls=false", "export --theme mono"] {
            let line = format!("idempotence {line}");
            Cli::of(line.split(' ').map(OsString::from)).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
