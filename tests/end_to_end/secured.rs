//! The product over TLS, with client certificates and API keys, and with payload encryption: the seed's own environment
//! block against a server behind a proxy that asks for certificates, and every refusal in its own words.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use portable_pty::CommandBuilder;
use prost::Message;
use serde_json::Value;
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    workflowservice::v1::{
        DescribeWorkflowExecutionRequest, GetWorkflowExecutionHistoryRequest, ListWorkflowExecutionsRequest,
    },
};
use tonic::IntoRequest;
use url::Url;

use crate::{
    authority::{Authority, Certified, Validity},
    proxy::{HTTP2, HeaderProxy, ProxyOptions, TlsProxy},
    sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox, address, offline, program, text},
    screen::Screen,
};

/// The name in the certificates of these servers.
const NAME: &str = "temporal.test";

/// One server behind TLS, and a client that it knows.
struct Room {
    sandbox: Sandbox,
    root: Authority,
    client: Certified,
    /// What every command gets from its environment.
    settings: Vec<(&'static str, String)>,
}

impl Room {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let root = Authority::new(sandbox.folder.path(), "root");
        let client = root.client("tclient-myns", Validity::NOW);
        Self { sandbox, root, client, settings: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.sandbox.folder.path()
    }

    /// A proxy that asks for a client certificate.
    fn proxy(&self) -> TlsProxy {
        let certificate = self.root.server(&[NAME, "127.0.0.1"], Validity::NOW);
        TlsProxy::start(address(), &ProxyOptions { certificate, client_ca: Some(self.root.certificate()), alpn: HTTP2 })
    }

    fn set(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value));
    }

    fn unset(&mut self, name: &str) {
        self.settings.retain(|(known, _)| *known != name);
    }

    /// This sandbox on a server at `address`.
    fn on(&mut self, address: &str) {
        let (queue, database) = (self.sandbox.queue.clone(), self.sandbox.database.clone());
        self.set("TEMPORAL_ADDRESS", address);
        self.set("TASKQUEUE", queue);
        self.set("DATABASE", database);
    }

    /// The seed's environment block: only its addresses and paths are others, the task queue is this test's, and what
    /// `encrypt` says is on.
    fn seeds_block(&mut self, address: &str, encrypt: bool) {
        let (queue, client) = (self.sandbox.queue.clone(), self.client.clone());
        self.set("TEMPORAL_HOST_URL", address);
        self.set("TEMPORAL_NAMESPACE", "default");
        self.set("TEMPORAL_TLS_CERT", client.certificate);
        self.set("TEMPORAL_TLS_KEY", client.key);
        self.set("TEMPORAL_SERVER_ROOT_CA_CERT", self.root.path());
        self.set("TEMPORAL_SERVER_NAME", NAME);
        self.set("TEMPORAL_INSECURE_SKIP_VERIFY", "false");
        self.set("TRANSFER_MONEY_TASK_QUEUE", queue);
        self.set("CHECK_TRANSFER_TASKQUEUE_TIMER", "20");
        self.set("ENCRYPT_PAYLOAD", encrypt.to_string());
        self.set("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey");
        self.set("LOG_LEVEL", "debug");
        self.set("MYSQL_HOST", "localhost");
        self.set("MYSQL_DATABASE", "dataentry");
        self.set("MYSQL_USER", "mysqluser");
        self.set("MYSQL_PASSWORD", "mysqlpw");
        self.set("DATABASE", self.sandbox.database.clone());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.path());
        command.args(arguments).envs(self.settings.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (said, problem) = text(&output);
        assert!(output.status.success(), "{arguments:?}: {said}{problem}");
        said
    }

    /// An order of this test's own: on the server that all tests share, one of the same id would be joined.
    fn order(&self) -> String {
        self.sandbox.queue.replace("queue", "A")
    }

    /// The sentence with which a command gives up.
    #[track_caller]
    fn refusal(&self, code: i32) -> String {
        let output = self.run(&["start", "A12", "123456", "10", "--faults", "none"]);
        let (said, problem) = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}{problem}");
        problem
    }

    fn serve(&self, arguments: &[&str], ready: &str) -> Serving {
        // A pipe that nobody empties would stop it.
        let log = self.path().join(format!("{}.log", arguments[0]));
        let log_file = std::fs::File::create(&log).unwrap();
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(log_file).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let serving = Serving { child, line };
        let line = &serving.line;
        assert!(line.starts_with(ready), "{arguments:?}: {line}{}", std::fs::read_to_string(log).unwrap());
        serving
    }

    fn worker(&self) -> Serving {
        self.serve(&["worker"], "worker ")
    }

    /// The dashboard in a terminal, with these settings and no flag but `arguments`.
    fn dashboard(&self, arguments: &[&str]) -> Screen {
        let mut command = CommandBuilder::new(PROGRAM);
        for name in idempotence::config::NAMES.iter().filter(|name| name.name != "TEMPORAL_CLI") {
            command.env_remove(name.name);
        }
        for (name, value) in [("XDG_STATE_HOME", self.path()), ("XDG_CONFIG_HOME", self.path())] {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        self.settings.iter().for_each(|(name, value)| command.env(name, value));
        command.cwd(self.path());
        command.args(arguments);
        Screen::run(command, 120, 40)
    }
}

