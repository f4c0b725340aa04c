//! What happens outside the pure core: the event loop, processes, files, the server. Everything comes back to the
//! core as a message.
//!
//! | file | role |
//! | --- | --- |
//! | `session`, `event_loop` | from taking the terminal to giving it back; select, update, perform, draw |
//! | `terminal`, `surface` | the one owner of the terminal, and what the loop needs of it |
//! | `keys`, `signals` | what comes from the keyboard, and from other processes |
//! | `effects` | carries out the core's commands |
//! | `describe` | asks the server about open runs |
//! | `link_keeper`, `backend` | the link to the server, and the embedded server |
//! | `worker_keeper`, `worker_child` | the worker process |
//! | `follow` | the database's journal and document |
//! | `comparison` | three workers and databases for one order under three guards |

pub mod backend;
pub mod comparison;
mod describe;
pub mod effects;
pub mod event_loop;
pub mod follow;
mod keys;
mod link_keeper;
pub mod session;
pub mod signals;
pub mod surface;
pub mod terminal;
pub mod worker_child;
mod worker_keeper;
