//! Everything outside the pure core: the event loop, the terminal, processes, files and the server. All results reach
//! the core as messages.
//!
//! | file | role |
//! | --- | --- |
//! | `session` | takes the terminal, runs the event loop, restores the terminal |
//! | `event_loop` | select, update, execute, draw |
//! | `headless` | the event loop without a terminal |
//! | `terminal`, `surface` | the owner of the terminal, and the trait through which the event loop draws |
//! | `output` | writes to the terminal without blocking the event loop |
//! | `keys`, `decoder`, `input` | reads the terminal and decodes keys, mouse events and pastes |
//! | `repeats` | distinguishes a held key from one that is pressed again |
//! | `clipboard`, `browser` | programs that copy text or open a page |
//! | `signals` | operating system signals |
//! | `executor` | executes the core's commands |
//! | `messages` | sends messages to the core |
//! | `describe` | describes open runs |
//! | `ends` | reports the ends of runs |
//! | `link_keeper`, `backend` | the link to the server, and the embedded server |
//! | `worker_keeper`, `worker_child` | the worker process |
//! | `supplier_keeper`, `supplier_child` | the supplier process, and its counters |
//! | `child` | a process that ends with its parent |
//! | `open_runs` | orders that other programs started |
//! | `presence` | workers that poll the task queue |
//! | `watcher` | executions of any workflow |
//! | `follow` | the database's journal and document |
//! | `notes` | the speaker's notes for a second terminal |
//! | `comparison` | three workers and databases, and suppliers if policies are compared, for one order |

pub mod backend;
mod browser;
pub mod child;
pub mod clipboard;
pub mod comparison;
mod decoder;
mod describe;
mod ends;
pub mod event_loop;
pub mod executor;
pub mod follow;
pub mod headless;
pub mod input;
mod keys;
mod link_keeper;
mod messages;
pub mod notes;
mod open_runs;
mod output;
mod presence;
mod repeats;
pub mod session;
pub mod signals;
pub mod supplier_child;
mod supplier_keeper;
pub mod surface;
pub mod terminal;
mod watcher;
pub mod worker_child;
pub mod worker_keeper;