/// A process that is asked to stop when the test is over.
struct Serving {
    child: Child,
    line: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}

/// All that the server has of a run, and of the list of runs, as it lies there.
async fn everything_stored(run: &WorkflowExecution) -> Vec<u8> {
    let url = Url::parse(&format!("http://{}", address())).unwrap();
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await.unwrap();
    let (namespace, execution) = ("default".to_owned(), Some(run.clone()));
    let mut stored = Vec::new();
    let mut next_page_token = Vec::new();
    loop {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: namespace.clone(),
            execution: execution.clone(),
            next_page_token,
            ..Default::default()
        };
        let asked = connection.workflow_service().get_workflow_execution_history(request.into_request()).await;
        let page = asked.unwrap().into_inner();
        stored.extend(page.encode_to_vec());
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() {
            break;
        }
    }
    let request = DescribeWorkflowExecutionRequest { namespace: namespace.clone(), execution };
    let described = connection.workflow_service().describe_workflow_execution(request.into_request()).await;
    stored.extend(described.unwrap().into_inner().encode_to_vec());
    let query = format!("WorkflowId = '{}'", run.workflow_id);
    let request = ListWorkflowExecutionsRequest { namespace, query, ..Default::default() };
    let listed = connection.workflow_service().list_workflow_executions(request.into_request()).await;
    stored.extend(listed.unwrap().into_inner().encode_to_vec());
    stored
}

fn holds(stored: &[u8], words: &str) -> bool {
    stored.windows(words.len()).any(|window| window == words.as_bytes())
}

fn run_of(answer: &str) -> WorkflowExecution {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let id = |name: &str| answer[name].as_str().unwrap().to_owned();
    WorkflowExecution { workflow_id: id("workflowID"), run_id: id("runID") }
}

