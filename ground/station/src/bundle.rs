//! Bundles: a manifest, its signatures and the payload, built from one or two images.
//!
//! Never signs (signers do, one at a time) and never says that an image is good (evidence does). The
//! file (`.ldb`) is a [container]; what goes up is its envelope and payload alone.
//!
//! ```text
//! .ldb   = context (target, number, base in full) | body | signatures | text | payload
//! object =                         envelope( body | signatures )              | payload
//! ```
//!
//! ```
//! use lightday_station::bundle::{BuildOptions, Bundle, build};
//! use lightday_station::image::{Image, ImageOptions};
//! use lightday_station::profile::{EXAMPLE, Profile};
//! use lightday_wire::{ObjectNumber, Version};
//!
//! let profile: Profile = toml::from_str(EXAMPLE)?;
//! let image = Image::parse(b"the new image", &ImageOptions::default())?;
//! let options = BuildOptions::new(ObjectNumber::new(4).unwrap(), Version::default());
//! let bundle = build(None, &image, &profile, &options, &|_| ())?;
//! assert_eq!(Bundle::parse(&bundle.to_bytes())?, bundle);
//! let bytes: usize = bundle.fields().iter().map(|(_, bytes)| bytes).sum();
//! assert_eq!(bytes, bundle.envelope_bytes().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use lightday_trust::digest;
use lightday_wire::manifest::{self, FORMAT};
use lightday_wire::{
    Activation, Base, Digest, Manifest, ManifestContext, ObjectKind, ObjectNumber, Payload,
    SlotChoice, SlotId, Target, TrialPolicy, Version,
};
use serde::{Deserialize, Serialize};

use crate::build_error::check_envelope;
pub use crate::build_error::{BuildError, LONGEST_ENVELOPE};
use crate::codec::{self, CodecError, Hints, Watch};
use crate::container::{self, FileError};
use crate::image::Image;
use crate::object::{ObjectError, UplinkObject};
use crate::profile::{LoadAddress, Profile};
use crate::signed::{Signed, SignedFile};

/// What a bundle is to say beyond its images and the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// The object number: one that the vehicle accepts next, never used before.
    pub number: ObjectNumber,
    /// The image's version.
    pub version: Version,
    /// The base's version.
    pub base_version: Version,
    /// The image's security counter.
    pub security_counter: u32,
    /// Bound to the class, so that the testbed flies the identical bytes; else to the one vehicle.
    pub class_bound: bool,
    /// What arms it.
    pub activation: Activation,
    /// How it proves itself; `None`: as the profile says.
    pub trial: Option<TrialPolicy>,
    /// The slot that a raw image is linked for, where images are linked per slot.
    pub slot: Option<SlotId>,
    /// Root of the evidence; load-and-go needs it.
    pub evidence_root: Option<Digest>,
    /// Text for people: its digest is signed, the text stays on the ground.
    pub text: Option<String>,
    /// Without a base, even if one is given.
    pub full: bool,
}

impl BuildOptions {
    /// Bound to the vehicle, armed by an authorization, trial as the profile says, counter 0.
    #[must_use]
    pub const fn new(number: ObjectNumber, version: Version) -> Self {
        Self {
            number,
            version,
            base_version: Version {
                major: 0,
                minor: 0,
                patch: 0,
            },
            security_counter: 0,
            class_bound: false,
            activation: Activation::OnAuthorization,
            trial: None,
            slot: None,
            evidence_root: None,
            text: None,
            full: false,
        }
    }
}

/// A bundle with the signatures collected so far; see [`Signed`] for its face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    signed: Signed<Manifest>,
    text: Option<String>,
    payload: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct BundleFile {
    signed: SignedFile<ManifestContext>,
    text: Option<String>,
    payload: Vec<u8>,
}

impl core::ops::Deref for Bundle {
    type Target = Signed<Manifest>;

    fn deref(&self) -> &Signed<Manifest> {
        &self.signed
    }
}

impl core::ops::DerefMut for Bundle {
    fn deref_mut(&mut self) -> &mut Signed<Manifest> {
        &mut self.signed
    }
}

fn described(image: &Image, version: Version) -> manifest::Image {
    manifest::Image {
        digest: image.digest(),
        size: image.size(),
        version,
    }
}

