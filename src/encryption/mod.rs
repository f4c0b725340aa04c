//! Keys, and the cipher that they are for: AES-256-GCM in the form of Temporal's public encryption samples.
//!
//! | file | role |
//! | --- | --- |
//! | `key` | one key, its id, and how both are written |
//! | `ring` | the key that encrypts and the ones that still decrypt; sealing, opening, pseudonyms |
//! | `key_file` | the file of keys: reading it, adding to it |
//! | `permissions` | who else may read or change it |
//!
//! Knows neither Temporal nor the settings. Key bytes live in a box that is wiped when it is dropped; no error, no
//! `Debug` and no log line shows one, and nothing here writes one anywhere but into the key file.

mod key;
mod key_file;
mod permissions;
mod ring;

pub use key::{Key, KeyError, KeyId, KeyIdError, KeyListError, Keys, parse_keys, sample_key};
pub use key_file::{Added, KeyFile, KeyFileError, LineProblem};
pub use ring::{KeyRing, KeyRingError, OpenError, SealError, Sealed};
