//! The flags that override settings.

use std::path::PathBuf;

use clap::Args;

use crate::config::Flags;

/// Flags that override settings. Most settings also have a name in the environment and in `.env`, and a key in the
/// settings file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// Temporal server [TEMPORAL_ADDRESS; default: localhost:7233]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Temporal namespace [TEMPORAL_NAMESPACE; default: default]
    #[arg(long, global = true)]
    namespace: Option<String>,
    /// Profile in Temporal's temporal.toml that supplies everything not
    /// set here [TEMPORAL_PROFILE; default: default]
    #[arg(long, global = true, value_name = "NAME", verbatim_doc_comment)]
    profile: Option<String>,
    /// Connect with TLS; implied by certificates or an API key [TEMPORAL_TLS]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tls: Option<String>,
    /// Client certificate for mutual TLS [TEMPORAL_TLS_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the client certificate [TEMPORAL_TLS_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Authority that signs the server's certificate
    /// [TEMPORAL_SERVER_ROOT_CA_CERT; default: those of the system]
    #[arg(long, global = true, value_name = "FILE", verbatim_doc_comment)]
    server_root_ca_cert: Option<PathBuf>,
    /// Name to verify in the server's certificate
    /// [TEMPORAL_SERVER_NAME; default: the host]
    #[arg(long, global = true, value_name = "NAME", verbatim_doc_comment)]
    server_name: Option<String>,
    /// Accept any server certificate (testing only)
    /// [TEMPORAL_INSECURE_SKIP_VERIFY]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true", verbatim_doc_comment)]
    insecure_skip_verify: Option<String>,
    /// Encrypt what Temporal stores
    /// [ENCRYPT_PAYLOAD, with the key whose id is
    /// DATACONVERTER_ENCRYPTION_KEY_ID]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true", verbatim_doc_comment)]
    encrypt_payload: Option<String>,
    /// Temporal task queue [TASKQUEUE; default: inventory-task-queue]
    #[arg(long, global = true, value_name = "NAME")]
    task_queue: Option<String>,
    /// JSON database, or mysql: for MySQL [DATABASE;
    /// default: database/inventory.json in this project's
    /// checkout, or where it already exists; otherwise
    /// inventory.json in the user's state folder]
    #[arg(long, global = true, value_name = "FILE", verbatim_doc_comment)]
    database: Option<PathBuf>,
    /// Supplier that ships orders, or none
    /// [SUPPLIER_URL; default: none, supplier orders are
    /// credited at once]
    #[arg(long, global = true, value_name = "URL", verbatim_doc_comment)]
    supplier: Option<String>,
    /// How the supplier recognises a repeated order:
    /// header, outbox, lookup or none
    /// [IDEMPOTENCE_SUPPLIER_KEY; default: header]
    #[arg(long, global = true, value_name = "KEY", verbatim_doc_comment)]
    supplier_key: Option<String>,
    /// `temporal` program that runs the embedded server [TEMPORAL_CLI]
    #[arg(long, global = true, value_name = "FILE")]
    temporal_cli: Option<PathBuf>,
    /// Colours: terminal, contrast, colour-blind or mono
    /// [IDEMPOTENCE_THEME; NO_COLOR means mono]
    #[arg(long, global = true, value_name = "NAME", verbatim_doc_comment)]
    theme: Option<String>,
    /// ASCII characters only; `=false` allows all characters
    /// [IDEMPOTENCE_ASCII; default: from locale and TERM]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true", verbatim_doc_comment)]
    ascii: Option<String>,
    /// Reduce motion [IDEMPOTENCE_STILL]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    still: Option<String>,
    /// Print one line per event instead of a screen, e.g.
    /// for a screen reader
    /// [IDEMPOTENCE_PLAIN; default: from TERM]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true", verbatim_doc_comment)]
    plain: Option<String>,
    /// Do not read .env in the current folder
    /// [IDEMPOTENCE_NO_ENV_FILE]
    #[arg(long, global = true, verbatim_doc_comment)]
    no_env_file: bool,
}

impl From<SettingsArgs> for Flags {
    fn from(args: SettingsArgs) -> Self {
        Self {
            address: args.address,
            namespace: args.namespace,
            profile: args.profile,
            tls: args.tls,
            tls_cert: args.tls_cert,
            tls_key: args.tls_key,
            server_root_ca_cert: args.server_root_ca_cert,
            server_name: args.server_name,
            insecure_skip_verify: args.insecure_skip_verify,
            encrypt_payload: args.encrypt_payload,
            task_queue: args.task_queue,
            database: args.database,
            supplier: args.supplier,
            supplier_key: args.supplier_key,
            temporal_cli: args.temporal_cli,
            theme: args.theme,
            ascii: args.ascii,
            still: args.still,
            plain: args.plain,
            no_env_file: args.no_env_file,
        }
    }
}