/// What must be nowhere on the server: the order, the product, and what went wrong.
const SECRETS: [&str; 6] = ["ZEBRA-77", "123456", "RANDOM ERROR", "QUAGGA-78", "no 424242 here", "424242"];

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_environment_block_drives_worker_starter_and_dashboard_and_the_server_can_read_nothing() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let proxy = room.proxy();
    room.seeds_block(&proxy.address(), true);
    let without_key = room.refusal(2);
    assert!(without_key.contains("idempotence keys add 'mysecretkey'"), "{without_key}");
    room.succeed(&["keys", "add"]);
    assert!(room.succeed(&["keys"]).contains("mysecretkey  encrypts and decrypts"));

    let worker = room.worker();
    let once = "update.after-commit=1*error";
    let placed = room.succeed(&["start", "ZEBRA-77", "123456", "999", "--faults", once, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&placed).unwrap()["stockAfter"], 1001);
    // The failure of the second is told to who has the key.
    let rejected = room.run(&["start", "QUAGGA-78", "424242", "1", "--faults", "none", "--json"]);
    let (said, problem) = text(&rejected);
    assert_eq!(rejected.status.code(), Some(1), "{said}{problem}");
    assert!(problem.contains("424242"), "{problem}");
    let (placed, rejected) = (run_of(&placed), run_of(&said));
    for run in [&placed, &rejected] {
        let stored = everything_stored(run).await;
        assert!(holds(&stored, "binary/encrypted") && holds(&stored, "mysecretkey"), "it is the history");
        for secret in SECRETS {
            assert!(!holds(&stored, secret), "{secret} is in the clear on the server");
        }
    }
    // The same start joins the same workflow id, which is a hash of the order.
    let again = room.succeed(&["start", "ZEBRA-77", "123456", "999", "--faults", "none", "--json"]);
    assert_eq!(run_of(&again).workflow_id, placed.workflow_id);
    drop(worker);

    let mut screen = room.dashboard(&[]);
    screen.wait_until("TLS, and encryption", |screen| screen.contains("connected TLS") && screen.contains("encrypted"));
    screen.wait_for("worker ● ready");
    screen.press("fo");
    screen.wait_for("#1 ! failed after commit");
    screen.wait_for("✓ applied once");
    // The same start once more, before the server has answered the first.
    screen.press("fffoD");
    screen.wait_for("+1 dup");
    screen.press("q");
    assert!(screen.leave().status.success());
    assert!(room.succeed(&["audit"]).starts_with("right"));
    for workflow in workflows_of(&room.sandbox.queue).await {
        let hash = workflow.strip_prefix("order-").unwrap();
        assert!(
            hash.len() == 26 && hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "{hash}"
        );
    }
}

/// The workflow ids of all orders on a task queue.
async fn workflows_of(queue: &str) -> Vec<String> {
    let url = Url::parse(&format!("http://{}", address())).unwrap();
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await.unwrap();
    let query = format!("TaskQueue = '{queue}'");
    let request = ListWorkflowExecutionsRequest { namespace: "default".to_owned(), query, ..Default::default() };
    let listed = connection.workflow_service().list_workflow_executions(request.into_request()).await;
    let listed = listed.unwrap().into_inner().executions;
    assert!(listed.len() >= 5, "{listed:?}");
    listed.into_iter().map(|found| found.execution.unwrap().workflow_id).collect()
}

#[test]
fn an_address_that_says_https_and_flags_reach_the_worker_that_is_started() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let certificate = room.root.server(&["127.0.0.1"], Validity::NOW);
    let proxy = TlsProxy::start(address(), &ProxyOptions { certificate, client_ca: None, alpn: HTTP2 });
    room.set("TEMPORAL_ADDRESS", format!("https://{}", proxy.address()));
    room.set("SSL_CERT_FILE", room.root.path());
    let by_system = room.succeed(&["demo", "happy-path"]);
    assert!(by_system.contains("verdict right"), "{by_system}");
    // Encryption that only a flag asks for, on a server of the scenario's own, which speaks no TLS.
    room.set("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey");
    room.succeed(&["keys", "add"]);
    let own = room.succeed(&["--encrypt-payload", "demo", "server-restart"]);
    assert!(own.contains("verdict right"), "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_encryption_the_same_words_are_there_to_be_found() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let proxy = room.proxy();
    room.seeds_block(&proxy.address(), false);
    let _worker = room.worker();
    let placed = room.succeed(&["start", "ZEBRA-77", "123456", "9", "--faults", "none", "--json"]);
    let stored = everything_stored(&run_of(&placed)).await;
    assert!(holds(&stored, "ZEBRA-77") && holds(&stored, "123456"), "the search finds what is there");
}

