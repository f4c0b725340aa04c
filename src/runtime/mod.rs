//! What happens outside the pure core: the event loop, processes, files, the server. Everything comes back to the
//! core as a message.
//!
//! | file | role |
//! | --- | --- |
//! | `event_loop` | select, update, perform, draw |
//! | `effects` | carries out the core's commands |
//! | `describe` | asks the server about open runs |
//! | `link_keeper`, `backend` | the link to the server, and the embedded server |
//! | `worker_keeper`, `worker_child` | the worker process |
//! | `follow` | the database's journal and document |

pub mod backend;
mod describe;
pub mod effects;
pub mod event_loop;
pub mod follow;
mod link_keeper;
pub mod worker_child;
mod worker_keeper;
