//! The zstd frame as a source of bytes: feeds `ruzstd` block by block from the patch.
//!
//! The reader that `ruzstd` wants lives for one call; the offset stays here. A block is decoded
//! only when nothing is left to hand out, so that the heap holds one window and one block.

use super::guard::{self, Budget};
use super::raw::RawSource;
use crate::{DecodeError, IoError, PatchIo};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::io::{Error, ErrorKind, Read};

/// A zstd frame that fills the patch from its first byte to its last.
pub(super) struct FrameSource {
    frame: FrameDecoder,
    budget: Budget,
    ram: u32,
    patch_len: u32,
    /// Bytes of the patch consumed; 0 until the header has been read.
    offset: u32,
}

impl FrameSource {
    pub(super) fn new(patch_len: u32, ram: u32) -> Self {
        Self {
            frame: FrameDecoder::new(),
            budget: Budget::new(ram, 0),
            ram,
            patch_len,
            offset: 0,
        }
    }

    /// Heap in bytes needed so far, an upper bound.
    pub(super) fn ram_needed(&self) -> u32 {
        u32::try_from(self.budget.needed()).unwrap_or(u32::MAX)
    }

    fn start(&mut self, io: &mut dyn PatchIo) -> Result<(), DecodeError> {
        let window = guard::read_header(io, self.patch_len)?;
        self.budget = Budget::new(self.ram, window);
        self.budget.check()?;
        let mut reader = Reader::new(io, 0, self.patch_len);
        let done = self.frame.init(&mut reader).is_ok();
        self.offset = reader.finish(done)?;
        Ok(())
    }

    fn next_block(&mut self, io: &mut dyn PatchIo) -> Result<(), DecodeError> {
        self.budget.admit_block(io, self.offset, self.patch_len)?;
        let mut reader = Reader::new(io, self.offset, self.patch_len);
        let one = BlockDecodingStrategy::UptoBlocks(1);
        let done = self.frame.decode_blocks(&mut reader, one).is_ok();
        self.offset = reader.finish(done)?;
        Ok(())
    }
}

impl RawSource for FrameSource {
    fn read(&mut self, io: &mut dyn PatchIo, buf: &mut [u8]) -> Result<usize, DecodeError> {
        if self.offset == 0 {
            self.start(io)?;
        }
        loop {
            let count = self.frame.read(buf).map_err(|_| DecodeError::Malformed)?;
            if count > 0 {
                return Ok(count);
            }
            if self.frame.is_finished() {
                if self.offset != self.patch_len {
                    return Err(DecodeError::TrailingBytes);
                }
                return Ok(0);
            }
            self.next_block(io)?;
        }
    }
}

/// The patch from an offset on, as `ruzstd` reads it; remembers why a read failed.
struct Reader<'a> {
    io: &'a mut dyn PatchIo,
    offset: u32,
    end: u32,
    failed: Option<DecodeError>,
}

impl<'a> Reader<'a> {
    fn new(io: &'a mut dyn PatchIo, offset: u32, end: u32) -> Self {
        Self {
            io,
            offset,
            end,
            failed: None,
        }
    }

    /// The offset reached, or the reason why the frame decoder was not `done`.
    fn finish(self, done: bool) -> Result<u32, DecodeError> {
        match self.failed {
            Some(error) => Err(error),
            None if done => Ok(self.offset),
            None => Err(DecodeError::Malformed),
        }
    }

    fn fail(&mut self, error: DecodeError) -> Error {
        self.failed = Some(error);
        Error::from(ErrorKind::UnexpectedEof)
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let Ok(len) = u32::try_from(buf.len()) else {
            return Err(self.fail(DecodeError::Io(IoError::OutOfRange)));
        };
        let end = self.offset.checked_add(len).filter(|end| *end <= self.end);
        let Some(end) = end else {
            return Err(self.fail(DecodeError::Truncated));
        };
        if let Err(error) = self.io.read_patch(self.offset, buf) {
            return Err(self.fail(error.into()));
        }
        self.offset = end;
        Ok(buf.len())
    }
}