#[test]
fn each_thing_that_can_be_wrong_with_certificates_has_its_own_sentence() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let other = Authority::new(room.path(), "other");
    let proxy = room.proxy();
    room.seeds_block(&proxy.address(), false);
    let trusted = room.root.path();
    let files = |room: &mut Room, certificate: &Path, key: &Path| {
        room.set("TEMPORAL_TLS_CERT", certificate);
        room.set("TEMPORAL_TLS_KEY", key);
    };
    let identity = |room: &mut Room, certified: &Certified| files(room, &certified.certificate, &certified.key);
    let known = room.client.clone();
    let asserted = |room: &Room, code, words: &[&str]| {
        let said = room.refusal(code);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };

    room.set("TEMPORAL_SERVER_ROOT_CA_CERT", other.path());
    asserted(&room, 1, &["is signed by '", "root", "set TEMPORAL_SERVER_ROOT_CA_CERT"]);
    room.set("TEMPORAL_SERVER_ROOT_CA_CERT", &trusted);
    room.set("TEMPORAL_SERVER_NAME", "temporal.example");
    asserted(&room, 1, &["is for temporal.test, 127.0.0.1, not for 'temporal.example'", "set TEMPORAL_SERVER_NAME"]);
    room.set("TEMPORAL_SERVER_NAME", NAME);

    room.unset("TEMPORAL_TLS_KEY");
    asserted(&room, 2, &["TEMPORAL_TLS_CERT in the environment is set but TEMPORAL_TLS_KEY is not"]);
    room.unset("TEMPORAL_TLS_CERT");
    asserted(&room, 1, &["requires a client certificate", "set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY"]);
    identity(&mut room, &other.client("stranger", Validity::NOW));
    asserted(&room, 1, &["rejects the client certificate"]);
    let (late, early) = (room.root.client("late", Validity::Expired), room.root.client("early", Validity::NotYet));
    identity(&mut room, &late);
    asserted(&room, 1, &["TEMPORAL_TLS_CERT in the environment expired on "]);
    identity(&mut room, &early);
    asserted(&room, 1, &["is not valid before ", "check the clock"]);
    files(&mut room, &known.certificate, &other.client("second", Validity::NOW).key);
    asserted(&room, 1, &["do not belong together"]);
    files(&mut room, &known.certificate, &known.certificate);
    asserted(&room, 1, &["TEMPORAL_TLS_KEY in the environment has no private key in PEM form"]);
    files(&mut room, &known.key, &known.key);
    asserted(&room, 1, &["TEMPORAL_TLS_CERT in the environment has no certificate in PEM form"]);
    files(&mut room, Path::new("/nowhere.pem"), &known.key);
    asserted(&room, 2, &["\"/nowhere.pem\", which cannot be read"]);
    identity(&mut room, &known);

    room.set("TEMPORAL_NAMESPACE", "no-such-namespace");
    asserted(&room, 1, &["has no namespace 'no-such-namespace'", "temporal operator namespace create"]);
    room.set("TEMPORAL_NAMESPACE", "default");
    for (validity, words) in [(Validity::Expired, "expired on "), (Validity::NotYet, "is not valid before ")] {
        let certificate = room.root.server(&[NAME], validity);
        proxy.change(&ProxyOptions { certificate, client_ca: Some(room.root.certificate()), alpn: HTTP2 });
        asserted(&room, 1, &["the certificate of 127.0.0.1:", words]);
    }
    // A server without TLS, asked with it; and the other way round.
    room.set("TEMPORAL_HOST_URL", address());
    asserted(&room, 1, &["does not use TLS", "TEMPORAL_TLS=false"]);
    room.settings.retain(|(name, _)| !name.starts_with("TEMPORAL_"));
    room.set("TEMPORAL_HOST_URL", proxy.address());
    asserted(&room, 1, &["TEMPORAL_TLS=true"]);
}

