//! The supplier: another company's service with its own state, which our database cannot commit together with the
//! stock.
//!
//! It ships an order once per idempotency key, as the IETF draft `draft-ietf-httpapi-idempotency-key-header` and
//! Stripe's API do. A client that repeats a request with its key receives the recorded answer; without a key, each
//! request ships again.
//!
//! | file | role |
//! | --- | --- |
//! | `api` | requests and responses, as types for client and service |
//! | `key` | the header `Idempotency-Key` |
//! | `service` | the service: `idempotence supplier` |
//! | `client`, `url` | the client, for this service and for others that honour the header |
//! | `pairing` | shipments compared with the credits in a journal |

pub mod api;
mod client;
pub mod key;
mod pairing;
pub mod service;
mod url;

pub use client::{Sent, SupplierClient, SupplierError};
pub use pairing::{Pairing, Unpaired};
pub use url::{SupplierUrl, SupplierUrlError};
