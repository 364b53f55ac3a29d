//! Reading pieces of an image that nobody vouches for.

use super::read_back::ReadBackError;
use crate::slot::Extent;
use std::io::{Read, Seek, SeekFrom};

/// A part of an image: the whole, or a partition that nothing in it may point out of.
pub(super) struct Window<'a, R> {
    source: &'a mut R,
    extent: Extent,
}

impl<'a, R: Read + Seek> Window<'a, R> {
    /// The whole of `source`.
    pub(super) fn whole(source: &'a mut R) -> Result<Self, ReadBackError> {
        let len = source.seek(SeekFrom::End(0)).map_err(ReadBackError::Read)?;
        Ok(Self { source, extent: Extent { offset: 0, len } })
    }

    /// The part at `extent`, which counts from this window's start.
    pub(super) fn part(
        &mut self,
        what: &'static str,
        extent: Extent,
    ) -> Result<Window<'_, R>, ReadBackError> {
        let extent = self.absolute(what, extent)?;
        Ok(Window { source: self.source, extent })
    }

    /// Where the window lies in the image.
    pub(super) const fn extent(&self) -> Extent {
        self.extent
    }

    /// Where `extent`, which counts from this window's start, lies in the image.
    pub(super) fn absolute(
        &self,
        what: &'static str,
        extent: Extent,
    ) -> Result<Extent, ReadBackError> {
        let offset = self.extent.offset.checked_add(extent.offset);
        let absolute = offset.map(|offset| Extent { offset, len: extent.len });
        absolute
            .filter(|absolute| self.extent.holds(*absolute))
            .ok_or(ReadBackError::damaged(what, "it lies outside of what holds it"))
    }

    /// The bytes at `extent`, which counts from this window's start. Callers bound the length.
    pub(super) fn bytes(
        &mut self,
        what: &'static str,
        extent: Extent,
    ) -> Result<Vec<u8>, ReadBackError> {
        let absolute = self.absolute(what, extent)?;
        let len = usize::try_from(absolute.len)
            .map_err(|_| ReadBackError::damaged(what, "it is larger than memory"))?;
        let mut bytes = vec![0; len];
        self.source.seek(SeekFrom::Start(absolute.offset)).map_err(ReadBackError::Read)?;
        self.source.read_exact(&mut bytes).map_err(ReadBackError::Read)?;
        Ok(bytes)
    }
}