#[test]
fn an_api_key_goes_with_every_call_and_never_without_tls_or_verification() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let certificate = room.root.server(&["127.0.0.1"], Validity::NOW);
    let list = "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace";
    let options = ProxyOptions { certificate, client_ca: None, alpn: HTTP2 };
    let proxy = HeaderProxy::start(address(), &options, "the-key", &[]);
    room.on(&proxy.address());
    room.set("TEMPORAL_SERVER_ROOT_CA_CERT", room.root.path());
    let without = room.refusal(1);
    assert!(
        without.contains("does not accept the credentials") && without.contains("set TEMPORAL_API_KEY"),
        "{without}"
    );
    let unkeyed = proxy.requests().without_key;
    room.set("TEMPORAL_API_KEY", "the-wrong-key");
    let wrong = room.refusal(1);
    assert!(wrong.contains("does not accept the credentials") && !wrong.contains("the-wrong-key"), "{wrong}");
    room.set("TEMPORAL_API_KEY", "the-key");
    let _worker = room.worker();
    let placed = room.succeed(&["start", &room.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let doctor = room.succeed(&["doctor"]);
    assert!(doctor.contains("TLS, with an API key; the server's certificate is by "), "{doctor}");
    assert!(!doctor.contains("the-key"), "{doctor}");
    assert_eq!(proxy.requests().without_key, unkeyed, "every call of a client with a key brings it");

    room.set("TEMPORAL_INSECURE_SKIP_VERIFY", "true");
    assert!(room.refusal(2).contains("whoever answers would get the API key"));
    room.unset("TEMPORAL_INSECURE_SKIP_VERIFY");
    room.set("TEMPORAL_TLS", "false");
    assert!(room.refusal(2).contains("needs TLS"));
    room.unset("TEMPORAL_TLS");

    let forbidding = HeaderProxy::start(address(), &options, "the-key", &[list]);
    room.set("TEMPORAL_ADDRESS", forbidding.address());
    let forbidden = room.refusal(1);
    assert!(forbidden.contains("does not permit access to namespace 'default'"), "{forbidden}");
}

#[test]
fn verification_can_be_skipped_and_everything_says_so() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let proxy = room.proxy();
    room.seeds_block(&proxy.address(), false);
    room.unset("TEMPORAL_SERVER_ROOT_CA_CERT");
    room.set("TEMPORAL_SERVER_NAME", "another.name");
    room.refusal(1);
    room.set("TEMPORAL_INSECURE_SKIP_VERIFY", "true");
    let _worker = room.worker();
    let placed = room.succeed(&["start", &room.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let doctor = room.succeed(&["doctor"]);
    assert!(doctor.contains("INSECURE") && doctor.contains("NOT VERIFIED"), "{doctor}");
    assert!(doctor.contains("export TEMPORAL_INSECURE_SKIP_VERIFY=false"), "{doctor}");
    let screen = room.dashboard(&["dashboard", "--no-worker"]);
    screen.wait_for(" TLS UNVERIFIED ");
    let log = std::fs::read_to_string(room.path().join("idempotence/idempotence.log")).unwrap();
    assert!(log.contains("INSECURE: the certificate of "), "{log}");
}

#[test]
fn a_link_over_tls_comes_back_when_the_server_does() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let mut proxy = room.proxy();
    room.seeds_block(&proxy.address(), false);
    let mut screen = room.dashboard(&[]);
    screen.wait_for("● ready");
    proxy.stop();
    screen.wait_for("✗ down");
    screen.wait_until("why", |screen| screen.contains("no connection") || screen.contains("nothing answers"));
    proxy.restart();
    screen.wait_for("● connected TLS");
    screen.press("fffo");
    screen.wait_for("✓ applied once");
    screen.press("q");
    assert!(screen.leave().status.success());
}

#[test]
fn a_profile_of_temporals_own_tools_connects_everything() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let proxy = room.proxy();
    let (certificate, key) = (room.client.certificate.clone(), room.client.key.clone());
    let profile = format!(
        "[profile.myns]\naddress = \"{}\"\nnamespace = \"default\"\n[profile.myns.tls]\nclient_cert_path = {certificate:?}\n\
         client_key_data = '''\n{}'''\nserver_ca_cert_path = {:?}\nserver_name = \"{NAME}\"\n",
        proxy.address(),
        std::fs::read_to_string(key).unwrap(),
        room.root.path()
    );
    let file = room.path().join("temporal.toml");
    std::fs::write(&file, profile).unwrap();
    room.set("TEMPORAL_CONFIG_FILE", &file);
    room.set("TASKQUEUE", room.sandbox.queue.clone());
    room.set("DATABASE", room.sandbox.database.clone());
    let _worker = room.serve(&["worker", "--profile", "myns"], "worker ");
    room.set("TEMPORAL_PROFILE", "myns");
    let placed = room.succeed(&["start", &room.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let shown = room.succeed(&["config"]);
    assert!(shown.contains("in profile \"myns\" of ") && !shown.contains("BEGIN"), "{shown}");
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let proxy = room.proxy();
    room.seeds_block(&proxy.address(), false);
    let soon = room.root.client("soon", Validity::For(Duration::from_hours(9 * 24 + 1)));
    room.set("TEMPORAL_TLS_CERT", &soon.certificate);
    room.set("TEMPORAL_TLS_KEY", &soon.key);
    let _worker = room.worker();
    let doctor = room.succeed(&["doctor", "--json"]);
    let doctor: Value = serde_json::from_str(&doctor).unwrap();
    assert_eq!(doctor["verdict"], "warning");
    let checks = doctor["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == "certificates").unwrap();
    let says = found["says"].as_str().unwrap();
    assert!(says.starts_with("the certificate of TEMPORAL_TLS_CERT in the environment expires in 9 days"), "{says}");
    room.succeed(&["start", &room.order(), "123456", "10", "--faults", "none"]);
    let log = std::fs::read_to_string(room.path().join("idempotence/idempotence.log")).unwrap();
    assert!(log.contains("expires in 9 days"), "{log}");
}

#[test]
fn the_codec_server_makes_temporals_own_command_read_what_is_encrypted() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    room.on(address());
    room.set("ENCRYPT_PAYLOAD", "true");
    room.set("DATACONVERTER_ENCRYPTION_KEY_ID", "first");
    room.succeed(&["keys", "add"]);
    let worker = room.worker();
    let old = run_of(&room.succeed(&["start", "ZEBRA-1", "123456", "10", "--faults", "none", "--json"]));
    // The keys are rotated: a new one encrypts, the old one still decrypts.
    room.succeed(&["keys", "add", "second"]);
    room.set("DATACONVERTER_ENCRYPTION_KEY_ID", "second");
    drop(worker);
    let _worker = room.worker();
    let new = run_of(&room.succeed(&["start", "ZEBRA-2", "123456", "10", "--faults", "none", "--json"]));
    room.set("IDEMPOTENCE_CODEC_TOKEN", "a-token-that-nobody-guesses");
    let server = room.serve(&["codec-server", "--listen", "127.0.0.1:0"], "codec server at ");
    let endpoint = server.line.split([' ', ',']).find(|word| word.starts_with("http://")).unwrap();
    let search = idempotence::server::Search {
        setting: std::env::var_os("TEMPORAL_CLI").map(PathBuf::from),
        cache_dir: PathBuf::from(cache_dir(&room)),
    };
    let temporal = idempotence::server::locate(&search).unwrap().expect("the server that runs came from it");
    let show = |run: &WorkflowExecution, codec: &[&str]| {
        let mut command = Command::new(&temporal);
        command.args([
            "workflow",
            "show",
            "--output",
            "json",
            "--address",
            address(),
            "--workflow-id",
            &run.workflow_id,
        ]);
        let output = command.args(codec).env("HOME", room.path()).output().unwrap();
        let (said, problem) = text(&output);
        assert!(output.status.success(), "{problem}");
        said
    };
    let codec = ["--codec-endpoint", endpoint, "--codec-auth", "Bearer a-token-that-nobody-guesses"];
    for (run, order) in [(&old, "ZEBRA-1"), (&new, "ZEBRA-2")] {
        // The command shows the bytes of a payload in base 64.
        let input = BASE64_STANDARD_NO_PAD.encode(format!("{{\"OrderID\":\"{order}\""));
        assert!(!show(run, &[]).contains(&input));
        assert!(show(run, &codec).contains(&input), "{}", show(run, &codec));
    }
    room.unset("IDEMPOTENCE_CODEC_TOKEN");
    let open = room.run(&["codec-server", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open).1.contains("token"), "{}", text(&open).1);
}

/// The cache of whoever runs the tests, which has the server's program.
fn cache_dir(room: &Room) -> String {
    let shown: Value = serde_json::from_str(&room.succeed(&["config", "--json"])).unwrap();
    shown["settings"]["cache_dir"]["value"].as_str().unwrap().to_owned()
}

#[test]
fn doctor_says_what_is_wrong_and_what_mends_it() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    // Nobody may listen at a port so low, and hardly anybody who may does.
    room.on("127.0.0.1:1");
    let output = room.run(&["doctor"]);
    let (said, _) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("WRONG    server") && said.contains("fix: idempotence server"), "{said}");
    room.set("TEMPORAL_ADDRESS", address());
    let nobody = room.run(&["doctor"]);
    assert!(text(&nobody).0.contains("fix: idempotence worker"), "{}", text(&nobody).0);
    room.set("TEMPORAL_NAMESPACE", "nowhere");
    assert!(text(&room.run(&["doctor"])).0.contains("fix: temporal operator namespace create -n 'nowhere'"));
    room.unset("TEMPORAL_NAMESPACE");
    {
        let _worker = room.worker();
        let said = room.succeed(&["doctor"]);
        assert!(said.ends_with("no problems found\n") && said.contains("is polling '"), "{said}");
        assert_eq!(said.matches("right ").count(), said.lines().count() - 1, "{said}");
    }
    room.set("TEMPORAL_TLS", "maybe");
    let settings = room.run(&["doctor", "--json"]);
    assert_eq!(settings.status.code(), Some(2));
    let answer: Value = serde_json::from_slice(&settings.stdout).unwrap();
    assert_eq!((answer["verdict"].as_str(), answer["checks"][0]["check"].as_str()), (Some("wrong"), Some("settings")));
    room.unset("TEMPORAL_TLS");
    std::fs::write(&room.sandbox.database, "{ not json").unwrap();
    let damaged = room.run(&["doctor"]);
    assert_eq!(damaged.status.code(), Some(1), "{}", text(&damaged).0);
}

