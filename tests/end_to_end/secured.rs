//! The program over TLS, with client certificates, API keys and payload encryption. One test uses the original demo's
//! environment block behind a proxy that requires certificates; others check the message of every refusal.

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

/// Name of these servers in their certificates.
const NAME: &str = "temporal.test";

/// A sandbox with a certificate authority, a client certificate, and settings for the commands.
struct SecuredSandbox {
    sandbox: Sandbox,
    root: Authority,
    client: Certified,
    /// Environment variables of every command.
    settings: Vec<(&'static str, String)>,
}

impl SecuredSandbox {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let root = Authority::new(sandbox.folder.path(), "root");
        let client = root.client("tclient-myns", Validity::NOW);
        Self { sandbox, root, client, settings: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.sandbox.folder.path()
    }

    /// Starts a proxy that requires a client certificate.
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

    /// Sets the server's address, and the task queue and database of this sandbox.
    fn on(&mut self, address: &str) {
        let (queue, database) = (self.sandbox.queue.clone(), self.sandbox.database.clone());
        self.set("TEMPORAL_ADDRESS", address);
        self.set("TASKQUEUE", queue);
        self.set("DATABASE", database);
    }

    /// Sets the original demo's environment block, with other addresses and paths, this test's task queue, and
    /// encryption if `encrypt` is true.
    fn set_original_environment(&mut self, address: &str, encrypt: bool) {
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

    /// Returns an order id that is unique to this test. On the shared server, a start would join an order with the same
    /// id.
    fn order(&self) -> String {
        self.sandbox.queue.replace("queue", "A")
    }

    /// Returns the message of a `start` that fails with this exit code.
    #[track_caller]
    fn refusal(&self, code: i32) -> String {
        let output = self.run(&["start", "A12", "123456", "10", "--faults", "none"]);
        let (said, problem) = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}{problem}");
        problem
    }

    fn serve(&self, arguments: &[&str], ready: &str) -> ServerProcess {
        // The process would block on a pipe that is not read.
        let log = self.path().join(format!("{}.log", arguments[0]));
        let log_file = std::fs::File::create(&log).unwrap();
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(log_file).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let server_process = ServerProcess { child, line };
        let line = &server_process.line;
        assert!(line.starts_with(ready), "{arguments:?}: {line}{}", std::fs::read_to_string(log).unwrap());
        server_process
    }

    fn worker(&self) -> ServerProcess {
        self.serve(&["worker"], "worker ")
    }

    /// Opens the dashboard in a terminal, with these settings and no flags except `arguments`.
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

/// A process, which is killed on drop.
struct ServerProcess {
    child: Child,
    line: String,
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}

/// Returns everything that the server stores about a run and its entry in the list of runs, as stored.
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

fn contains(stored: &[u8], words: &str) -> bool {
    stored.windows(words.len()).any(|window| window == words.as_bytes())
}

fn run_of(answer: &str) -> WorkflowExecution {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let id = |name: &str| answer[name].as_str().unwrap().to_owned();
    WorkflowExecution { workflow_id: id("workflowID"), run_id: id("runID") }
}

/// Texts that must not be readable on the server, from orders, products and failures.
const SECRETS: [&str; 6] = ["ZEBRA-77", "123456", "RANDOM ERROR", "QUAGGA-78", "no 424242 here", "424242"];

#[tokio::test(flavor = "multi_thread")]
async fn the_original_environment_block_works_everywhere_and_the_server_can_read_nothing() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let proxy = secured.proxy();
    secured.set_original_environment(&proxy.address(), true);
    let without_key = secured.refusal(2);
    assert!(without_key.contains("idempotence keys add 'mysecretkey'"), "{without_key}");
    secured.succeed(&["keys", "add"]);
    assert!(secured.succeed(&["keys"]).contains("mysecretkey  encrypts and decrypts"));

