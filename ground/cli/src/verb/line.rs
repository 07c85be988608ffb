//! The line to a vehicle on the bench: a socket of an emulator, a terminal server, a serial device.
//!
//! It only moves bytes; what they are, [`link`](super::link) knows. Bytes that come are read by a thread of their own,
//! so that a frame leaves when it is due.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};

/// How long a socket may refuse us: an emulator that is switched on makes its socket first, and listens then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket of the file system.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
    /// A serial device.
    Device(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("tcp", host))
                if host
                    .rsplit_once(':')
                    .is_some_and(|(h, p)| !h.is_empty() && p.parse::<u16>().is_ok()) =>
            {
                Ok(Self::Tcp(host.to_owned()))
            }
            None if text.starts_with('/') => Ok(Self::Device(text.into())),
            _ => Err(
                "write unix:PATH, tcp:HOST:PORT, or the path of a device such as /dev/ttyUSB0"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp:{host}"),
            Self::Device(path) => path.display().fmt(f),
        }
    }
}

/// What the reading thread tells.
pub type Heard = io::Result<Vec<u8>>;

/// A line that is open.
pub struct Line {
    to: Box<dyn Write>,
    /// What comes; an error is the last thing that does.
    pub heard: Receiver<Heard>,
}

impl Line {
    /// Opens it; a device is set to `baud`, eight bits, no parity, and left so.
    ///
    /// # Errors
    /// Nobody is there, or it is no line.
    pub fn open(address: &Address, baud: u32) -> Result<Self> {
        let opened = match address {
            Address::Unix(path) => unix(path),
            Address::Tcp(host) => tcp(host),
            Address::Device(path) => device(path, baud),
        };
        opened.map_err(|error| refused(address, &error))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The other end is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes).and_then(|()| self.to.flush())
    }

    fn of(to: impl Write + 'static, from: impl Read + Send + 'static, end: End) -> Self {
        let (sender, heard) = mpsc::channel();
        std::thread::spawn(move || read(from, end, &sender));
        Self {
            to: Box::new(to),
            heard,
        }
    }
}

/// What a read of no bytes means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The other end is gone.
    Closed,
    /// Nothing came for a while.
    #[cfg(unix)]
    Silent,
}

fn read(mut from: impl Read, end: End, to: &mpsc::Sender<Heard>) {
    let mut buffer = [0; 4096];
    loop {
        let heard = match from.read(&mut buffer) {
            Ok(0) if end == End::Closed => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => Ok(buffer.get(..n).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_over = heard.is_err();
        // Whoever listened may be done.
        if to.send(heard).is_err() || is_over {
            return;
        }
    }
}

#[cfg(unix)]
fn unix(path: &Path) -> io::Result<Line> {
    use std::os::unix::net::UnixStream;
    let begun = Instant::now();
    let socket = loop {
        match UnixStream::connect(path) {
            Err(e)
                if e.kind() == io::ErrorKind::ConnectionRefused && begun.elapsed() < PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            connected => break connected?,
        }
    };
    Ok(Line::of(socket.try_clone()?, socket, End::Closed))
}

#[cfg(not(unix))]
fn unix(_: &Path) -> io::Result<Line> {
    Err(io::ErrorKind::Unsupported.into())
}

fn tcp(host: &str) -> io::Result<Line> {
    let socket = TcpStream::connect(host)?;
    socket.set_nodelay(true)?;
    Ok(Line::of(socket.try_clone()?, socket, End::Closed))
}

#[cfg(unix)]
fn device(path: &Path, baud: u32) -> io::Result<Line> {
    use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
    let port = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)?;
    let mut settings = tcgetattr(&port)?;
    settings.make_raw();
    settings.set_speed(baud)?;
    // A read waits a tenth of a second and no longer.
    settings.special_codes[SpecialCodeIndex::VMIN] = 0;
    settings.special_codes[SpecialCodeIndex::VTIME] = 1;
    tcsetattr(&port, OptionalActions::Flush, &settings)?;
    Ok(Line::of(port.try_clone()?, port, End::Silent))
}

#[cfg(not(unix))]
fn device(_: &Path, _: u32) -> io::Result<Line> {
    Err(io::ErrorKind::Unsupported.into())
}

fn refused(address: &Address, error: &io::Error) -> Error {
    use io::ErrorKind as E;
    let hint = match (error.kind(), address) {
        (E::NotFound | E::ConnectionRefused, Address::Device(_)) => {
            "check the name of the device: is it plugged in?"
        }
        (E::NotFound | E::ConnectionRefused, _) => {
            "start the emulator or the terminal server first, and check the address"
        }
        (E::PermissionDenied, _) => {
            "check who may use it; serial devices often belong to a group such as dialout"
        }
        (E::Unsupported, _) => "this system has none: use tcp:HOST:PORT",
        _ => "check the address; a device must be a serial line",
    };
    Error::new(Kind::Io, error)
        .field(format!("uart {address}"))
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_others_refused() {
        for text in [
            "unix:a/b",
            "tcp:localhost:4000",
            "tcp:[::1]:9",
            "/dev/ttyS0",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "unix:",
            "tcp:host",
            "tcp::9",
            "tcp:h:99999",
            "ttyS0",
            "udp:h:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
