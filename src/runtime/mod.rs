//! What happens outside the pure core: processes, files, the server. Everything comes back to it as a message.

pub mod backend;
pub mod follow;
pub mod worker_child;