    let worker = secured.worker();
    let once = "update.after-commit=1*error";
    let placed = secured.succeed(&["start", "ZEBRA-77", "123456", "999", "--faults", once, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&placed).unwrap()["stockAfter"], 1001);
    // The client with the key can read the failure of the second order.
    let rejected = secured.run(&["start", "QUAGGA-78", "424242", "1", "--faults", "none", "--json"]);
    let (said, problem) = text(&rejected);
    assert_eq!(rejected.status.code(), Some(1), "{said}{problem}");
    assert!(problem.contains("424242"), "{problem}");
    let (placed, rejected) = (run_of(&placed), run_of(&said));
    for run in [&placed, &rejected] {
        let stored = everything_stored(run).await;
        assert!(contains(&stored, "binary/encrypted") && contains(&stored, "mysecretkey"), "it is the history");
        for secret in SECRETS {
            assert!(!contains(&stored, secret), "{secret} is in the clear on the server");
        }
    }
    // The same start joins the same workflow id, which is a hash of the order id.
    let again = secured.succeed(&["start", "ZEBRA-77", "123456", "999", "--faults", "none", "--json"]);
    assert_eq!(run_of(&again).workflow_id, placed.workflow_id);
    drop(worker);

    let mut screen = secured.dashboard(&[]);
    screen.wait_until("TLS, and encryption", |screen| screen.contains("connected TLS") && screen.contains("encrypted"));
    screen.wait_for("worker ● ready");
    screen.press("fo");
    screen.wait_for("#1 ! failed after commit");
    screen.wait_for("✓ applied once");
    // The same start again, before the server has answered the first one.
    screen.press("fffoD");
    screen.wait_for("+1 dup");
    screen.press("q");
    assert!(screen.leave().status.success());
    assert!(secured.succeed(&["audit"]).starts_with("right"));
    for workflow in workflows_of(&secured.sandbox.queue).await {
        let hash = workflow.strip_prefix("order-").unwrap();
        assert!(
            hash.len() == 26 && hash.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "{hash}"
        );
    }
}

/// Returns the workflow ids of all orders on a task queue.
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
fn an_https_address_and_flags_apply_to_the_started_worker_too() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let certificate = secured.root.server(&["127.0.0.1"], Validity::NOW);
    let proxy = TlsProxy::start(address(), &ProxyOptions { certificate, client_ca: None, alpn: HTTP2 });
    secured.set("TEMPORAL_ADDRESS", format!("https://{}", proxy.address()));
    secured.set("SSL_CERT_FILE", secured.root.path());
    let by_system = secured.succeed(&["demo", "happy-path"]);
    assert!(by_system.contains("verdict right"), "{by_system}");
    // A flag alone enables encryption, on the scenario's own server, which has no TLS.
    secured.set("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey");
    secured.succeed(&["keys", "add"]);
    let own = secured.succeed(&["--encrypt-payload", "demo", "server-restart"]);
    assert!(own.contains("verdict right"), "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_encryption_the_same_texts_are_found_on_the_server() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let proxy = secured.proxy();
    secured.set_original_environment(&proxy.address(), false);
    let _worker = secured.worker();
    let placed = secured.succeed(&["start", "ZEBRA-77", "123456", "9", "--faults", "none", "--json"]);
    let stored = everything_stored(&run_of(&placed)).await;
    assert!(contains(&stored, "ZEBRA-77") && contains(&stored, "123456"), "the search finds unencrypted texts");
}

#[test]
fn each_certificate_problem_has_its_own_message() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let other = Authority::new(secured.path(), "other");
    let proxy = secured.proxy();
    secured.set_original_environment(&proxy.address(), false);
    let trusted = secured.root.path();
    let files = |secured: &mut SecuredSandbox, certificate: &Path, key: &Path| {
        secured.set("TEMPORAL_TLS_CERT", certificate);
        secured.set("TEMPORAL_TLS_KEY", key);
    };
    let identity =
        |secured: &mut SecuredSandbox, certified: &Certified| files(secured, &certified.certificate, &certified.key);
    let known = secured.client.clone();
    let asserted = |secured: &SecuredSandbox, code, words: &[&str]| {
        let said = secured.refusal(code);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };

    secured.set("TEMPORAL_SERVER_ROOT_CA_CERT", other.path());
    asserted(&secured, 1, &["is signed by '", "root", "set TEMPORAL_SERVER_ROOT_CA_CERT"]);
    secured.set("TEMPORAL_SERVER_ROOT_CA_CERT", &trusted);
    secured.set("TEMPORAL_SERVER_NAME", "temporal.example");
    asserted(&secured, 1, &["is for temporal.test, 127.0.0.1, not for 'temporal.example'", "set TEMPORAL_SERVER_NAME"]);
    secured.set("TEMPORAL_SERVER_NAME", NAME);