#[test]
fn a_worker_tells_its_figures_where_a_setting_asks() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    room.on(address());
    room.set("IDEMPOTENCE_METRICS", "localhost:0");
    let _worker = room.worker();
    // It says in its log which port it got.
    let log = std::fs::read_to_string(room.path().join("worker.log")).unwrap();
    let port = log.split("metrics at http://127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    room.set("IDEMPOTENCE_METRICS", port);
    room.succeed(&["start", &room.order(), "123456", "10", "--faults", "update.after-commit=1*error"]);
    let said = room.succeed(&["doctor"]);
    assert!(said.contains(&format!("http://127.0.0.1:{port}/metrics answers")), "{said}");
    let page = crate::metrics::get(&format!("127.0.0.1:{port}"));
    for line in [
        "idempotence_orders_total{outcome=\"applied\"} 1",
        "idempotence_replays_total{activity_type=\"UpdateInventoryActivity\"} 1",
        "idempotence_retries_total{activity_type=\"UpdateInventoryActivity\"} 1",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
    assert!(page.contains("temporal_request_total") && !page.contains("123456"), "{page}");
}

/// An HTTP proxy that tunnels every request to `upstream`, whatever name it is asked for; with the requests.
fn connect_proxy(upstream: &str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, upstream) = (listener.local_addr().unwrap().to_string(), upstream.to_owned());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&upstream).unwrap());
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            // The receiver is gone when the test is over.
            let _ = sender.send(String::from_utf8(head).unwrap());
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from_client, &mut to_server));
            thread::spawn(move || io::copy(&mut server, &mut client));
        }
    });
    (address, requests)
}

