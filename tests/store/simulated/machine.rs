//! The state of a simulated machine, which its processes share.

use std::collections::{BTreeMap, BTreeSet};

use idempotence::store::storage::Part;

use super::fault_injection::{InjectedFault, Operation};

/// The operation at which a fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Number(usize),
    Next(Operation),
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) id: u64,
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
}

/// A file with a temporary name.
#[derive(Debug)]
pub struct StagedFile {
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
}

impl StagedFile {
    pub(super) fn durable(bytes: &[u8]) -> Self {
        Self { current: bytes.to_vec(), durable: bytes.to_vec() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) journal: Option<Journal>,
    pub(super) document: Option<Vec<u8>>,
    pub(super) durable_document: Option<Vec<u8>>,
    pub(super) document_version: u64,
    pub(super) kept: BTreeMap<String, Vec<u8>>,
    pub(super) poison: Option<String>,
    pub(super) checkpoint: Option<Vec<u8>>,
    pub(super) locked_by: Option<u64>,
    pub(super) open_by: BTreeSet<u64>,
    pub(super) handles: u64,
    pub(super) journals: u64,
    /// Whether another program wrote the document after the journal's last change.
    pub(super) document_is_newer: bool,
    pub(super) operations: Vec<Operation>,
    pub(super) fault: Option<(Place, InjectedFault)>,
}

pub(super) fn kept_name(part: Part, suffix: &str) -> String {
    match part {
        Part::Document => suffix.to_owned(),
        Part::Journal => format!(".journal{suffix}"),
    }
}

impl Machine {
    pub(super) fn current(&self, part: Part) -> Option<Vec<u8>> {
        match part {
            Part::Document => self.document.clone(),
            Part::Journal => self.journal.as_ref().map(|journal| journal.current.clone()),
        }
    }

    /// Replaces this part with a file. Its name is durable, and of its content what was synced.
    pub(super) fn place(&mut self, part: Part, staged: StagedFile) {
        self.put(part, Some(staged.current));
        match (part, &mut self.journal) {
            (Part::Journal, Some(journal)) => journal.durable = staged.durable,
            _ => self.durable_document = Some(staged.durable),
        }
    }

    /// Replaces the content durably, as after a sync of file and folder.
    pub(super) fn put(&mut self, part: Part, bytes: Option<Vec<u8>>) {
        match part {
            Part::Document => {
                self.document_version += 1;
                self.document_is_newer = false;
                self.document.clone_from(&bytes);
                self.durable_document = bytes;
            }
            Part::Journal => {
                self.journals += 1;
                let id = self.journals;
                self.journal = bytes.map(|current| Journal { id, durable: current.clone(), current });
            }
        }
    }
}
