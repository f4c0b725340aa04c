//! A terminal dashboard that shows how Temporal retries activities, and how an idempotency key per effect keeps the
//! stock right.
//!
//! # Modules
//!
//! A module uses only modules above it, or in the same row; `tests/project/architecture.rs` has the exact list.
//!
//! | module | role |
//! | --- | --- |
//! | [`domain`] | orders, effects and their keys, and the decision whether an effect is applied; what a server reports about executions of any workflow; pure |
//! | [`faults`] | the fault plan: which attempt fails, at which point, and how |
//! | [`encryption`] | payload-encryption keys and the cipher |
//! | [`store`] | the JSON database: an effect and its key in one commit, the journal, the audit |
//! | [`supplier`] | another company's service, which ships an order once per idempotency key |
//! | [`scenario`] | scenario files: orders, faults and the expected result; pure |
//! | [`temporal`] | worker, workflow, activities and client: the only module that uses Temporal's types |
//! | [`app`] | the dashboard's pure core: state, one `update`, commands as data |
//! | [`keymap`], [`ui`], [`picture`] | keys, drawing, and frames as files |
//! | [`config`] | settings from flags, environment and files |
//! | [`server`], [`codec_server`] | the embedded Temporal dev server; decryption for Temporal's Web UI and CLI |
//! | [`runtime`] | the event loop, and the tasks that execute the core's commands |
//! | [`recording`] | the core's messages, recorded and played back |
//! | [`cli`], [`commands`] | the command line, and one file per command |
//!
//! The other files are helpers that several modules share, for example [`clock`], `connections`, [`listen`] and [`source_text`].
//!
//! # Where to look
//!
//! | question | files below `src`, unless they begin with `tests`, `docs` or `assets` |
//! | --- | --- |
//! | How does a key press start a workflow in Temporal? | `runtime/event_loop/incoming.rs` receives the key, and `keymap.rs` maps it to an `Intent`. `app/update/mod.rs` applies it: `app/update/actions.rs` and `app/update/ordering.rs` return a `Command`. `runtime/event_loop.rs` passes that to `runtime/executor.rs`, which calls `temporal/starter.rs` |
//! | How does a journal line become a row on the screen? | `store/reader.rs` reads it, and `store/record.rs` decodes it. `runtime/follow.rs` and `runtime/executor.rs` send it as a `Message` to `app/update/messages.rs`. `app/orders/ingest.rs` applies it, and `ui/orders.rs` draws it |
//! | Where is the state of an attempt decided? | `app/orders/attempt.rs`, from the facts about it; `app/orders/activity_attempts.rs` collects the facts, and decides if only the activity's end is known |
//! | Where is a verdict computed? | of the stock: `store/examine.rs` and `store/audit.rs` for commands; on the screen `app/derive/journal_view.rs`, and `App::stock_verdict` in `app/mod.rs` while the effect of an open order is in the stock. Of an order: `app/orders/execution.rs`. Of a scenario: `app/scenario_run/checks.rs`. Of a side of a comparison: `app/comparison/side.rs` |
//! | How does `watch` learn of an attempt? | `app/watch/schedule.rs` decides what is asked when. `runtime/watcher.rs` asks, `temporal/watch/execution.rs` and `temporal/watch/history.rs` read the answer, and `app/watch/watched.rs` applies it. `ui/watch/execution.rs` draws the page, and `app/watch/events.rs` finds the events for `commands/watch/lines.rs` |
//! | Where is an effect applied, repeated or rejected? | `domain/inventory.rs` decides, `store/engine.rs` commits |
//! | Where does the supplier decide whether it ships? | `supplier/service/decision.rs` decides, and `supplier/service/orders.rs` records keys in progress and commits. `supplier/key.rs` reads the header, `supplier/api.rs` has the requests and responses |
//! | Where do I add a key? | a row in `keymap.rs` and an arm in its `repetition`, an `Intent` in `app/intent.rs`, its action in `app/update/actions.rs`, its recorded form in `tests/project/formats.rs`, and `docs/keys.md`; if it changes only the view, also `recording/paced.rs` |
//! | Where do I add a setting? | `config/mod.rs`, `config/names.rs` (with the part of the settings that it belongs to), `config/load.rs`, `config/effective.rs` and `config/shown.rs`; its parser in `config/values.rs`; its flag in `cli/settings.rs`, and in `Flags::of_connection` if a worker that the dashboard starts needs it; `docs/settings.md`, `.env-dist` and `assets/settings.toml.example` |
//! | Where do I add an error? | the error enum of the operation, in its file or in the error file of its module: `store/error.rs`, `config/error.rs`, `temporal/connect_error.rs`, `temporal/starter.rs`, `server/failure.rs`, `runtime/session.rs`, `runtime/event_loop.rs`, `recording/format.rs`. `commands/failure.rs` wraps those that end a command and has their exit codes. For an activity's error, `store/error.rs` and `temporal/activities.rs` decide whether Temporal retries it, and `app/derive/failure_certainty.rs` whether its outcome is known |
//!
//! # Glossary
//!
//! - **Effect**: one change of the stock, by a customer's order or a supplier's delivery.
//! - **Idempotency key**: the name of an effect, such as `order:A12`; the same in every attempt and run.
//! - **Guard**: how repetitions of an effect are recognised: `ledger`, `last-order` or `off`.
//! - **Ledger**: the keys and results of all applied effects, committed together with the stock.
//! - **Receipt**: the recorded result of an effect, which a repetition receives again.
//! - **Journal**: the append-only file of records. **Document**: the JSON file with the current stock.
//! - **Attempt**: one execution of an activity by a worker. Temporal starts another if it does not learn the result.
//! - **Crash window**: the time between an effect's commit and its acknowledgement by Temporal.
//! - **Definite failure**: the effect was certainly not applied. **Indefinite failure**: the outcome is unknown.
//! - **Verdict**: on the stock, whether it equals the initial stock plus each effect counted once; on an order, what its
//!   effect on the stock was.
//! - **Original**: the Go demo that this program reimplements. **Fork**: the later Go demo whose orders have a
//!   `PaymentInfo` and the workflow ids `ordermanagement-wkfl-<OrderID>`.
//! - **Keeper**: a task that keeps a connection, a worker or a server running and reports its state.

pub mod app;
pub mod cli;
pub mod clock;
pub mod codec_server;
pub mod commands;
pub mod config;
mod connections;
pub mod domain;
pub mod encryption;
mod error_text;
pub mod faults;
mod files;
mod folder_sync;
pub mod keymap;
pub mod listen;
pub mod picture;
pub mod recording;
mod rounded;
pub mod runtime;
pub mod scenario;
pub mod server;
pub mod source_text;
pub mod store;
pub mod supplier;
pub mod temporal;
mod text;
mod toml_table;
pub mod ui;
