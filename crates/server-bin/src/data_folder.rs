//! Whose the data folder is.
//!
//! A container engine makes the folder of `--volume ./data:/app/data` for root, and the old project's server, which was
//! root, left root's files in it. The image's program is another user: it is given `CAP_CHOWN` to make them its own at
//! the start, and gives it up before it serves.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, lchown},
    path::Path,
};

use rustix::process::{getegid, geteuid};

/// Makes the folder and the files in it this process's own, if it may and they are not; then it may not any more.
/// Whoever is root, or has no such right, is left alone.
pub fn take_over(folder: &Path) -> io::Result<()> {
    if geteuid().is_root() || !right::is_held() {
        return Ok(());
    }
    right::use_it()?;
    let taken = take_all(folder);
    right::give_up()?;
    match taken {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn take_all(folder: &Path) -> io::Result<()> {
    take(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Nothing of ours is a folder or a link; where one leads is not for us to take.
        if entry.file_type()?.is_file() {
            take(&entry.path())?;
        }
    }
    Ok(())
}

fn take(path: &Path) -> io::Result<()> {
    let us = geteuid().as_raw();
    if fs::symlink_metadata(path)?.uid() == us {
        return Ok(());
    }
    lchown(path, Some(us), Some(getegid().as_raw()))
}

/// What to do about a folder that cannot be written to, if it is another user's.
pub fn advice(folder: &Path) -> String {
    let us = geteuid().as_raw();
    match fs::metadata(folder).map(|found| found.uid()) {
        Ok(owner) if owner != us => format!(
            "; the folder is user {owner}'s and this process user {us}'s: run `chown -R {us}` on it as root, and on the \
             host where it is a container's volume"
        ),
        _ => String::new(),
    }
}

#[cfg(target_os = "linux")]
mod right {
    use std::io;

    use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

    /// Whether this process may allow itself to give files to other users. In a sandbox one may not even ask.
    pub(super) fn is_held() -> bool {
        capabilities(None).is_ok_and(|sets| sets.permitted.contains(CapabilitySet::CHOWN))
    }

    pub(super) fn use_it() -> io::Result<()> {
        let now = capabilities(None)?;
        set(CapabilitySets { effective: now.effective | CapabilitySet::CHOWN, ..now })
    }

    /// For good: what is not permitted cannot be had again.
    pub(super) fn give_up() -> io::Result<()> {
        let now = capabilities(None)?;
        set(CapabilitySets {
            effective: now.effective - CapabilitySet::CHOWN,
            permitted: now.permitted - CapabilitySet::CHOWN,
            ..now
        })
    }

    fn set(sets: CapabilitySets) -> io::Result<()> {
        Ok(set_capabilities(None, sets)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod right {
    use std::io;

    pub(super) fn is_held() -> bool {
        false
    }

    pub(super) fn use_it() -> io::Result<()> {
        Ok(())
    }

    pub(super) fn give_up() -> io::Result<()> {
        Ok(())
    }
}
