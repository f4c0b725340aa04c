//! A process that ends with the measurement that needs it, also if the measurement fails.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// After this time, a process that has not ended by itself is killed.
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// A process that was started with `--with-parent`, so that it ends when its standard input is closed.
pub struct OwnedChild(Child);

impl OwnedChild {
    /// Starts the process and waits until it prints a line that begins with `ready`.
    pub fn start(command: &mut Command, ready: &str) -> Self {
        let mut child = Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with(ready), "not ready: {line}");
        child
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for OwnedChild {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let since = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) {
            if since.elapsed() > END_TIMEOUT {
                let _ended_meanwhile = self.0.kill();
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
