"""The release is verified before anything of it is installed: the commands of docs/releasing.md, run in order as they stand there."""

from __future__ import annotations

from page import PAGE, Reader, verifying
from teller import Teller


class Verification:
    """Whoever has the files of a release, its public key, and the address of a registry."""

    def __init__(self, tell: Teller, reader: Reader):
        self._tell = tell
        self._reader = reader

    def tell(self) -> None:
        """Tells it."""
        tell = self._tell
        tell.story("Verify")
        tell.step("Verify", "files, image and chart are those that were signed, before anything of them is installed")
        tell.say(f"The commands are those of {PAGE}. REGISTRY is {self._reader.registry}, VERSION {self._reader.version}.")
        for command in verifying("sha256sum|cosign"):
            done = self._reader.run(command)
            # On standard output cosign prints what was signed: of an attestation, a hundred thousand characters.
            tell.typed(command, lambda: done.stderr)
            tell.check(done.returncode == 0, "it succeeds.")
