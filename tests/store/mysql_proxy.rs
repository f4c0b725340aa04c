//! A proxy between clients and a MySQL server that counts bytes, and cuts or kills the connection of a chosen packet.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread,
};

use mysql_async::{Conn, OptsBuilder, prelude::Queryable};

use crate::mysql_server::{Server, block_on};

/// What happens at a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The packet is lost.
    Before,
    /// The packet arrives, and what follows is lost.
    After,
    /// The packet arrives, and then the server kills the connection.
    Kill,
}

/// A running proxy. Its threads end with the process.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    /// Number of packets in both directions.
    packets: AtomicUsize,
    /// Number of bytes that the server has sent.
    bytes: AtomicUsize,
    /// The number of a packet, and what happens at it.
    plan: Mutex<Option<(usize, Cut)>>,
    /// The server's socket.
    socket: PathBuf,
}

/// One direction of a connection.
struct Direction {
    from: TcpStream,
    to: TcpStream,
    is_of_server: bool,
    /// The server's id of the connection.
    connection: Arc<AtomicU32>,
}

impl Proxy {
    /// Starts a proxy to a server.
    pub fn start(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (own, port) = (listener.local_addr().unwrap().port(), server.port());
        let state = Arc::new(State {
            packets: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            plan: Mutex::new(None),
            socket: server.socket(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                // Otherwise each packet waits 40 ms for an acknowledgement.
                for side in [&client, &server] {
                    side.set_nodelay(true).unwrap();
                }
                let connection = Arc::new(AtomicU32::new(0));
                for (from, to, is_of_server) in [(&client, &server, false), (&server, &client, true)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let direction = Direction { from, to, is_of_server, connection: Arc::clone(&connection) };
                    let state = Arc::clone(&shared);
                    thread::spawn(move || {
                        let _ended = direction.forward(&state);
                        for side in [&direction.from, &direction.to] {
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

    /// Cuts the connection of the packet after the next `packets`.
    pub fn cut_after(&self, packets: usize, cut: Cut) {
        *self.state.plan.lock().unwrap() = Some((self.state.packets.load(Ordering::SeqCst) + packets + 1, cut));
    }

    /// Cuts no connection. Returns whether a planned cut has not happened.
    pub fn cancel(&self) -> bool {
        self.state.plan.lock().unwrap().take().is_some()
    }

    /// Whether a planned cut has not happened.
    pub fn is_planned(&self) -> bool {
        self.state.plan.lock().unwrap().is_some()
    }

    /// Number of bytes that the server has sent since the last call.
    pub fn take_bytes(&self) -> usize {
        self.state.bytes.swap(0, Ordering::SeqCst)
    }
}

impl Direction {
    /// Forwards packets. Each begins with its length in three bytes, and its number in one.
    fn forward(&self, state: &State) -> io::Result<()> {
        let (mut from, mut to) = (&self.from, &self.to);
        loop {
            let mut packet = vec![0; 4];
            from.read_exact(&mut packet)?;
            let bytes = usize::from(packet[0]) | usize::from(packet[1]) << 8 | usize::from(packet[2]) << 16;
            packet.resize(4 + bytes, 0);
            from.read_exact(&mut packet[4..])?;
            if self.is_of_server {
                state.bytes.fetch_add(packet.len(), Ordering::SeqCst);
                if self.connection.load(Ordering::SeqCst) == 0 {
                    self.connection.store(connection_id(&packet).unwrap_or(0), Ordering::SeqCst);
                }
            }
            let number = state.packets.fetch_add(1, Ordering::SeqCst) + 1;
            // Packets of other connections may be counted between the plan and this one.
            let cut = state.plan.lock().unwrap().take_if(|(at, _)| *at <= number).map(|(_, cut)| cut);
            if cut == Some(Cut::Before) {
                return Ok(());
            }
            to.write_all(&packet)?;
            match cut {
                Some(Cut::After) => return Ok(()),
                Some(Cut::Kill) => kill(&state.socket, self.connection.load(Ordering::SeqCst)),
                Some(Cut::Before) | None => {}
            }
        }
    }
}

/// Has the server kill a connection, which may have ended by itself.
fn kill(socket: &Path, connection: u32) {
    let administrator = OptsBuilder::default().user(Some("root")).socket(Some(socket.display().to_string()));
    let killed: mysql_async::Result<()> = block_on(async {
        let mut administrator = Conn::new(administrator).await?;
        administrator.query_drop(format!("KILL {connection}")).await?;
        administrator.disconnect().await
    });
    drop(killed);
}

/// Returns the id in the server's first packet: after the protocol's version, and the server's version with a zero.
fn connection_id(packet: &[u8]) -> Option<u32> {
    let greeting = packet.get(5..)?;
    let end = greeting.iter().position(|byte| *byte == 0)?;
    Some(u32::from_le_bytes(greeting.get(end + 1..end + 5)?.try_into().ok()?))
}
