//! A disk in memory that can fail at a chosen operation, lose its process, and lose power.
//!
//! `current` content is everything that was written, like the page cache; `durable` content is what was synced. A loss
//! of power keeps the durable content, and as much of the rest as the test says.

mod fault_injection;
mod machine;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use idempotence::store::storage::{FileId, JournalFile, Part, Stamp, Storage};

use machine::{Journal, Machine, Place, StagedFile, kept_name};

pub use fault_injection::{DocumentFate, InjectedFault, Operation, PowerCut};

/// One process's view of a simulated machine.
#[derive(Debug)]
pub struct Simulated {
    machine: Arc<Mutex<Machine>>,
    handle: u64,
    dead: bool,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let handle = self.handle;
        self.machine().open_by.remove(&handle);
    }
}

fn killed() -> io::Error {
    io::Error::other("the simulated process was killed")
}

impl Simulated {
    /// A machine with `document` on its disk and no journal.
    pub fn with_document(document: &[u8]) -> Self {
        let machine = Machine {
            document: Some(document.to_vec()),
            durable_document: Some(document.to_vec()),
            ..Machine::default()
        };
        Self { machine: Arc::new(Mutex::new(machine)), handle: 0, dead: false }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another process on the same machine.
    pub fn another(&self) -> Self {
        let mut machine = self.machine();
        machine.handles += 1;
        let handle = machine.handles;
        drop(machine);
        Self { machine: Arc::clone(&self.machine), handle, dead: false }
    }

    /// Injects `fault` at the operation with this number, counted from the start of the machine.
    pub fn fail_at(&self, operation: usize, fault: InjectedFault) {
        self.machine().fault = Some((Place::Number(operation), fault));
    }

    /// Injects `fault` at the next such operation.
    pub fn fail_next(&self, operation: Operation, fault: InjectedFault) {
        self.machine().fault = Some((Place::Next(operation), fault));
    }

    /// Every operation so far, of all processes.
    pub fn operations(&self) -> Vec<Operation> {
        self.machine().operations.clone()
    }

    /// The journal's bytes that are not synced.
    pub fn unsynced(&self) -> usize {
        self.machine().journal.as_ref().map_or(0, |journal| journal.current.len().saturating_sub(journal.durable.len()))
    }

    /// The document as a reader sees it.
    pub fn document(&self) -> Option<Vec<u8>> {
        self.machine().document.clone()
    }

    /// Lets another program write the document.
    pub fn write_document(&self, bytes: &[u8]) {
        let mut machine = self.machine();
        machine.document = Some(bytes.to_vec());
        machine.document_version += 1;
        machine.document_is_newer = true;
    }

    /// The journal as a reader sees it.
    pub fn journal_bytes(&self) -> Vec<u8> {
        self.machine().journal.as_ref().map(|journal| journal.current.clone()).unwrap_or_default()
    }

    /// Lets another program change the journal.
    pub fn write_journal(&self, bytes: &[u8]) {
        if let Some(journal) = &mut self.machine().journal {
            journal.current = bytes.to_vec();
            journal.durable = bytes.to_vec();
        }
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        self.machine().checkpoint.clone()
    }

    /// Lets another program replace or remove the checkpoint.
    pub fn write_checkpoint(&self, bytes: Option<&[u8]>) {
        self.machine().checkpoint = bytes.map(<[u8]>::to_vec);
    }

    /// The copies that were kept, by suffix.
    pub fn kept(&self) -> BTreeMap<String, Vec<u8>> {
        self.machine().kept.clone()
    }

    /// The machine after a loss of power at this moment. This one continues unchanged, so that a test can try every
    /// result of the same loss.
    pub fn after_power_cut(&self, cut: PowerCut) -> Self {
        let machine = self.machine();
        let journal = machine.journal.as_ref().map(|journal| {
            let kept = (journal.durable.len() + cut.journal_bytes).min(journal.current.len());
            // A truncation that was not synced may be undone. Only the content that both versions share is certain.
            let bytes = if kept >= journal.durable.len() { &journal.current[..kept] } else { &journal.durable[..] };
            Journal { id: journal.id, current: bytes.to_vec(), durable: bytes.to_vec() }
        });
        let document = match cut.document {
            DocumentFate::New => machine.document.clone(),
            DocumentFate::Old => machine.durable_document.clone(),
            DocumentFate::Empty => Some(Vec::new()),
        };
        let after = Machine {
            journal,
            document: document.clone(),
            durable_document: document,
            kept: machine.kept.clone(),
            poison: machine.poison.clone(),
            checkpoint: machine.checkpoint.clone(),
            journals: machine.journals,
            document_is_newer: machine.document_is_newer,
            ..Machine::default()
        };
        Self { machine: Arc::new(Mutex::new(after)), handle: 0, dead: false }
    }

    /// Counts the operation, and returns the fault that happens at it.
    fn begin(&mut self, operation: Operation) -> io::Result<Option<InjectedFault>> {
        if self.dead {
            return Err(killed());
        }
        let mut machine = self.machine();
        let number = machine.operations.len();
        machine.operations.push(operation);
        let strikes = |(place, _): &mut (Place, InjectedFault)| match place {
            Place::Number(at) => *at == number,
            Place::Next(next) => *next == operation,
        };
        let fault = machine.fault.take_if(strikes).map(|(_, fault)| fault);
        drop(machine);
        match fault {
            Some(InjectedFault::Error(kind)) => Err(io::Error::new(kind, "simulated")),
            Some(InjectedFault::Die) => Err(self.die()),
            other => Ok(other),
        }
    }

    /// Kills the process. The operating system releases its locks.
    fn die(&mut self) -> io::Error {
        self.dead = true;
        let mut machine = self.machine();
        machine.open_by.remove(&self.handle);
        if machine.locked_by == Some(self.handle) {
            machine.locked_by = None;
        }
        killed()
    }

    fn end(&mut self, fault: Option<InjectedFault>) -> io::Result<()> {
        if fault == Some(InjectedFault::DieAfter) { Err(self.die()) } else { Ok(()) }
    }

    fn with_journal<T>(&self, action: impl FnOnce(&mut Journal) -> T) -> io::Result<T> {
        self.machine().journal.as_mut().map(action).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for Simulated {
    type Staged = StagedFile;

    fn document_path(&self) -> &Path {
        Path::new("simulated.json")
    }

    fn journal_path(&self) -> &Path {
        Path::new("simulated.json.journal")
    }

    fn lock_path(&self) -> &Path {
        Path::new("simulated.json.lock")
    }

    fn poison_path(&self) -> &Path {
        Path::new("simulated.json.poisoned")
    }

    fn lock(&mut self, _wait: Duration) -> io::Result<bool> {
        let fault = self.begin(Operation::Lock)?;
        let handle = self.handle;
        let mut machine = self.machine();
        if machine.locked_by.is_some() {
            return Ok(false);
        }
        machine.locked_by = Some(handle);
        drop(machine);
        self.end(fault).map(|()| true)
    }

    fn unlock(&mut self) -> io::Result<()> {
        if !self.dead {
            self.machine().locked_by = None;
        }
        Ok(())
    }

    fn poison(&mut self) -> io::Result<Option<String>> {
        if self.dead { Err(killed()) } else { Ok(self.machine().poison.clone()) }
    }

    fn set_poison(&mut self, reason: &str) -> io::Result<()> {
        if self.dead {
            return Err(killed());
        }
        self.machine().poison = Some(reason.to_owned());
        Ok(())
    }

    fn journal(&mut self) -> io::Result<Option<JournalFile>> {
        if self.dead {
            return Err(killed());
        }
        let machine = self.machine();
        let found = machine.journal.as_ref();
        Ok(found.map(|journal| JournalFile { id: FileId(0, journal.id), bytes: journal.current.len() as u64 }))
    }

    fn open_journal(&mut self) -> io::Result<()> {
        let handle = self.handle;
        self.machine().open_by.insert(handle);
        self.with_journal(|_| ())
    }

    fn is_alone(&mut self) -> io::Result<bool> {
        if self.dead {
            return Err(killed());
        }
        let handle = self.handle;
        Ok(self.machine().open_by.iter().all(|other| *other == handle))
    }

    fn read_journal(&mut self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let fault = self.begin(Operation::ReadJournal)?;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let bytes = self.with_journal(|journal| {
            let rest = journal.current.get(from..).unwrap_or_default();
            rest[..most.min(rest.len())].to_vec()
        })?;
        self.end(fault).map(|()| bytes)
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.begin(Operation::Append)?;
        self.machine().document_is_newer = false;
        let written =
            if let Some(InjectedFault::Short(most)) = fault { &bytes[..most.min(bytes.len())] } else { bytes };
        self.with_journal(|journal| {
            journal.current.resize(usize::try_from(at).unwrap_or(usize::MAX), 0);
            journal.current.extend_from_slice(written);
        })?;
        if written.len() < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { self.end(fault) }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let fault = self.begin(Operation::Truncate)?;
        self.with_journal(|journal| journal.current.truncate(usize::try_from(length).unwrap_or(usize::MAX)))?;
        self.end(fault)
    }

    fn sync_journal(&mut self) -> io::Result<()> {
        let fault = self.begin(Operation::SyncJournal)?;
        if fault != Some(InjectedFault::Pretend) {
            self.with_journal(|journal| journal.durable.clone_from(&journal.current))?;
        }
        self.end(fault)
    }

    fn clear_poison(&mut self) -> io::Result<()> {
        let fault = self.begin(Operation::ClearPoison)?;
        self.machine().poison = None;
        self.end(fault)
    }

    fn stamp(&mut self) -> io::Result<Option<Stamp>> {
        if self.dead {
            return Err(killed());
        }
        let machine = self.machine();
        Ok(machine.document.as_ref().map(|document| Stamp {
            file: FileId(1, machine.document_version),
            bytes: document.len() as u64,
            modified_nanos: 0,
        }))
    }

    fn document_is_newer(&mut self) -> io::Result<bool> {
        Ok(self.machine().document_is_newer)
    }

    fn read_document(&mut self) -> io::Result<Option<Vec<u8>>> {
        let fault = self.begin(Operation::ReadDocument)?;
        let document = self.machine().document.clone();
        self.end(fault).map(|()| document)
    }

    fn replace_document(&mut self, bytes: &[u8], durable: bool) -> io::Result<Stamp> {
        let fault = self.begin(Operation::ReplaceDocument)?;
        let mut machine = self.machine();
        machine.document = Some(bytes.to_vec());
        machine.document_version += 1;
        machine.document_is_newer = false;
        if durable {
            machine.durable_document = Some(bytes.to_vec());
        }
        let file = FileId(1, machine.document_version);
        drop(machine);
        self.end(fault).map(|()| Stamp { file, bytes: bytes.len() as u64, modified_nanos: 0 })
    }

    fn open_checkpoint(&mut self) -> io::Result<Option<Box<dyn io::Read>>> {
        let checkpoint = self.machine().checkpoint.clone();
        Ok(checkpoint.map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn io::Read>))
    }

    fn replace_checkpoint(&mut self, content: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
        let fault = self.begin(Operation::ReplaceCheckpoint)?;
        let mut bytes = Vec::new();
        content(&mut bytes)?;
        self.machine().checkpoint = Some(bytes);
        self.end(fault)
    }

    fn remove_checkpoint(&mut self) -> io::Result<()> {
        self.machine().checkpoint = None;
        Ok(())
    }

    fn stage(&mut self, _part: Part, bytes: &[u8]) -> io::Result<StagedFile> {
        let fault = self.begin(Operation::Stage)?;
        self.end(fault).map(|()| StagedFile::durable(bytes))
    }

    fn stage_journal(&mut self) -> io::Result<StagedFile> {
        self.stage(Part::Journal, &[])
    }

    fn write_staged(&mut self, staged: &mut StagedFile, at: u64, bytes: &[u8]) -> io::Result<()> {
        let fault = self.begin(Operation::WriteStaged)?;
        let written =
            if let Some(InjectedFault::Short(most)) = fault { &bytes[..most.min(bytes.len())] } else { bytes };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        if staged.current.len() < at + written.len() {
            staged.current.resize(at + written.len(), 0);
        }
        staged.current[at..at + written.len()].copy_from_slice(written);
        if written.len() < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { self.end(fault) }
    }

    fn sync_staged(&mut self, staged: &mut StagedFile) -> io::Result<()> {
        let fault = self.begin(Operation::SyncStaged)?;
        if fault != Some(InjectedFault::Pretend) {
            staged.durable.clone_from(&staged.current);
        }
        self.end(fault)
    }

    fn stage_current(&mut self, part: Part) -> io::Result<Option<StagedFile>> {
        let fault = self.begin(Operation::Stage)?;
        let current = self.machine().current(part);
        self.end(fault).map(|()| current.as_deref().map(StagedFile::durable))
    }

    fn place(&mut self, part: Part, staged: StagedFile) -> io::Result<()> {
        let fault = self.begin(match part {
            Part::Document => Operation::ReplaceDocument,
            Part::Journal => Operation::ReplaceJournal,
        })?;
        self.machine().place(part, staged);
        self.end(fault)
    }

    fn discard(&mut self, part: Part) -> io::Result<()> {
        let fault = self.begin(Operation::Discard)?;
        self.machine().put(part, None);
        self.end(fault)
    }

    fn keep(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        let fault = self.begin(Operation::Keep)?;
        let name = kept_name(part, suffix);
        let mut machine = self.machine();
        if machine.kept.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let current = machine.current(part).ok_or(io::ErrorKind::NotFound)?;
        machine.kept.insert(name, current);
        drop(machine);
        self.end(fault)
    }

    fn restore(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        let fault = self.begin(Operation::Restore)?;
        let mut machine = self.machine();
        let kept = machine.kept.remove(&kept_name(part, suffix)).ok_or(io::ErrorKind::NotFound)?;
        machine.put(part, Some(kept));
        drop(machine);
        self.end(fault)
    }

    fn forget(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        let fault = self.begin(Operation::Forget)?;
        self.machine().kept.remove(&kept_name(part, suffix));
        self.end(fault)
    }
}
