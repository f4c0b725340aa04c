//! A proxy between a client and a MySQL server that counts bytes and cuts connections at a chosen packet.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// When to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The packet is lost.
    Before,
    /// The packet arrives, and what follows is lost.
    After,
}

/// A running proxy. Its threads end with the process.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    /// Number of packets in both directions.
    packets: AtomicUsize,
    /// Number of the packet at which the next connection is cut; 0 for none.
    cut_at: AtomicUsize,
    cut: Cut,
    /// Number of bytes that the server has sent.
    bytes: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy to the server at `port` that cuts the connection of packet `cut_at`, counted from 1.
    pub fn start(port: u16, cut_at: usize, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let (packets, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let state = Arc::new(State { packets, cut_at: AtomicUsize::new(cut_at), cut, bytes });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                // Otherwise each packet waits 40 ms for an acknowledgement.
                for side in [&client, &server] {
                    side.set_nodelay(true).unwrap();
                }
                for (from, to, of_server) in [(&client, &server, false), (&server, &client, true)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let state = Arc::clone(&shared);
                    thread::spawn(move || {
                        let _ended = forward(&from, &to, &state, of_server);
                        for side in [&from, &to] {
                            let _closed = side.shutdown(Shutdown::Both);
                        }
                    });
                }
            }
        });
        Self { port: own, state }
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Number of bytes that the server has sent since the last call.
    pub fn take_bytes(&self) -> usize {
        self.state.bytes.swap(0, Ordering::SeqCst)
    }

    /// Whether the packet at which to cut has come.
    pub fn has_cut(&self) -> bool {
        self.state.packets.load(Ordering::SeqCst) >= self.state.cut_at.load(Ordering::SeqCst)
    }
}

/// Forwards packets. Each begins with its length in three bytes, and its number in one.
fn forward(mut from: &TcpStream, mut to: &TcpStream, state: &State, of_server: bool) -> io::Result<()> {
    loop {
        let mut packet = vec![0; 4];
        from.read_exact(&mut packet)?;
        let bytes = usize::from(packet[0]) | usize::from(packet[1]) << 8 | usize::from(packet[2]) << 16;
        packet.resize(4 + bytes, 0);
        from.read_exact(&mut packet[4..])?;
        let number = state.packets.fetch_add(1, Ordering::SeqCst) + 1;
        let is_cut = number == state.cut_at.load(Ordering::SeqCst);
        if is_cut && state.cut == Cut::Before {
            return Ok(());
        }
        if of_server {
            state.bytes.fetch_add(packet.len(), Ordering::SeqCst);
        }
        to.write_all(&packet)?;
        if is_cut {
            return Ok(());
        }
    }
}
