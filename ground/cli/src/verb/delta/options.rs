//! What making a patch is told: the same for `make` and `explain`.

use lightday_delta::Isa;
use lightday_delta::encode::ModelOptions;
use lightday_station::codec::Hints;
use lightday_station::image::Image;
use lightday_station::profile::DECODER_RAM_MAX;

use crate::mission::units::{ByteSize, parse_size};

/// Least RAM in bytes that `model` lays its tables out for.
const LEAST_RAM: u32 = 8 << 10;

/// What the encoder is told.
#[derive(clap::Args)]
pub struct Options {
    /// RAM that the decoder may take: bytes, or such as 16KiB or 1MiB; 8KiB to 256MiB. More than 1MiB seldom gains one in a hundred.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = decoder_ram)]
    pub ram: ByteSize,
    /// The instruction set; auto takes what the ELF files say, and looks at raw binaries. Plain bytes
    /// are tried as well: where they come out smaller, the patch is of no instruction set (none), whichever was given.
    #[arg(long, value_enum, default_value_t = IsaName::Auto)]
    isa: IsaName,
    /// Address of the first byte of the old image; by default what its ELF file says, or that of the new one.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    old_base: Option<u64>,
    /// Address of the first byte of the new image; by default what its ELF file says, or that of the old one.
    #[arg(long, value_name = "ADDR", value_parser = address)]
    new_base: Option<u64>,
    /// How hard to search, 1 (fast) to 9 (small).
    #[arg(long, value_name = "N", default_value_t = ModelOptions::EFFORT,
        value_parser = clap::value_parser!(u8).range(1..=9))]
    effort: u8,
    /// Take ELF files as they are, and not the image that they load.
    #[arg(long)]
    pub raw: bool,
}

/// Instruction sets by the names of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum IsaName {
    /// Found out.
    Auto,
    /// Thumb and Thumb-2.
    Thumb,
    /// RISC-V, 32 bit.
    Riscv,
    /// RISC-V, 64 bit.
    Riscv64,
    /// SPARC V8.
    Sparc,
    /// 64-bit Arm.
    Aarch64,
    /// Plain pointers, little endian.
    None,
    /// Plain pointers, big endian.
    NoneBe,
}

impl IsaName {
    const fn isa(self) -> Option<Isa> {
        Some(match self {
            Self::Auto => return None,
            Self::Thumb => Isa::Thumb,
            Self::Riscv => Isa::Riscv32,
            Self::Riscv64 => Isa::Riscv64,
            Self::Sparc => Isa::Sparc,
            Self::Aarch64 => Isa::Aarch64,
            Self::None => Isa::WordsLe,
            Self::NoneBe => Isa::WordsBe,
        })
    }
}

/// The name of an instruction set on the command line.
pub const fn isa_name(isa: Isa) -> &'static str {
    match isa {
        Isa::Thumb => "thumb",
        Isa::Riscv32 => "riscv",
        Isa::Riscv64 => "riscv64",
        Isa::Sparc => "sparc",
        Isa::Aarch64 => "aarch64",
        Isa::WordsLe => "none",
        Isa::WordsBe => "none-be",
    }
}

impl Options {
    /// What is known of two images: the command line goes before their files.
    pub fn hints(&self, old: &Image, new: &Image) -> Hints {
        let known = Hints::of(Some(old), new);
        Hints {
            isa: self.isa.isa().or(known.isa),
            base_address: self.old_base.or(known.base_address),
            new_address: self.new_base.or(known.new_address),
            effort: self.effort,
            ..known
        }
    }
}

/// Reads the RAM of a decoder that a patch is made for.
fn decoder_ram(text: &str) -> Result<ByteSize, String> {
    let size = allowed_ram(text)?;
    if size.0 < LEAST_RAM {
        return Err(format!(
            "{} B of RAM: the format lays its tables out in 8KiB at the least",
            size.0
        ));
    }
    Ok(size)
}

/// Reads how much RAM a decoder may take.
pub fn allowed_ram(text: &str) -> Result<ByteSize, String> {
    let size = parse_size(text)?;
    if size > DECODER_RAM_MAX {
        return Err(format!(
            "{} B of RAM: {DECODER_RAM_MAX} are the most, and more than 1MiB seldom gains one in a hundred",
            size.0
        ));
    }
    Ok(size)
}

/// Reads an address, in hexadecimal or decimal digits; underscores may part them.
fn address(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = hex.map_or((digits.as_str(), 10), |hex| (hex, 16));
    // `from_str_radix` takes a sign.
    let value = match digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => u64::from_str_radix(digits, radix).ok(),
        false => None,
    };
    value.ok_or_else(|| {
        format!("`{text}` is no address: write it as 0x08000000 or in decimal digits")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, value) in [
            ("0x0800_0000", 0x0800_0000),
            ("0XFF", 255),
            ("4096", 4096),
            ("0xffffffffffffffff", u64::MAX),
        ] {
            assert_eq!(address(text), Ok(value));
        }
        for bad in [
            "",
            "0x",
            "0x-1",
            "+1",
            "8000000h",
            "0x10000000000000000",
            "flash",
        ] {
            assert!(address(bad).unwrap_err().contains("0x08000000"), "{bad}");
        }
    }

    #[test]
    fn the_decoder_has_8_kib_to_256_mib() {
        assert_eq!(decoder_ram("8KiB"), Ok(ByteSize(8192)));
        assert_eq!(decoder_ram("65536"), Ok(ByteSize(65536)));
        assert!(decoder_ram("8191").unwrap_err().contains("8KiB"));
        assert!(decoder_ram("64k").unwrap_err().contains("256KiB"));
        assert_eq!(decoder_ram("256MiB"), Ok(DECODER_RAM_MAX));
        for much in ["257MiB", "1GiB", "1024MiB"] {
            assert!(decoder_ram(much).unwrap_err().contains("256MiB"), "{much}");
        }
    }

    #[test]
    fn every_instruction_set_has_one_name() {
        for name in <IsaName as clap::ValueEnum>::value_variants() {
            if let (Some(isa), Some(value)) = (name.isa(), clap::ValueEnum::to_possible_value(name))
            {
                assert_eq!(isa_name(isa), value.get_name());
            }
        }
    }
}
