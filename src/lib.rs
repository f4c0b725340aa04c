//! A terminal dashboard that shows how Temporal retries activities, and how an idempotency key per effect keeps the
//! stock right while they are.
//!
//! | module | role |
//! | --- | --- |
//! | [`clock`] | the current time |
//! | [`domain`] | orders, effects, and the decision about them; pure |
//! | [`store`] | the effect and its key in one commit: the JSON database |
//! | [`faults`] | which attempt fails, where and how |
//! | [`scenario`] | what is ordered when, what goes wrong on purpose, and what that must come to; pure |
//! | [`encryption`] | keys, and the cipher that they are for |
//! | [`temporal`] | worker and client: the only place that names wire types |
//! | [`listen`] | an address to listen at |
//! | [`codec_server`] | decrypts payloads for Temporal's own pages and commands |
//! | [`server`] | the embedded Temporal dev server |
//! | [`app`], [`keymap`], [`ui`] | the dashboard: pure core, keys, drawing |
//! | [`recording`] | what the core was told, written down and told again |
//! | [`picture`] | frames as files: SVG, asciinema |
//! | [`runtime`] | the event loop, and everything that happens behind the core |
//! | [`cli`], [`config`], [`commands`] | arguments, settings, one file per command |

pub mod app;
pub mod cli;
pub mod clock;
pub mod codec_server;
pub mod commands;
pub mod config;
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
pub mod temporal;
mod text;
mod toml_table;
pub mod ui;
