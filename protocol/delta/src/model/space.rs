//! Where the bytes of an image lie in memory: offsets in the file to addresses, and back.

/// Most regions of an image: the loadable segments of a shared object are four or fewer.
pub(crate) const MAX_REGIONS: usize = 6;

/// A run of the image that is loaded as one piece, to the start of the next region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Region {
    /// Offset of its first byte in the image.
    pub offset: u32,
    /// Address of its first byte.
    pub address: u64,
}

/// The regions of one image, by rising offset; the first begins at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    regions: [Region; MAX_REGIONS],
    count: usize,
    len: u32,
}

impl Space {
    /// An image of `len` bytes in one piece at `address`.
    pub(crate) fn flat(len: u32, address: u64) -> Self {
        let mut space = Self {
            regions: [Region::default(); MAX_REGIONS],
            count: 0,
            len,
        };
        space.push(Region { offset: 0, address });
        space
    }

    /// Adds a region behind the last one. Says no if there is no room or the order is wrong.
    pub(crate) fn push(&mut self, region: Region) -> bool {
        let in_order = match self.regions().last() {
            Some(last) => region.offset > last.offset && region.offset < self.len,
            None => region.offset == 0,
        };
        match self.regions.get_mut(self.count) {
            Some(free) if in_order => {
                *free = region;
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    /// The regions.
    pub(crate) fn regions(&self) -> &[Region] {
        self.regions.get(..self.count).unwrap_or_default()
    }

    /// Length of the image in bytes.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The address of the byte at `offset`.
    pub(crate) fn address(&self, offset: u32) -> u64 {
        let mut regions = self.regions().iter().rev();
        let region = regions.find(|r| r.offset <= offset);
        region.map_or(0, |r| {
            r.address
                .wrapping_add(u64::from(offset.wrapping_sub(r.offset)))
        })
    }

    /// The offset of the byte at `address`, if the image holds it.
    pub(crate) fn offset(&self, address: u64) -> Option<u32> {
        let mut end = self.len;
        for region in self.regions().iter().rev() {
            let within = address.wrapping_sub(region.address);
            let size = end.wrapping_sub(region.offset);
            if within < u64::from(size) {
                return Some(region.offset.wrapping_add(within as u32));
            }
            end = region.offset;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_addresses_are_inverse() {
        let mut space = Space::flat(0x400, 0x1_0000);
        let data = Region {
            offset: 0x100,
            address: 0x2_0100,
        };
        assert!(space.push(data));
        assert!(!space.push(data));
        for offset in 0..0x400 {
            assert_eq!(space.offset(space.address(offset)), Some(offset));
        }
        assert_eq!(space.address(0xFF), 0x1_00FF);
        assert_eq!(space.address(0x100), 0x2_0100);
        assert_eq!(space.offset(0x1_0100), None);
        assert_eq!(space.offset(0x2_0400), None);
        assert_eq!(space.offset(0), None);
    }
}
