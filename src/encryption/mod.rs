//! Payload encryption: keys and their cipher, AES-256-GCM in the format of Temporal's public encryption samples.
//!
//! | file | role |
//! | --- | --- |
//! | `key` | a key, its id, and their text forms |
//! | `ring` | the active key and the decryption keys; sealing, opening, pseudonyms |
//! | `key_file` | the key file: reading it and adding keys |
//! | `permissions` | which other users can read or change the file of a secret |
//!
//! The module depends neither on Temporal nor on the settings. Key bytes are wiped on drop, and no error, `Debug`
//! output or log line contains them; this module writes them only to the key file.

mod key;
mod key_file;
mod permissions;
mod ring;
#[cfg(test)]
pub(crate) mod testing;

pub use key::{Key, KeyError, KeyId, KeyIdError, KeyListError, Keys, parse_keys, sample_key};
pub use key_file::{Added, KeyFile, KeyFileError, LineProblem};
pub use permissions::exposed;
pub use ring::{KeyRing, KeyRingError, OpenError, SealError, Sealed};
