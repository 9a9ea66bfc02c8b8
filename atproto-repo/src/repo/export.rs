use std::io::Write;

use super::{ExportError, Head};
use crate::{
    BlockSource,
    car::CarWriter,
    mst::{Cursor, Next},
};

/// Writes a whole repository as an archive: the commit, then the tree from the root, each
/// node before what is below it and each record where its key is in order. A reader can
/// so verify and use it as it arrives, holding one node for each layer.
///
/// A record that is at two paths is written at both: to remember which were written would
/// take memory, and readers accept a block more than once.
///
/// One block is in memory at a time. If it fails, what has been written is not a
/// repository, and every reader notices.
pub fn export(
    source: &dyn BlockSource,
    head: &Head,
    archive: impl Write,
) -> Result<(), ExportError> {
    let mut archive = CarWriter::new(archive, &head.commit)?;
    let commit = source.block(&head.commit)?.ok_or(ExportError::Missing(head.commit))?;
    archive.block(&head.commit, &commit)?;

    let mut cursor = Cursor::new(source, head.data);
    loop {
        match cursor.peek() {
            Next::Subtree { cid, .. } => {
                if let Some(node) = cursor.enter()? {
                    archive.block(&cid, &node)?;
                }
            }
            Next::Entry { value, .. } => {
                let record = source.block(&value)?.ok_or(ExportError::Missing(value))?;
                archive.block(&value, &record)?;
                cursor.skip();
            }
            Next::End => break,
        }
    }
    archive.finish()?;
    Ok(())
}