    secured.unset("TEMPORAL_TLS_KEY");
    asserted(&secured, 2, &["TEMPORAL_TLS_CERT in the environment is set but TEMPORAL_TLS_KEY is not"]);
    secured.unset("TEMPORAL_TLS_CERT");
    asserted(&secured, 1, &["requires a client certificate", "set TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY"]);
    identity(&mut secured, &other.client("stranger", Validity::NOW));
    asserted(&secured, 1, &["rejects the client certificate"]);
    let (late, early) =
        (secured.root.client("late", Validity::Expired), secured.root.client("early", Validity::NotYet));
    identity(&mut secured, &late);
    asserted(&secured, 1, &["TEMPORAL_TLS_CERT in the environment expired on "]);
    identity(&mut secured, &early);
    asserted(&secured, 1, &["is not valid before ", "check the clock"]);
    files(&mut secured, &known.certificate, &other.client("second", Validity::NOW).key);
    asserted(&secured, 1, &["do not belong together"]);
    files(&mut secured, &known.certificate, &known.certificate);
    asserted(&secured, 1, &["TEMPORAL_TLS_KEY in the environment has no private key in PEM form"]);
    files(&mut secured, &known.key, &known.key);
    asserted(&secured, 1, &["TEMPORAL_TLS_CERT in the environment has no certificate in PEM form"]);
    files(&mut secured, Path::new("/nowhere.pem"), &known.key);
    asserted(&secured, 2, &["\"/nowhere.pem\", which cannot be read"]);
    identity(&mut secured, &known);

    secured.set("TEMPORAL_NAMESPACE", "no-such-namespace");
    asserted(&secured, 1, &["has no namespace 'no-such-namespace'", "temporal operator namespace create"]);
    secured.set("TEMPORAL_NAMESPACE", "default");
    for (validity, words) in [(Validity::Expired, "expired on "), (Validity::NotYet, "is not valid before ")] {
        let certificate = secured.root.server(&[NAME], validity);
        proxy.change(&ProxyOptions { certificate, client_ca: Some(secured.root.certificate()), alpn: HTTP2 });
        asserted(&secured, 1, &["the certificate of 127.0.0.1:", words]);
    }
    // A server without TLS is asked with TLS, and vice versa.
    secured.set("TEMPORAL_HOST_URL", address());
    asserted(&secured, 1, &["does not use TLS", "TEMPORAL_TLS=false"]);
    secured.settings.retain(|(name, _)| !name.starts_with("TEMPORAL_"));
    secured.set("TEMPORAL_HOST_URL", proxy.address());
    asserted(&secured, 1, &["TEMPORAL_TLS=true"]);
}

