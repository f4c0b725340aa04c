//! What happens outside the pure core: the event loop, processes, files, the server. Everything comes back to the
//! core as a message.
//!
//! | file | role |
//! | --- | --- |
//! | `core` | what the loops run: the application, live, recorded or replayed |
//! | `session`, `event_loop` | from taking the terminal to giving it back; select, update, perform, draw |
//! | `headless` | the same loop without a terminal |
//! | `terminal`, `surface` | the one owner of the terminal, and what the loop needs of it |
//! | `output` | writes to the terminal, which may take nothing for a while |
//! | `keys`, `decoder`, `input` | reads the terminal; bytes as keys, mouse and pastes |
//! | `repeats` | distinguishes a held key from one pressed again |
//! | `clipboard`, `browser` | programs that copy a text, and that open a page |
//! | `signals` | what comes from other processes |
//! | `effects` | carries out the core's commands |
//! | `describe` | asks the server about open runs |
//! | `link_keeper`, `backend` | the link to the server, and the embedded server |
//! | `worker_keeper`, `worker_child` | the worker process |
//! | `open_runs` | orders that other programs started |
//! | `presence` | which workers poll the task queue |
//! | `follow` | the database's journal and document |
//! | `notes` | what a walkthrough has for its speaker, on the way to a second terminal |
//! | `comparison` | three workers and databases for one order under three guards |

pub mod backend;
mod browser;
pub mod clipboard;
pub mod comparison;
pub mod core;
mod decoder;
mod describe;
pub mod effects;
pub mod event_loop;
pub mod follow;
pub mod headless;
pub mod input;
mod keys;
mod link_keeper;
pub mod notes;
mod open_runs;
mod output;
mod presence;
mod repeats;
pub mod session;
pub mod signals;
pub mod surface;
pub mod terminal;
pub mod worker_child;
pub mod worker_keeper;