/// Where an image goes: the slot that it is linked for, and its load address.
fn place(
    image: &Image,
    profile: &Profile,
    asked: Option<SlotId>,
) -> Result<(SlotChoice, u64), BuildError> {
    let addresses = profile.memory.load_address;
    if let LoadAddress::Same(address) = addresses {
        let linked = image.load_address.unwrap_or(address);
        return match (linked == address, asked) {
            (true, None) => Ok((SlotChoice::Inactive, address)),
            (true, Some(slot)) => Ok((SlotChoice::Only(slot), address)),
            (false, _) => Err(BuildError::Address(linked)),
        };
    }
    let slot = match image.load_address {
        Some(linked) => {
            let mut slots = SlotId::ALL.into_iter();
            let slot = slots.find(|slot| addresses.of(*slot) == linked);
            slot.filter(|slot| asked.is_none_or(|asked| asked == *slot))
                .ok_or(BuildError::Address(linked))?
        }
        None => asked.ok_or(BuildError::SlotUnknown)?,
    };
    Ok((SlotChoice::Only(slot), addresses.of(slot)))
}

/// Builds an unsigned bundle: tries all codecs, proves what they make, and takes the one with which the fewest bytes
/// go up, envelope and payload together; of equals, the one with the smaller payload. `watch` hears how far that has
/// come, and which codec failed.
///
/// # Errors
/// [`BuildError`] names the field; [`BuildError::hint`] the remedy.
pub fn build(
    base: Option<&Image>,
    image: &Image,
    profile: &Profile,
    options: &BuildOptions,
    watch: Watch<'_>,
) -> Result<Bundle, BuildError> {
    let trial = options.trial.unwrap_or(profile.trial.into());
    if trial.tries == 0 || trial.health_deadline_s == 0 || trial.lease_s == 0 {
        return Err(BuildError::Trial);
    }
    if options.activation == Activation::LoadAndGo && options.evidence_root.is_none() {
        return Err(BuildError::EvidenceMissing);
    }
    let (asked, most) = (options.security_counter, profile.memory.security_counters);
    if asked > most {
        return Err(BuildError::SecurityCounter { asked, most });
    }
    let slot_size = profile.memory.slot_size;
    if image.size() > slot_size {
        return Err(BuildError::ImageTooLarge {
            size: image.size(),
            slot: slot_size,
        });
    }
    let (slot, load_address) = place(image, profile, options.slot)?;
    let base = base.filter(|_| !options.full);
    let bytes = base.map(|base| base.bytes.as_slice());
    let hints = Hints::on(profile, base, image);
    let all = codec::candidates(bytes, &image.bytes, &profile.decoder, &hints, watch)
        .map_err(BuildError::Codec)?;
    let bundles = all.into_iter().map(|encoded| {
        let place = (slot, load_address);
        assemble(base, image, profile, options, (trial, place, encoded))
    });
    let bundle = smallest(bundles)?;
    let size = bundle.object_bytes().len() as u64;
    let staging = profile.memory.staging_size;
    if size > u64::from(staging) {
        return Err(BuildError::StagingTooSmall { size, staging });
    }
    Ok(bundle)
}

/// The bundle of which the fewest bytes go up; the first error, if there is none.
fn smallest(
    bundles: impl Iterator<Item = Result<Bundle, BuildError>>,
) -> Result<Bundle, BuildError> {
    let better =
        |best: &Result<Bundle, BuildError>, next: &Result<Bundle, BuildError>| match (best, next) {
            (Ok(best), Ok(next)) => next.object_bytes().len() < best.object_bytes().len(),
            (best, next) => best.is_err() && next.is_ok(),
        };
    bundles
        .reduce(|best, next| if better(&best, &next) { next } else { best })
        .unwrap_or(Err(BuildError::Codec(CodecError::NoCodec)))
}