#[test]
fn an_api_key_is_sent_with_every_call_but_never_without_tls_or_verification() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let certificate = secured.root.server(&["127.0.0.1"], Validity::NOW);
    let list = "/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace";
    let options = ProxyOptions { certificate, client_ca: None, alpn: HTTP2 };
    let proxy = HeaderProxy::start(address(), &options, "the-key", &[]);
    secured.on(&proxy.address());
    secured.set("TEMPORAL_SERVER_ROOT_CA_CERT", secured.root.path());
    let without = secured.refusal(1);
    assert!(
        without.contains("does not accept the credentials") && without.contains("set TEMPORAL_API_KEY"),
        "{without}"
    );
    let unkeyed = proxy.requests().without_key;
    secured.set("TEMPORAL_API_KEY", "the-wrong-key");
    let wrong = secured.refusal(1);
    assert!(wrong.contains("does not accept the credentials") && !wrong.contains("the-wrong-key"), "{wrong}");
    secured.set("TEMPORAL_API_KEY", "the-key");
    let _worker = secured.worker();
    let placed = secured.succeed(&["start", &secured.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let doctor = secured.succeed(&["doctor"]);
    assert!(doctor.contains("TLS, with an API key; the server's certificate is by "), "{doctor}");
    assert!(!doctor.contains("the-key"), "{doctor}");
    assert_eq!(proxy.requests().without_key, unkeyed, "every call of a client with a key brings it");

    secured.set("TEMPORAL_INSECURE_SKIP_VERIFY", "true");
    assert!(secured.refusal(2).contains("any server could receive the API key"));
    secured.unset("TEMPORAL_INSECURE_SKIP_VERIFY");
    secured.set("TEMPORAL_TLS", "false");
    assert!(secured.refusal(2).contains("needs TLS"));
    secured.unset("TEMPORAL_TLS");

    let forbidding = HeaderProxy::start(address(), &options, "the-key", &[list]);
    secured.set("TEMPORAL_ADDRESS", forbidding.address());
    let forbidden = secured.refusal(1);
    assert!(forbidden.contains("does not permit access to namespace 'default'"), "{forbidden}");
}

#[test]
fn skipped_verification_is_shown_everywhere() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let proxy = secured.proxy();
    secured.set_original_environment(&proxy.address(), false);
    secured.unset("TEMPORAL_SERVER_ROOT_CA_CERT");
    secured.set("TEMPORAL_SERVER_NAME", "another.name");
    secured.refusal(1);
    secured.set("TEMPORAL_INSECURE_SKIP_VERIFY", "true");
    let _worker = secured.worker();
    let placed = secured.succeed(&["start", &secured.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let doctor = secured.succeed(&["doctor"]);
    assert!(doctor.contains("INSECURE") && doctor.contains("NOT VERIFIED"), "{doctor}");
    assert!(doctor.contains("export TEMPORAL_INSECURE_SKIP_VERIFY=false"), "{doctor}");
    let screen = secured.dashboard(&["dashboard", "--no-worker"]);
    screen.wait_for(" TLS UNVERIFIED ");
    let log = std::fs::read_to_string(secured.path().join("idempotence/idempotence.log")).unwrap();
    assert!(log.contains("INSECURE: the certificate of "), "{log}");
}

#[test]
fn a_tls_link_reconnects_when_the_server_returns() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let mut proxy = secured.proxy();
    secured.set_original_environment(&proxy.address(), false);
    let mut screen = secured.dashboard(&[]);
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
fn a_temporal_profile_configures_every_command() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let proxy = secured.proxy();
    let (certificate, key) = (secured.client.certificate.clone(), secured.client.key.clone());
    let profile = format!(
        "[profile.myns]\naddress = \"{}\"\nnamespace = \"default\"\n[profile.myns.tls]\nclient_cert_path = {certificate:?}\n\
         client_key_data = '''\n{}'''\nserver_ca_cert_path = {:?}\nserver_name = \"{NAME}\"\n",
        proxy.address(),
        std::fs::read_to_string(key).unwrap(),
        secured.root.path()
    );
    let file = secured.path().join("temporal.toml");
    std::fs::write(&file, profile).unwrap();
    secured.set("TEMPORAL_CONFIG_FILE", &file);
    secured.set("TASKQUEUE", secured.sandbox.queue.clone());
    secured.set("DATABASE", secured.sandbox.database.clone());
    let _worker = secured.serve(&["worker", "--profile", "myns"], "worker ");
    secured.set("TEMPORAL_PROFILE", "myns");
    let placed = secured.succeed(&["start", &secured.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let shown = secured.succeed(&["config"]);
    assert!(shown.contains("in profile \"myns\" of ") && !shown.contains("BEGIN"), "{shown}");
}

#[test]
fn a_certificate_that_expires_soon_gives_a_warning() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let proxy = secured.proxy();
    secured.set_original_environment(&proxy.address(), false);
    let soon = secured.root.client("soon", Validity::For(Duration::from_hours(9 * 24 + 1)));
    secured.set("TEMPORAL_TLS_CERT", &soon.certificate);
    secured.set("TEMPORAL_TLS_KEY", &soon.key);
    let _worker = secured.worker();
    let doctor = secured.succeed(&["doctor", "--json"]);
    let doctor: Value = serde_json::from_str(&doctor).unwrap();
    assert_eq!(doctor["verdict"], "warning");
    let checks = doctor["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == "certificates").unwrap();
    let says = found["says"].as_str().unwrap();
    assert!(says.starts_with("the certificate of TEMPORAL_TLS_CERT in the environment expires in 9 days"), "{says}");
    secured.succeed(&["start", &secured.order(), "123456", "10", "--faults", "none"]);
    let log = std::fs::read_to_string(secured.path().join("idempotence/idempotence.log")).unwrap();
    assert!(log.contains("expires in 9 days"), "{log}");
}

#[test]
fn the_temporal_cli_reads_encrypted_payloads_through_the_codec_server() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    secured.on(address());
    secured.set("ENCRYPT_PAYLOAD", "true");
    secured.set("DATACONVERTER_ENCRYPTION_KEY_ID", "first");
    secured.succeed(&["keys", "add"]);
    let worker = secured.worker();
    let old = run_of(&secured.succeed(&["start", "ZEBRA-1", "123456", "10", "--faults", "none", "--json"]));
    // Key rotation: a new key encrypts, and the old one still decrypts.
    secured.succeed(&["keys", "add", "second"]);
    secured.set("DATACONVERTER_ENCRYPTION_KEY_ID", "second");
    drop(worker);
    let _worker = secured.worker();
    let new = run_of(&secured.succeed(&["start", "ZEBRA-2", "123456", "10", "--faults", "none", "--json"]));
    secured.set("IDEMPOTENCE_CODEC_TOKEN", "a-token-for-this-test");
    let server = secured.serve(&["codec-server", "--listen", "127.0.0.1:0"], "codec server at ");
    let endpoint = server.line.split([' ', ',']).find(|word| word.starts_with("http://")).unwrap();
    let search = idempotence::server::Search {
        setting: std::env::var_os("TEMPORAL_CLI").map(PathBuf::from),
        cache_dir: PathBuf::from(cache_dir(&secured)),
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
        let output = command.args(codec).env("HOME", secured.path()).output().unwrap();
        let (said, problem) = text(&output);
        assert!(output.status.success(), "{problem}");
        said
    };
    let codec = ["--codec-endpoint", endpoint, "--codec-auth", "Bearer a-token-for-this-test"];
    for (run, order) in [(&old, "ZEBRA-1"), (&new, "ZEBRA-2")] {
        // The CLI shows payload bytes in base64.
        let input = BASE64_STANDARD_NO_PAD.encode(format!("{{\"OrderID\":\"{order}\""));
        assert!(!show(run, &[]).contains(&input));
        assert!(show(run, &codec).contains(&input), "{}", show(run, &codec));
    }
    secured.unset("IDEMPOTENCE_CODEC_TOKEN");
    let open = secured.run(&["codec-server", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open).1.contains("token"), "{}", text(&open).1);
}

/// Returns the user's cache folder, which contains the Temporal CLI.
fn cache_dir(secured: &SecuredSandbox) -> String {
    let shown: Value = serde_json::from_str(&secured.succeed(&["config", "--json"])).unwrap();
    shown["settings"]["cache_dir"]["value"].as_str().unwrap().to_owned()
}

#[test]
fn doctor_reports_problems_with_their_fixes() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    // Listening on this port requires privileges, and usually no service uses it.
    secured.on("127.0.0.1:1");
    let output = secured.run(&["doctor"]);
    let (said, _) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("WRONG    server") && said.contains("fix: idempotence server"), "{said}");
    secured.set("TEMPORAL_ADDRESS", address());
    let without_worker = secured.run(&["doctor"]);
    assert!(text(&without_worker).0.contains("fix: idempotence worker"), "{}", text(&without_worker).0);
    secured.set("TEMPORAL_NAMESPACE", "nowhere");
    assert!(text(&secured.run(&["doctor"])).0.contains("fix: temporal operator namespace create -n 'nowhere'"));
    secured.unset("TEMPORAL_NAMESPACE");
    {
        let _worker = secured.worker();
        let said = secured.succeed(&["doctor"]);
        assert!(said.ends_with("no problems found\n") && said.contains("is polling '"), "{said}");
        assert_eq!(said.matches("right ").count(), said.lines().count() - 1, "{said}");
    }
    secured.set("TEMPORAL_TLS", "maybe");
    let settings = secured.run(&["doctor", "--json"]);
    assert_eq!(settings.status.code(), Some(2));
    let answer: Value = serde_json::from_slice(&settings.stdout).unwrap();
    assert_eq!((answer["verdict"].as_str(), answer["checks"][0]["check"].as_str()), (Some("wrong"), Some("settings")));
    secured.unset("TEMPORAL_TLS");
    std::fs::write(&secured.sandbox.database, "{ not json").unwrap();
    let damaged = secured.run(&["doctor"]);
    assert_eq!(damaged.status.code(), Some(1), "{}", text(&damaged).0);
}

