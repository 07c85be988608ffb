//! Writing files so that a reader never sees half of one.
//!
//! The bytes go to a file aside in the same directory, are synced, and take their name in one step. If
//! anything fails the file aside is removed; if the run is killed, a later run [sweeps](sweep) it away.
//! Never overwrites where it is told to create: a key that exists is never lost. Never reads more than the
//! caller allows, nor anything but a regular file.
//!
//! ```text
//! bundles/.7.ldb.4711.0.tmp  --sync-->  --rename-->  bundles/7.ldb       4711: the process, 0: its attempt
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Kind, Result};

/// Who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As the umask says.
    Public,
    /// The owner alone: mode 0600 on Unix, from the first byte on.
    Private,
}

/// A file aside that is older than this belongs to a dead run, whoever has its process number now.
const STALE: Duration = Duration::from_secs(3600);

/// What this run has written so far.
static WRITTEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Remembers that this run wrote a file, for a failure later on that has to say so.
pub fn note(path: &Path) {
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !written.iter().any(|p| p == path) {
        written.push(path.to_path_buf());
    }
}

/// What this run has written so far.
pub fn written() -> Vec<PathBuf> {
    WRITTEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Bytes that lie aside, synced, and wait for their name.
#[derive(Debug)]
pub struct Pending {
    aside: PathBuf,
    path: PathBuf,
    named: bool,
}

impl Pending {
    /// Writes `bytes` aside of `path`. Parent directories must exist.
    ///
    /// # Errors
    /// The file system's, naming `path`.
    pub fn write(path: &Path, bytes: &[u8], access: Access) -> Result<Self> {
        let (mut file, aside) = open_aside(path, access).map_err(|e| Error::write(path, &e))?;
        let pending = Self {
            aside,
            path: path.to_path_buf(),
            named: false,
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|e| Error::write(path, &e))?;
        Ok(pending)
    }

    /// The name that it waits for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name; a file that has it is replaced in one step.
    ///
    /// # Errors
    /// The file system's.
    pub fn replace(mut self) -> Result<()> {
        fs::rename(&self.aside, &self.path).map_err(|e| Error::write(&self.path, &e))?;
        self.named = true;
        sync_dir(&self.path);
        note(&self.path);
        Ok(())
    }

    /// Gives the file its name unless another file has it.
    ///
    /// # Errors
    /// [`Kind::Io`] if the name is taken; the file system's.
    pub fn create(mut self) -> Result<()> {
        // A hard link fails where the name is taken; a rename would silently replace.
        match fs::hard_link(&self.aside, &self.path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(taken(&self.path)),
            Err(_) => {
                // A file system without hard links: look first.
                if self.path.symlink_metadata().is_ok() {
                    return Err(taken(&self.path));
                }
                fs::rename(&self.aside, &self.path).map_err(|e| Error::write(&self.path, &e))?;
                self.named = true;
            }
        }
        sync_dir(&self.path);
        note(&self.path);
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.named {
            // Nothing more can be done about a file aside that will not go away.
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Writes a new file; refuses to replace one.
///
/// # Errors
/// As [`Pending::create`].
pub fn create(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    refuse_existing(path)?;
    Pending::write(path, bytes, access)?.create()
}

/// Refuses a file that cannot be made where it is asked for, before work is done for it.
///
/// # Errors
/// [`Kind::Io`] if its name is taken, or there is no directory for it.
pub fn refuse_unplaceable(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    if parent.is_some_and(|p| !p.is_dir()) {
        return Err(Error::new(Kind::Io, "there is no such directory")
            .file(path)
            .hint("make the directory first, or choose another name"));
    }
    refuse_existing(path)
}

/// Refuses if something has that name.
///
/// # Errors
/// [`Kind::Io`].
pub fn refuse_existing(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(taken(path)),
        Err(_) => Ok(()),
    }
}

/// Reads a whole file of at most `limit` bytes; of a longer one no more than one byte beyond.
///
/// # Errors
/// The file system's, and [`Kind::Input`] if the file is longer, or no regular file: a pipe or a device
/// has no end, and may wait for ever.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe waits for its writer.
    let look = fs::metadata(path).map_err(|e| Error::io(path, &e))?;
    if !look.is_file() {
        return Err(irregular(path, &look));
    }
    if look.len() > limit {
        return Err(too_long(path, limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(look.len()).unwrap_or(0));
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io(path, &e))?;
    // The file may have grown meanwhile.
    if bytes.len() as u64 > limit {
        return Err(too_long(path, limit));
    }
    Ok(bytes)
}

fn too_long(path: &Path, limit: u64) -> Error {
    Error::input(
        path,
        format!("too long: at most {limit} bytes make sense here"),
    )
    .hint("check that this is the file you mean")
}

fn irregular(path: &Path, look: &fs::Metadata) -> Error {
    let what = match look.is_dir() {
        true => "a directory, not a file",
        false => "not a regular file but a pipe, socket or device",
    };
    Error::input(path, what).hint("name a regular file; copy what a pipe brings into one first")
}

/// Reads a whole text file of at most 1 MiB.
///
/// # Errors
/// As [`read`], and [`Kind::Input`] if it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path, 1 << 20)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        Error::input(path, "not text: a byte here is not UTF-8")
            .line(line)
            .hint("check that this is the file you mean, and save it as UTF-8")
    })
}