/// The bundle with one payload.
fn assemble(
    base: Option<&Image>,
    image: &Image,
    profile: &Profile,
    options: &BuildOptions,
    (trial, (slot, load_address), encoded): (TrialPolicy, (SlotChoice, u64), codec::Encoded),
) -> Result<Bundle, BuildError> {
    // A payload that does not read its base must not make the vehicle look for one.
    let base: Option<Base> = base
        .filter(|_| encoded.needs_base)
        .map(|base| described(base, options.base_version));
    let manifest = Manifest {
        format: FORMAT,
        class_bound: options.class_bound,
        component: profile.component,
        slot,
        load_address,
        security_counter: options.security_counter,
        image: described(image, options.version),
        base: base.map(|base| base.digest.prefix()),
        payload: Payload {
            codec: encoded.codec,
            params: encoded.params.iter().copied().take(8).collect(),
            ram: encoded.ram,
            digest: digest::sha256(&encoded.payload),
            size: u32::try_from(encoded.payload.len()).unwrap_or(u32::MAX),
        },
        activation: options.activation,
        trial,
        evidence_root: options.evidence_root,
        text_digest: options.text.as_ref().map(|t| digest::sha256(t.as_bytes())),
    };
    let context = ManifestContext {
        target: profile.target(options.class_bound),
        number: options.number,
        base,
    };
    let signed = Signed::new(context, manifest).ok_or(BuildError::TooLong)?;
    check_envelope(&signed)?;
    Ok(Bundle {
        signed,
        text: options.text.clone(),
        payload: encoded.payload,
    })
}

impl Bundle {
    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = BundleFile {
            signed: self.signed.to_file(),
            text: self.text.clone(),
            payload: self.payload.clone(),
        };
        container::seal(ObjectKind::Bundle, &file)
    }

    /// Reads a file. Payload and text are held against the manifest; signatures are not looked at:
    /// [`Signed::verify`] does.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let file: BundleFile = container::open(ObjectKind::Bundle, bytes)?;
        let signed: Signed<Manifest> = Signed::from_file(file.signed)?;
        let (manifest, context) = (signed.document(), signed.context());
        let must = |holds: bool, field| {
            if holds {
                Ok(())
            } else {
                Err(FileError::Malformed(field))
            }
        };
        let payload = &manifest.payload;
        must(manifest.format == FORMAT, "format")?;
        must(
            file.payload.len() as u64 == u64::from(payload.size),
            "payload size",
        )?;
        must(
            digest::sha256(&file.payload) == payload.digest,
            "payload digest",
        )?;
        let text = file.text.as_ref().map(|t| digest::sha256(t.as_bytes()));
        // The text is severable: a file may come without it.
        must(
            text.is_none() || text == manifest.text_digest,
            "text digest",
        )?;
        let base = context.base.map(|base| base.digest.prefix());
        must(base == manifest.base, "base")?;
        let class_bound = matches!(context.target, Target::Class(_));
        must(class_bound == manifest.class_bound, "class bound")?;
        Ok(Self {
            signed,
            text: file.text,
            payload: file.payload,
        })
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        self.signed.document()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The text for people, unless it was severed.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Takes the text out; the manifest keeps its digest.
    pub fn sever_text(&mut self) {
        self.text = None;
    }

    /// The bytes that go up, before padding: envelope, then payload.
    #[must_use]
    pub fn object_bytes(&self) -> Vec<u8> {
        let mut bytes = self.envelope_bytes();
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The object that goes up, in symbols of at most `symbol_len_max` bytes that are a multiple of
    /// the flash's program granule ([`Profile::granule`]).
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn to_object(
        &self,
        symbol_len_max: u16,
        granule: u16,
    ) -> Result<UplinkObject, ObjectError> {
        let bytes = self.object_bytes();
        UplinkObject::fit(
            ObjectKind::Bundle,
            self.number(),
            &bytes,
            symbol_len_max,
            granule,
        )
    }

    /// Decodes the payload as the vehicle will, and returns the image.
    ///
    /// # Errors
    /// [`CodecError`], also if the image does not have the manifest's digest.
    pub fn decode(&self, base: &[u8]) -> Result<Vec<u8>, CodecError> {
        let (payload, image) = (&self.manifest().payload, &self.manifest().image);
        let new = codec::decode(payload.codec, payload.ram, base, &self.payload, image.size)?;
        if digest::sha256(&new) == image.digest {
            Ok(new)
        } else {
            Err(CodecError::Mismatch(payload.codec))
        }
    }
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