#[test]
fn a_worker_serves_metrics_if_enabled() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    secured.on(address());
    secured.set("IDEMPOTENCE_METRICS", "localhost:0");
    let _worker = secured.worker();
    // The worker logs the port that it uses.
    let log = std::fs::read_to_string(secured.path().join("worker.log")).unwrap();
    let port = log.split("metrics at http://127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    secured.set("IDEMPOTENCE_METRICS", port);
    secured.succeed(&["start", &secured.order(), "123456", "10", "--faults", "update.after-commit=1*error"]);
    let said = secured.succeed(&["doctor"]);
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

/// Starts an HTTP proxy that tunnels every request to `upstream`, whatever the requested name. Returns its address and
/// the requests.
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
            // The receiver is dropped at the end of the test.
            let _ = sender.send(String::from_utf8(head).unwrap());
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from_client, &mut to_server));
            thread::spawn(move || io::copy(&mut server, &mut client));
        }
    });
    (address, requests)
}

#[test]
fn the_proxy_resolves_the_servers_name() {
    if offline() {
        return;
    }
    let mut secured = SecuredSandbox::new();
    let (proxy, requests) = connect_proxy(address());
    secured.on("temporal.invalid:7233");
    secured.set("TEMPORAL_TLS", "false");
    secured.set("NO_PROXY", "");
    secured.set("HTTPS_PROXY", format!("http://me:hunter2@{proxy}"));
    let _worker = secured.worker();
    let placed = secured.succeed(&["start", &secured.order(), "123456", "10", "--faults", "none"]);
    assert!(placed.contains("990"), "{placed}");
    let request = requests.recv().unwrap();
    assert!(request.starts_with("CONNECT temporal.invalid:7233 HTTP/1.1\r\n"), "{request}");
    let (said, problem) = text(&secured.run(&["doctor"]));
    assert!(said.contains(&format!("through the proxy {proxy}")), "{said}");
    assert!(!format!("{said}{problem}").contains("hunter2"), "{said}{problem}");
    // First a port without a listener, and then a server that NO_PROXY names.
    secured.set("HTTPS_PROXY", "http://127.0.0.1:1");
    let refused = secured.refusal(1);
    assert!(refused.contains("the proxy 127.0.0.1:1 (HTTPS_PROXY in the environment) does not connect"), "{refused}");
    secured.set("NO_PROXY", "invalid");
    assert!(secured.refusal(1).contains("the host name 'temporal.invalid' of temporal.invalid:7233 does not resolve"));
    // A proxy of an unsupported kind is not used, and the error of the direct connection says so.
    secured.unset("NO_PROXY");
    secured.set("HTTPS_PROXY", "socks5://127.0.0.1:1");
    let refused = secured.refusal(1);
    let said = refused.lines().last().unwrap_or_default();
    assert!(
        said.contains("does not resolve") && said.contains("HTTPS_PROXY in the environment had no effect"),
        "{refused}"
    );
}

