//! Texts, tables and bitmaps in the guest's memory.

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::Text;
use crate::layout::Field;
use crate::paging::AddressSpace;

impl Reader<'_> {
    /// Bytes at an address.
    pub fn bytes_at(&self, address: u64, length: usize) -> ReadResult<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.space.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// A large array as a whole, which may take a quarter of the frame's memory.
    pub fn table_at(&self, address: u64, length: usize) -> ReadResult<Vec<u8>> {
        if length > self.space.budget().bytes() / 4 {
            return Err(ReadError::Nonsense { what: "a table is too large", address });
        }
        let mut table = Vec::with_capacity(length);
        self.pieces_at(address, length as u64, 1, |_, piece| {
            table.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(table)
    }

    /// A large array, piece by piece, each read in one batch: (where in the array, its bytes). A piece is
    /// a multiple of `stride` long.
    pub fn pieces_at(
        &self,
        address: u64,
        length: u64,
        stride: u64,
        mut visit: impl FnMut(u64, &[u8]) -> ReadResult<()>,
    ) -> ReadResult<()> {
        const PIECE: u64 = 1 << 16;
        let step = (PIECE / stride.max(1)).max(1).saturating_mul(stride.max(1));
        let mut offset = 0;
        while offset < length {
            let (at, bytes) = (address.wrapping_add(offset), step.min(length - offset));
            self.space.prefetch([(at, bytes)]);
            visit(offset, &self.bytes_at(at, bytes as usize)?)?;
            offset = offset.saturating_add(step);
        }
        Ok(())
    }

    /// Lets bytes be gathered in room that is kept for the next who does.
    #[inline]
    pub fn gather<T>(&self, gather: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut room = self.bytes.take();
        room.clear();
        let gathered = gather(&mut room);
        self.bytes.replace(room);
        gathered
    }

    /// A character array in a structure, up to its NUL.
    pub fn text(&self, base: u64, field: Field) -> ReadResult<Text> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        let address = base.wrapping_add(u64::from(member.offset));
        let length = (member.size as usize).min(4096);
        let mut room = [0; 64];
        let text = match room.get_mut(..length) {
            Some(bytes) => {
                self.space.read(address, bytes)?;
                Text::from_c(bytes)
            }
            None => Text::from_c(&self.bytes_at(address, length)?),
        };
        self.kept(text)
    }

    /// A text that is kept until the frame is done.
    pub fn kept(&self, text: Text) -> ReadResult<Text> {
        self.keep(text.len())?;
        Ok(text)
    }

    /// A NUL-terminated string at an address, cut at `longest` bytes.
    pub fn text_at(&self, address: u64, longest: usize) -> ReadResult<Text> {
        // Most are short, and then lie within one or two of the pieces in which they are read.
        let mut short = [0; 64];
        let first = (64 - (address as usize & 63)).min(longest);
        let bytes = short.get_mut(..first).unwrap_or_default();
        self.space.read(address, bytes)?;
        if memchr::memchr(0, bytes).is_some() || first == longest {
            return self.kept(Text::from_c(bytes));
        }
        self.kept(Text::from_c(&self.until_nul(self.space, address, longest)?))
    }

    /// Bytes up to a NUL or `longest`, from any address space.
    pub fn until_nul(
        &self,
        space: &AddressSpace,
        address: u64,
        longest: usize,
    ) -> ReadResult<Vec<u8>> {
        let mut text = Vec::new();
        let mut address = address;
        while text.len() < longest {
            let chunk = (64 - (address as usize & 63)).min(longest - text.len());
            let mut bytes = [0; 64];
            let bytes = bytes.get_mut(..chunk).unwrap_or_default();
            space.read(address, bytes)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            text.extend_from_slice(bytes.get(..end.unwrap_or(chunk)).unwrap_or_default());
            if end.is_some() {
                break;
            }
            address = address.wrapping_add(chunk as u64);
        }
        Ok(text)
    }

    /// The numbers of the bits that are set in a bitmap member, of its first `most`.
    pub fn bits(&self, base: u64, field: Field, most: u32) -> ReadResult<Vec<u32>> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        let bytes = self.bytes_at(self.at(base, field)?, member.size.min(most / 8) as usize)?;
        let mut numbers = Vec::new();
        for (index, part) in (0_u32..).zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(byte, from)| *byte = *from);
            let mut left = u64::from_le_bytes(word);
            while left != 0 {
                numbers.push(index * 64 + left.trailing_zeros());
                left &= left - 1;
            }
        }
        Ok(numbers)
    }
}