#[test]
fn a_server_is_reached_through_the_proxy_that_resolves_its_name() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    let (proxy, requests) = connect_proxy(address());
    room.on("temporal.invalid:7233");
    room.set("TEMPORAL_TLS", "false");
    room.set("NO_PROXY", "");
    room.set("HTTPS_PROXY", format!("http://me:hunter2@{proxy}"));
    let _worker = room.worker();
    let placed = room.succeed(&["start", &room.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let request = requests.recv().unwrap();
    assert!(request.starts_with("CONNECT temporal.invalid:7233 HTTP/1.1\r\n"), "{request}");
    let (said, problem) = text(&room.run(&["doctor"]));
    assert!(said.contains(&format!("through the proxy {proxy}")), "{said}");
    assert!(!format!("{said}{problem}").contains("hunter2"), "{said}{problem}");
    // A port on which nothing listens, and a server that NO_PROXY names.
    room.set("HTTPS_PROXY", "http://127.0.0.1:1");
    let refused = room.refusal(1);
    assert!(refused.contains("the proxy 127.0.0.1:1 (HTTPS_PROXY in the environment) does not connect"), "{refused}");
    room.set("NO_PROXY", "invalid");
    assert!(room.refusal(1).contains("the host name 'temporal.invalid' of temporal.invalid:7233 has no address"));
    // Another kind of proxy is not used, and the failed direct connection says so.
    room.unset("NO_PROXY");
    room.set("HTTPS_PROXY", "socks5://127.0.0.1:1");
    let refused = room.refusal(1);
    let said = refused.lines().last().unwrap_or_default();
    assert!(
        said.contains("has no address") && said.contains("HTTPS_PROXY in the environment had no effect"),
        "{refused}"
    );
}

#[test]
fn a_proxy_that_agrees_and_then_closes_or_stalls_is_named() {
    let mut room = Room::new();
    room.on("temporal.invalid:7233");
    room.set("TEMPORAL_TLS", "false");
    room.set("NO_PROXY", "");
    room.set("IDEMPOTENCE_CONNECT_TIMEOUT", "1");
    for stalls in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut open = Vec::new();
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let _request = client.read(&mut [0; 4096]).unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                open.extend(stalls.then_some(client));
            }
        });
        room.set("HTTPS_PROXY", format!("http://{proxy}"));
        for tls in ["false", "true"] {
            room.set("TEMPORAL_TLS", tls);
            let refused = room.refusal(1);
            assert!(refused.contains(&format!("the proxy {proxy} (HTTPS_PROXY in the environment)")), "{refused}");
            assert!(refused.contains("no Temporal server answers through it"), "{refused}");
        }
    }
}

