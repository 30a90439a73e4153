//! The wall clock of a running operator, which a test may move. Nobody else's moves with it.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::Stage;

/// A clock that may be wrong.
#[derive(Clone)]
pub struct Clock {
    /// What makes it wrong, and by how much. Seen by the program at the same place.
    folder: PathBuf,
}

impl Clock {
    /// One that is right as yet.
    pub fn new(stage: &Stage) -> Self {
        let clock = Self { folder: stage.new_folder() };
        std::fs::write(clock.offset(), 0_i64.to_ne_bytes()).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operator/clock.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&clock.library(), &source])
            .output();
        assert!(
            compiled.as_ref().is_ok_and(|output| output.status.success()),
            "a clock is moved by a small C library: install a C compiler as `cc` ({compiled:?})"
        );
        clock
    }

    /// Makes it differ from the right time by so many seconds, from now on.
    pub fn jump(&self, seconds: i64) {
        // In place: the running program has mapped these bytes.
        let file = std::fs::File::options().write(true).open(self.offset()).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// What the program needs to see of the disk.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the program is started with.
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.library()), ("KEEPER_TEST_CLOCK", self.offset())]
    }

    fn library(&self) -> PathBuf {
        self.folder.join("clock.so")
    }

    fn offset(&self) -> PathBuf {
        self.folder.join("offset")
    }
}
