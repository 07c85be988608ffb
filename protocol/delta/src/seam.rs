//! The seam between a codec and the vehicle: what a decoder reads, what it hands out, how it fails.
//!
//! Nothing here decodes anything, and nothing here knows about slots, flash geometry or codec ids.

use core::fmt;

/// Random access of a decoder to what lies in flash.
///
/// One object for three regions, because all three live on the same device. Offsets are in bytes
/// from the start of the region. A read either fills the whole buffer or fails; a decoder asks only
/// for bytes within its [`Lengths`], so an implementation may answer [`IoError::OutOfRange`] to
/// anything else.
pub trait PatchIo {
    /// Reads the payload at `offset`.
    ///
    /// # Errors
    /// [`IoError::OutOfRange`] past its end, [`IoError::Hardware`] when the device fails.
    fn read_patch(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError>;

    /// Reads the base image at `offset`.
    ///
    /// # Errors
    /// [`IoError::OutOfRange`] past its end, [`IoError::Hardware`] when the device fails.
    fn read_base(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError>;

    /// Reads what has been written so far of the new image, at `offset`.
    ///
    /// All bytes handed out by earlier calls of [`Decoder::produce`] can be read; those of the call
    /// in progress cannot.
    ///
    /// # Errors
    /// [`IoError::OutOfRange`] past what has been handed out, [`IoError::Hardware`] when the device fails.
    fn read_new(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError>;
}

/// Why a read through [`PatchIo`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IoError {
    /// The bytes asked for do not lie within the region: a bug of decoder or caller.
    OutOfRange,
    /// The device failed.
    Hardware,
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "read outside the region",
            Self::Hardware => "the device failed to read",
        })
    }
}

impl core::error::Error for IoError {}

/// The lengths in bytes that the signed manifest states; a decoder holds itself to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lengths {
    /// Length of the payload.
    pub patch: u32,
    /// Length of the base image, 0 if there is none.
    pub base: u32,
    /// Length of the new image.
    pub new: u32,
}

/// A patch decoder: a state machine that hands out the new image in order.
///
/// It keeps its state between calls and holds the [`PatchIo`] only during one, so that the caller
/// can program what it got, kick the watchdog and come back.
pub trait Decoder {
    /// Produces the next bytes of the new image into the front of `out` and returns how many;
    /// 0 means that the image is complete.
    ///
    /// The call that produces the last byte also checks that patch and image end together, so that
    /// a caller which stops at the declared length has missed nothing. Never more than
    /// [`Lengths::new`] bytes are produced in total. The bytes are the same whatever the sizes of
    /// `out`. Work and RAM of a call are bounded; each codec states its bound.
    ///
    /// # Errors
    /// See [`DecodeError`]. A decoder that has failed returns the same error from then on, and what
    /// it left in `out` has no meaning.
    fn produce(&mut self, io: &mut dyn PatchIo, out: &mut [u8]) -> Result<usize, DecodeError>;
}

/// Why a patch cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeError {
    /// Bad bytes: the patch ends in the middle of something.
    Truncated,
    /// Bad bytes: the patch breaks the format of its codec.
    Malformed,
    /// Bad bytes: something follows the end of the patch.
    TrailingBytes,
    /// Bad bytes: the patch would write past the declared length of the new image.
    TooLong,
    /// Bad bytes: the patch ends before the declared length of the new image is reached.
    TooShort,
    /// Bad bytes, or the wrong base: the patch refers to bytes outside the base image.
    OutsideBase,
    /// The vehicle's profile: the patch needs more RAM than the decoder was given.
    RamTooSmall,
    /// The vehicle's profile: the decoder was built without the patch's instruction set.
    UnknownIsa,
    /// The caller's bug: `out` is empty, so that 0 could not mean "complete".
    EmptyOutput,
    /// The device, or the caller's [`PatchIo`].
    Io(IoError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the patch is truncated",
            Self::Malformed => "the patch is malformed",
            Self::TrailingBytes => "bytes follow the end of the patch",
            Self::TooLong => "the patch writes past the declared length of the new image",
            Self::TooShort => "the patch ends before the declared length of the new image",
            Self::OutsideBase => "the patch refers to bytes outside the base image",
            Self::RamTooSmall => "the patch needs more RAM than the decoder has",
            Self::UnknownIsa => "the decoder was built without the patch's instruction set",
            Self::EmptyOutput => "the output buffer is empty",
            Self::Io(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<IoError> for DecodeError {
    fn from(error: IoError) -> Self {
        Self::Io(error)
    }
}

/// A [`PatchIo`] over three slices: for memory-mapped flash, for the ground and for tests.
#[derive(Clone, Copy, Debug)]
pub struct SliceIo<'a> {
    /// The payload.
    pub patch: &'a [u8],
    /// The base image.
    pub base: &'a [u8],
    /// What has been written so far of the new image.
    pub new: &'a [u8],
}

impl PatchIo for SliceIo<'_> {
    fn read_patch(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        read_slice(self.patch, offset, buf)
    }

    fn read_base(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        read_slice(self.base, offset, buf)
    }

    fn read_new(&mut self, offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
        read_slice(self.new, offset, buf)
    }
}

fn read_slice(region: &[u8], offset: u32, buf: &mut [u8]) -> Result<(), IoError> {
    let bytes = usize::try_from(offset)
        .ok()
        .and_then(|start| region.get(start..)?.get(..buf.len()))
        .ok_or(IoError::OutOfRange)?;
    buf.copy_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_io_refuses_what_lies_outside() {
        let mut io = SliceIo {
            patch: b"abc",
            base: b"",
            new: b"xy",
        };
        let mut buf = [0; 2];
        assert_eq!(io.read_patch(1, &mut buf), Ok(()));
        assert_eq!(&buf, b"bc");
        assert_eq!(io.read_patch(2, &mut buf), Err(IoError::OutOfRange));
        assert_eq!(io.read_patch(u32::MAX, &mut buf), Err(IoError::OutOfRange));
        assert_eq!(io.read_base(0, &mut buf), Err(IoError::OutOfRange));
        assert_eq!(io.read_base(0, &mut []), Ok(()));
        assert_eq!(io.read_new(0, &mut buf), Ok(()));
        assert_eq!(&buf, b"xy");
    }
}
