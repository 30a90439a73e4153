"""The images: that they are always the same, and what the Dockerfile says."""

import hashlib
import io
import json
import re
import tarfile
import tempfile
import unittest
from pathlib import Path

from layout import AUTHORITIES, LICENSE, PROGRAM, RUN, File, layer, read, write
from release import labels
from source import ROOT, Source

EPOCH = 1767323045
FILES = [File(LICENSE, b"license"), File(AUTHORITIES, b"authorities"), File(PROGRAM, b"program", 0o755)]


class Layouts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def written(self, name, files, label="1"):
        return write(self.folder / name, {"amd64": files, "arm64": files}, {"label": label}, EPOCH)

    def blob(self, name, descriptor):
        content = (self.folder / name / "blobs" / "sha256" / descriptor["digest"].split(":")[1]).read_bytes()
        self.assertEqual((len(content), f"sha256:{hashlib.sha256(content).hexdigest()}"), (descriptor["size"], descriptor["digest"]))
        return content

    def test_the_same_files_in_any_order_make_the_same_layer(self):
        self.assertEqual(layer(FILES, EPOCH), layer(FILES[::-1], EPOCH))

    def test_another_byte_mode_or_time_makes_another_layer(self):
        digests = {layer(files, epoch) for files, epoch in ((FILES, EPOCH), (FILES, EPOCH + 1), (FILES[:2], EPOCH), ([*FILES[:2], File(PROGRAM, b"program")], EPOCH))}
        self.assertEqual(len(digests), 4)

    def test_a_layer_has_the_folders_and_files_of_root_and_of_one_time(self):
        plain, packed = layer(FILES, EPOCH)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            entries = [(entry.name, entry.isdir(), entry.mode) for entry in archive]
            self.assertEqual({(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in archive}, {(EPOCH, 0, 0, "")})
        folders = ["etc", "etc/ssl", "etc/ssl/certs", "usr", "usr/local", "usr/local/bin"]
        files = [("LICENSE", False, 0o644), ("etc/ssl/certs/ca-certificates.crt", False, 0o644), ("usr/local/bin/ecs-keeper", False, 0o755)]
        self.assertEqual(entries, [*((folder, True, 0o755) for folder in folders), *files])
        # The header of gzip: no name, no time, and no system.
        self.assertEqual(packed[:10], b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff")

    def test_two_writings_are_equal_and_a_changed_label_is_another_digest(self):
        once, again, other = self.written("once", FILES), self.written("again", FILES), self.written("other", FILES, label="2")
        self.assertEqual(once, again)
        self.assertEqual(read(self.folder / "once"), once)
        self.assertNotEqual(once.digest, other.digest)
        self.assertEqual(*(sorted(path.relative_to(self.folder / name) for path in (self.folder / name).rglob("*")) for name in ("once", "again")))

    def test_an_index_leads_to_every_image_by_digest(self):
        image = self.written("image", FILES)
        outer = json.loads((self.folder / "image" / "index.json").read_text())
        (descriptor,) = outer["manifests"]
        self.assertEqual(descriptor["digest"], image.digest)
        index = json.loads(self.blob("image", descriptor))
        self.assertEqual([each["platform"]["architecture"] for each in index["manifests"]], ["amd64", "arm64"])
        for each in index["manifests"]:
            manifest = json.loads(self.blob("image", each))
            config = json.loads(self.blob("image", manifest["config"]))
            (packed,) = manifest["layers"]
            with tarfile.open(fileobj=io.BytesIO(self.blob("image", packed))) as archive:
                self.assertEqual(archive.extractfile("usr/local/bin/ecs-keeper").read(), b"program")
            self.assertEqual(config["rootfs"]["diff_ids"], [f"sha256:{hashlib.sha256(layer(FILES, EPOCH)[0]).hexdigest()}"])
            self.assertEqual((config["config"]["Labels"], config["created"]), ({"label": "1"}, "2026-01-02T03:04:05Z"))
            self.assertEqual(config["architecture"], each["platform"]["architecture"])


class LikeTheDockerfile(unittest.TestCase):
    def setUp(self):
        self.stage = (ROOT / "Dockerfile").read_text().rsplit("FROM scratch", 1)[1]

    def said(self, instruction):
        return re.findall(rf"^{instruction} (.+)$", self.stage, re.MULTILINE)

    def test_the_program_is_run_alike(self):
        self.assertEqual(self.said("USER"), [RUN["User"]])
        self.assertEqual(self.said("ENV"), RUN["Env"])
        self.assertEqual([json.loads(each) for each in self.said("ENTRYPOINT")], [RUN["Entrypoint"]])
        self.assertEqual([json.loads(each) for each in self.said("CMD")], [RUN["Cmd"]])

    def test_the_files_are_the_same(self):
        self.assertEqual(sorted(each.split()[-1] for each in self.said("COPY")), sorted([LICENSE, AUTHORITIES, PROGRAM]))

    def test_the_labels_are_the_same(self):
        given = dict(re.findall(r'(org\.opencontainers\S+)="(.*?)"', self.stage))
        made = labels(Source(ROOT, "${VERSION}", "${REVISION}", EPOCH), given["org.opencontainers.image.description"], "${SOURCE}")
        self.assertEqual(made, given)

    def test_without_an_address_of_the_sources_there_is_no_label_for_it(self):
        self.assertNotIn("org.opencontainers.image.source", labels(Source(ROOT, "1", "2", EPOCH), "", None))


if __name__ == "__main__":
    unittest.main()