#[test]
fn doctor_finds_orders_that_the_worker_cannot_read() {
    if offline() {
        return;
    }
    let mut room = Room::new();
    room.on(address());
    let _worker = room.worker();
    room.set("ENCRYPT_PAYLOAD", "true");
    room.set("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey");
    room.succeed(&["keys", "add"]);
    let order = room.order();
    let _starter = room.serve(&["start", &order, "123456", "10", "--faults", "none"], "stock before");
    let since = Instant::now();
    let said = loop {
        let said = text(&room.run(&["doctor"])).0;
        if said.contains("WRONG    orders") || since.elapsed() > EVENT_TIMEOUT {
            break said;
        }
    };
    assert!(said.contains("WRONG    orders") && said.contains("encrypted with the key 'mysecretkey': start"), "{said}");
    assert!(said.contains("DATACONVERTER_ENCRYPTION_KEY_ID=mysecretkey IDEMPOTENCE_ENCRYPTION_KEY_FILE="), "{said}");
    // A client with another key, and one without.
    room.set("DATACONVERTER_ENCRYPTION_KEY_ID", "other");
    room.set("IDEMPOTENCE_ENCRYPTION_KEY_FILE", "other.toml");
    room.succeed(&["keys", "add"]);
    for encrypts in ["true", "false"] {
        room.set("ENCRYPT_PAYLOAD", encrypts);
        let said = text(&room.run(&["doctor"])).0;
        assert!(said.contains("encrypted with the key 'mysecretkey', and this client cannot decrypt it"), "{said}");
        assert!(!said.contains("KEY_ID=other"), "{said}");
    }
}