fn taken(path: &Path) -> Error {
    Error::new(Kind::Io, "the file exists and is never overwritten")
        .file(path)
        .hint("choose another name, or move the old file away")
}

fn open_aside(path: &Path, access: Access) -> io::Result<(File, PathBuf)> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let mut attempt = 0;
    loop {
        let mut aside = std::ffi::OsString::from(".");
        aside.push(name);
        aside.push(format!(".{}.{attempt}.tmp", std::process::id()));
        let aside = path.with_file_name(aside);
        match open(&aside, access) {
            // Left by a dead run that had our process number.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && attempt < 99 => attempt += 1,
            opened => return opened.map(|file| (file, aside)),
        }
    }
}

/// Removes what killed runs left aside in a directory: files of our naming whose process is gone, or which
/// are older than an hour. What cannot be removed stays; a directory that is missing has none.
pub fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(process_of) else {
            continue;
        };
        let Ok(look) = entry.metadata() else { continue };
        let age = look.modified().ok().and_then(|m| m.elapsed().ok());
        if look.is_file() && (is_gone(process) || age.is_some_and(|a| a > STALE)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The process in the name of a file aside, `.NAME.PROCESS.ATTEMPT.tmp`.
fn process_of(name: &str) -> Option<u32> {
    let mut parts = name
        .strip_prefix('.')?
        .strip_suffix(".tmp")?
        .rsplitn(3, '.');
    parts.next()?.parse::<u32>().ok()?;
    let process = parts.next()?.parse().ok()?;
    parts.next().filter(|n| !n.is_empty())?;
    Some(process)
}

/// Whether a process is known to be gone; where the system does not tell, only the age counts.
pub fn is_gone(process: u32) -> bool {
    let processes = Path::new("/proc");
    processes.join("self").exists() && !processes.join(process.to_string()).exists()
}

fn open(path: &Path, access: Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if access == Access::Private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = access;
    options.open(path)
}

/// Makes the new name itself survive a power cut, where the system lets us.
fn sync_dir(path: &Path) {
    #[cfg(unix)]
    {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let dir = File::open(parent.unwrap_or(Path::new(".")));
        // Some file systems cannot sync a directory; the file itself is synced.
        let _ = dir.and_then(|d| d.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("lightday-atomic-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn create_never_replaces_and_leaves_nothing_aside() {
        let dir = dir("create");
        let path = dir.join("a.key");
        create(&path, b"one", Access::Private).unwrap();
        let error = create(&path, b"two", Access::Private).unwrap_err();
        assert_eq!(error.kind, Kind::Io);
        // Also when the other file came between the look and the naming.
        let pending = Pending::write(&path, b"two", Access::Public).unwrap();
        assert_eq!(pending.create().unwrap_err().kind, Kind::Io);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_pending_file_that_is_dropped_leaves_nothing() {
        let dir = dir("drop");
        let path = dir.join("b.ldb");
        drop(Pending::write(&path, b"half", Access::Public).unwrap());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let dir = dir("limit");
        let path = dir.join("c");
        fs::write(&path, [0; 11]).unwrap();
        assert_eq!(read(&path, 10).unwrap_err().kind, Kind::Input);
        // A file without a length: it is the reading that must end.
        #[cfg(target_os = "linux")]
        assert!(read(Path::new("/proc/self/maps"), 10).is_err());
        #[cfg(unix)]
        assert_eq!(
            read(Path::new("/dev/zero"), 10).unwrap_err().kind,
            Kind::Input
        );
        assert_eq!(read(&dir, 10).unwrap_err().kind, Kind::Input);
        fs::write(&path, b"ab\nc\xff").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("c:2:"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_sweep_takes_what_dead_runs_left_and_nothing_else() {
        let dir = dir("sweep");
        // The highest process number that Linux gives is 2^22.
        let dead = ".link.key.4194999.0.tmp";
        let keep = [
            format!(".link.key.{}.0.tmp", std::process::id()),
            "link.key".to_owned(),
            ".link.key.4194999.tmp".to_owned(),
            "link.key.4194999.0.tmp".to_owned(),
            ".4194999.0.tmp".to_owned(),
        ];
        for name in keep.iter().map(String::as_str).chain([dead]) {
            fs::write(dir.join(name), b"secret").unwrap();
        }
        let old = dir.join(format!(".old.key.{}.7.tmp", std::process::id()));
        let long_ago = std::time::SystemTime::now() - 2 * STALE;
        let file = File::create(&old).unwrap();
        file.set_modified(long_ago).unwrap();
        sweep(&dir);
        assert!(!old.exists());
        #[cfg(target_os = "linux")]
        assert!(!dir.join(dead).exists());
        for name in keep {
            assert!(dir.join(&name).exists(), "{name}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
