//! Several hosts on this machine: Linux network namespaces with a cable to a switch. A test cuts a cable, after which
//! packets vanish in both directions and no connection is reset.

use std::{
    fmt::Display,
    path::Path,
    process::{Command, id},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::sandbox::{skipped, text};

/// Variable that makes it an error if this machine cannot have such hosts.
const REQUIRE: &str = "TESTS_REQUIRE_NAMESPACES";

/// Start of the names of namespaces, before the process id of the test and the number of the network.
const NAMES: &str = "idempotence-";

/// Name of the namespace that contains the bridge.
const SWITCH: &str = "switch";

/// Runs a program under a host's name in the host's network. The process id stays the same.
const ENTER: &str = r#"echo "$0" > /proc/sys/kernel/hostname && exec "$@""#;

/// Hosts that are joined by a switch. They and their processes end when it is dropped.
pub struct Network {
    switch: String,
    hosts: Vec<Host>,
}

/// A host with its own name, network and loopback interface. It shares the files of this machine.
pub struct Host {
    name: &'static str,
    address: String,
    namespace: String,
    switch: String,
}

impl Network {
    /// Creates hosts with these names. Returns `None`, and prints what is missing, if this machine cannot have them.
    pub fn start(names: &[&'static str]) -> Option<Self> {
        match Self::create(names) {
            Ok(network) => Some(network),
            Err(problem) => {
                let remedy = "run the tests as root, and install ip and unshare; on Debian: apt-get install iproute2 \
                              util-linux";
                assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, but {problem}; {remedy}");
                skipped(&format!("no network namespaces: {problem}; {remedy}"));
                None
            }
        }
    }

    fn create(names: &[&'static str]) -> Result<Self, String> {
        static CLEANED: OnceLock<Result<(), String>> = OnceLock::new();
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        CLEANED.get_or_init(remove_leftovers).clone()?;
        let prefix = format!("{NAMES}{}-{}", id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let switch = format!("{prefix}-{SWITCH}");
        run("ip", ["netns", "add", &switch])?;
        let mut network = Self { switch: switch.clone(), hosts: Vec::new() };
        run("ip", ["-n", &switch, "link", "add", "bridge", "type", "bridge"])?;
        run("ip", ["-n", &switch, "link", "set", "bridge", "up"])?;
        for (number, name) in (1..).zip(names) {
            // RFC 5737 reserves these addresses for examples.
            let address = format!("192.0.2.{number}");
            let host = Host { name, address, namespace: format!("{prefix}-{name}"), switch: switch.clone() };
            run("ip", ["netns", "add", &host.namespace])?;
            network.hosts.push(host);
            network.host(name).connect()?;
        }
        Ok(network)
    }

    /// Returns the host with this name.
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).unwrap()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().map(|host| &host.namespace).chain([&self.switch]) {
            if let Err(problem) = remove(namespace) {
                eprintln!("{problem}");
            }
        }
    }
}

impl Host {
    fn connect(&self) -> Result<(), String> {
        let (host, switch) = (&self.namespace, &self.switch);
        run("ip", ["-n", host, "link", "set", "lo", "up"])?;
        run("ip", ["-n", host, "link", "add", "eth0", "type", "veth", "peer", "name", self.name, "netns", switch])?;
        run("ip", ["-n", host, "address", "add", &format!("{}/24", self.address), "dev", "eth0"])?;
        run("ip", ["-n", host, "link", "set", "eth0", "up"])?;
        run("ip", ["-n", switch, "link", "set", self.name, "master", "bridge", "up"])?;
        let named = self.command(&Command::new("hostname")).output().map_err(|error| format!("hostname: {error}"))?;
        if text(&named).0.trim() == self.name {
            Ok(())
        } else {
            Err(format!("a process cannot get a host name: {named:?}"))
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the words before a command line that run it on this host.
    pub fn launcher(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.namespace, "unshare", "--uts", "sh", "-c", ENTER, self.name]
            .map(str::to_owned)
            .into()
    }

    /// Returns the command that runs `command` on this host.
    pub fn command(&self, command: &Command) -> Command {
        let launcher = self.launcher();
        let mut here = Command::new(&launcher[0]);
        here.args(&launcher[1..]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => here.env(name, value),
                None => here.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            here.current_dir(folder);
        }
        here
    }

    /// Disconnects the cable from the switch. The host does not notice.
    pub fn cut_off(&self) {
        run("ip", ["-n", &self.switch, "link", "set", self.name, "nomaster"]).unwrap();
    }

    /// Connects the cable again.
    pub fn reconnect(&self) {
        run("ip", ["-n", &self.switch, "link", "set", self.name, "master", "bridge"]).unwrap();
    }

    /// Removes the cable and kills all processes of the host.
    pub fn lose(&self) {
        run("ip", ["-n", &self.switch, "link", "delete", self.name]).unwrap();
        kill_processes(&self.namespace).unwrap();
    }
}

/// Runs a program and returns its output.
fn run<const N: usize>(program: &str, arguments: [&str; N]) -> Result<String, String> {
    let said = |problem: &dyn Display| format!("{program} {}: {problem}", arguments.join(" "));
    let output = Command::new(program).args(arguments).output().map_err(|error| said(&error))?;
    let (out, problem) = text(&output);
    if output.status.success() { Ok(out) } else { Err(said(&problem.trim())) }
}

fn kill_processes(namespace: &str) -> Result<(), String> {
    for process in run("ip", ["netns", "pids", namespace])?.split_whitespace() {
        let _ended_before = run("kill", ["-9", process]);
    }
    Ok(())
}

fn remove(namespace: &str) -> Result<(), String> {
    kill_processes(namespace)?;
    run("ip", ["netns", "delete", namespace]).map(drop)
}

/// Removes the namespaces of test processes that were killed.
fn remove_leftovers() -> Result<(), String> {
    for namespace in run("ip", ["netns", "list"])?.lines().filter_map(|line| line.split_whitespace().next()) {
        let process = namespace.strip_prefix(NAMES).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        let is_left = |process: u32| process == id() || !Path::new("/proc").join(process.to_string()).exists();
        if process.is_some_and(is_left) {
            remove(namespace)?;
        }
    }
    Ok(())
}

#[test]
fn a_cut_host_loses_packets_until_it_is_reconnected() {
    // A host that answers refuses the connection.
    const TRY: &str = "import socket, sys
try: socket.create_connection((sys.argv[1], 9), timeout=1)
except ConnectionRefusedError: sys.exit(0)
except OSError: sys.exit(7)";
    let Some(network) = Network::start(&["near", "far"]) else { return };
    let (near, far) = (network.host("near"), network.host("far"));
    let reaches = || {
        let mut attempt = Command::new("python3");
        attempt.args(["-c", TRY, near.address()]);
        match far.command(&attempt).status().unwrap().code() {
            Some(0) => true,
            Some(7) => false,
            other => panic!("{other:?}"),
        }
    };
    assert!(reaches());
    far.cut_off();
    assert!(!reaches());
    far.reconnect();
    assert!(reaches());
    near.lose();
    assert!(!reaches());
    let namespaces: Vec<_> = network.hosts.iter().map(|host| host.namespace.clone()).collect();
    let exist = || {
        let names = run("ip", ["netns", "list"]).unwrap();
        namespaces.iter().any(|namespace| names.contains(namespace))
    };
    assert!(exist());
    drop(network);
    assert!(!exist());
}
