//! Where does a block end?

use super::Stop;
use crate::capture::pcapng::{self, Block};
use crate::cli::capture::CaptureFailure;

/// Gets a block, as it is and as it reads.
pub(super) type Each<'e> = &'e mut dyn FnMut(&[u8], Block<'_>) -> Result<(), Stop>;

/// Takes bytes as they come, and hands on whole blocks.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The block that is not at its end yet.
    rest: Vec<u8>,
}

impl Blocks {
    /// Takes some bytes; `each` gets every block that is complete now, as it is and as it reads.
    pub(super) fn take(&mut self, bytes: &[u8], each: Each<'_>) -> Result<(), Stop> {
        self.rest.extend_from_slice(bytes);
        let mut begin = 0;
        while let Some(length) =
            pcapng::length(&self.rest[begin..]).map_err(CaptureFailure::from)?
        {
            let Some(block) = self.rest.get(begin..begin + length) else { break };
            each(block, pcapng::read(block).map_err(CaptureFailure::from)?)?;
            begin += length;
        }
        self.rest.drain(..begin);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_however_they_come() {
        let mut file = Vec::new();
        pcapng::begin(&mut file);
        ["ub0", "ub0-1"].iter().for_each(|name| pcapng::interface(name, "", &mut file));
        for step in [1, 3, 7, 50, file.len()] {
            let (mut blocks, mut whole, mut names) = (Blocks::default(), Vec::new(), Vec::new());
            for piece in file.chunks(step) {
                let mut each = |bytes: &[u8], block: Block<'_>| {
                    whole.extend_from_slice(bytes);
                    if let Block::Interface(name) = block {
                        names.push(name.to_owned());
                    }
                    Ok(())
                };
                assert!(blocks.take(piece, &mut each).is_ok());
            }
            assert_eq!((whole, names), (file.clone(), vec!["ub0".to_owned(), "ub0-1".to_owned()]));
        }
        let mut blocks = Blocks::default();
        assert!(blocks.take(b"HTTP/1.1 200 OK", &mut |_, _| Ok(())).is_err());
    }
}
