//! The board: a QEMU of our own, its two flash files, its UART as a socket. Switched off, it is killed: what its flash
//! files hold then is what a power cut leaves.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::run::{self, Failure};

const QEMU: &str = "qemu-system-riscv32";
const REMEDY: &str =
    "qemu-system-riscv32 is missing. On Debian or Ubuntu:\n  sudo apt-get install qemu-system-misc";
/// How long QEMU may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(20);

/// The version of the emulator.
///
/// # Errors
/// There is none; names what installs it.
pub fn version() -> Result<String, Failure> {
    let mut command = run::in_root(QEMU);
    command.arg("--version");
    let said = run::answer(command).ok_or_else(|| Failure(REMEDY.to_owned()))?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}

/// A machine that is switched on.
pub struct Machine {
    power: Arc<Power>,
    uart: String,
}

/// Its process, our own child, and whether we ended it.
struct Power {
    child: Mutex<Child>,
    is_cut: AtomicBool,
}

impl Power {
    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Machine {
    /// Switches it on with the flash files of a directory.
    ///
    /// # Errors
    /// QEMU does not start; what it said.
    pub fn start(dir: &Path) -> Result<Self, Failure> {
        Self::start_at(dir, None)
    }

    /// The same with its clock set to an instant, a date and a time in UTC; `None`: the host's.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_at(dir: &Path, clock: Option<&str>) -> Result<Self, Failure> {
        let socket = dir.join("uart.sock");
        let _ = fs::remove_file(&socket);
        let log = fs::File::create(dir.join("qemu.log"))
            .map_err(|error| format!("{}: {error}", dir.display()))?;
        let mut command = Command::new(QEMU);
        command
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        command.args([
            "-M", "virt", "-m", "32M", "-bios", "none", "-display", "none", "-monitor", "none",
        ]);
        command.args(["-serial", "unix:uart.sock,server=on,wait=off"]);
        if let Some(clock) = clock {
            command.args(["-rtc", &format!("base={clock}")]);
        }
        for bank in 0..2 {
            command.arg("-drive");
            command.arg(format!(
                "if=pflash,format=raw,unit={bank},file=bank{bank}.bin"
            ));
        }
        let child = command
            .spawn()
            .map_err(|error| format!("{REMEDY}\n  ({error})"))?;
        let power = Power {
            child: Mutex::new(child),
            is_cut: AtomicBool::new(false),
        };
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let machine = Self {
            power: Arc::new(power),
            uart: format!("unix:../{name}/uart.sock"),
        };
        let begun = Instant::now();
        while !socket.exists() {
            if !machine.is_on() || begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(dir.join("qemu.log")).unwrap_or_default();
                return Err(Failure(format!("qemu does not start: {}", said.trim_end())));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(machine)
    }

    /// Its UART, as `lightday link` names it from a directory beside the machine's: names of sockets are short.
    pub fn uart(&self) -> &str {
        &self.uart
    }

    /// Whether it runs.
    pub fn is_on(&self) -> bool {
        let mut child = self
            .power
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }

    /// Whether we cut its power, or are about to.
    pub fn is_cut(&self) -> bool {
        self.power.is_cut.load(Ordering::SeqCst)
    }

    /// Cuts the power.
    pub fn cut(&self) {
        self.power.cut();
    }

    /// Cuts the power a while from now.
    pub fn cut_after(&self, while_: Duration) {
        let power = Arc::clone(&self.power);
        thread::spawn(move || {
            thread::sleep(while_);
            power.cut();
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.cut();
    }
}
