//! Files that hold a part of a key, a token or a profile. Whoever can choose the path must not be able to hang the process or to
//! exhaust its memory: only regular files are read, and no more of them than any of these has.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// A profile file with some hundred profiles has that much.
const LONGEST: u64 = 256 * 1024;

/// The content of a file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits for whoever writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large to be what it should be"));
    }
    Ok(text)
}

/// The same without holding up the tasks beside.
pub async fn read_aside(path: &Path) -> io::Result<Vec<u8>> {
    let path: PathBuf = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_reasonable_length_are_read() {
        assert_eq!(read(Path::new("/nowhere")).unwrap_err().kind(), io::ErrorKind::NotFound);
        for odd in ["/dev/zero", "/"] {
            assert_eq!(read(Path::new(odd)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{odd}");
        }
        let path = std::env::temp_dir().join(format!("ecs-keeper-files-{}", std::process::id()));
        for (length, good) in [(0, true), (256 * 1024, true), (256 * 1024 + 1, false)] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(read(&path).is_ok(), good, "{length}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