#[test]
fn a_proxy_that_accepts_and_then_closes_or_stalls_is_named() {
    let mut secured = SecuredSandbox::new();
    secured.on("temporal.invalid:7233");
    secured.set("TEMPORAL_TLS", "false");
    secured.set("NO_PROXY", "");
    secured.set("IDEMPOTENCE_CONNECT_TIMEOUT", "1");
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
        secured.set("HTTPS_PROXY", format!("http://{proxy}"));
        for tls in ["false", "true"] {
            secured.set("TEMPORAL_TLS", tls);
            let refused = secured.refusal(1);
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
    let mut secured = SecuredSandbox::new();
    secured.on(address());
    let _worker = secured.worker();
    secured.set("ENCRYPT_PAYLOAD", "true");
    secured.set("DATACONVERTER_ENCRYPTION_KEY_ID", "mysecretkey");
    secured.succeed(&["keys", "add"]);
    let order = secured.order();
    let _starter = secured.serve(&["start", &order, "123456", "10", "--faults", "none"], "stock before");
    let since = Instant::now();
    let said = loop {
        let said = text(&secured.run(&["doctor"])).0;
        if said.contains("WRONG    orders") || since.elapsed() > EVENT_TIMEOUT {
            break said;
        }
    };
    assert!(said.contains("WRONG    orders") && said.contains("encrypted with the key 'mysecretkey': start"), "{said}");
    assert!(said.contains("DATACONVERTER_ENCRYPTION_KEY_ID=mysecretkey IDEMPOTENCE_ENCRYPTION_KEY_FILE="), "{said}");
    // First a client with another key, and then one without encryption.
    secured.set("DATACONVERTER_ENCRYPTION_KEY_ID", "other");
    secured.set("IDEMPOTENCE_ENCRYPTION_KEY_FILE", "other.toml");
    secured.succeed(&["keys", "add"]);
    for encrypts in ["true", "false"] {
        secured.set("ENCRYPT_PAYLOAD", encrypts);
        let said = text(&secured.run(&["doctor"])).0;
        assert!(said.contains("encrypted with the key 'mysecretkey', and this client cannot decrypt it"), "{said}");
        assert!(!said.contains("KEY_ID=other"), "{said}");
    }
}
