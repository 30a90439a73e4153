"""What is taken ready-made. A mirror on loopback has archives of our own, and a Go of our own stands in for the real one."""

import contextlib
import dataclasses
import hashlib
import io
import os
import socket
import tarfile
import tempfile
import threading
import unittest
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import archives
import binaries
from archives import ARCHIVES
from test_binaries import GO

VERSIONS = {program: module.version for module in binaries.MODULES for program in module.programs}
PLATFORM = archives._platform()
(CONTROL_PLANE,) = [archive for archive in ARCHIVES if "kube-apiserver" in archive.programs]
(HELM,) = [archive for archive in ARCHIVES if "helm" in archive.programs]
# What an archive of these has to hold, and one program that is in none.
WANTED = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


class Pins(unittest.TestCase):
    def test_an_archive_has_the_version_that_is_built_otherwise(self):
        for archive in ARCHIVES:
            self.assertEqual({program: VERSIONS[program] for program in archive.programs}, archive.programs, archive.url)

    def test_a_checksum_is_as_long_as_its_algorithm_says(self):
        for archive in ARCHIVES:
            self.assertEqual({len(bytes.fromhex(each)) for each in archive.checksums.values()}, {hashlib.new(archive.algorithm).digest_size}, archive.url)

    def test_another_version_is_not_taken_from_it(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("ECS_KEEPER_MIRROR", None)
            archive = dataclasses.replace(HELM, checksums={PLATFORM: ""})
            self.assertTrue(archive.offers("helm", VERSIONS["helm"]))
            self.assertFalse(archive.offers("helm", "4.99.0"))
            self.assertFalse(dataclasses.replace(HELM, checksums={"plan9-amd64": ""}).offers("helm", VERSIONS["helm"]))


class Archives(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.builds = self.folder / "builds"
        self.builds.touch()
        self.mirrored = self.folder / "mirror"
        self.mirrored.mkdir()
        go = self.folder / "bin" / "go"
        go.parent.mkdir()
        go.write_text(GO)
        go.chmod(0o755)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(self.mirrored)))
        self.server.asked = []
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        environment = {
            "ECS_KEEPER_CACHE": str(self.folder / "cache"),
            "ECS_KEEPER_MIRROR": f"http://127.0.0.1:{self.server.server_port}/archives/",
            "BUILDS": str(self.builds),
            "GO_TAKES": "0",
            "PATH": f"{go.parent}:{os.environ['PATH']}",
            "no_proxy": "*",
        }
        patch = mock.patch.dict(os.environ, environment)
        patch.start()
        self.addCleanup(patch.stop)
        os.environ.pop("KUBEBUILDER_ASSETS", None)
        self.pinned = []
        patch = mock.patch.object(binaries, "ARCHIVES", self.pinned)
        patch.start()
        self.addCleanup(patch.stop)

    def publish(self, archive, *programs, under):
        """Puts an archive of these programs on the mirror, beside one for another platform, and pins both."""
        checksums = {}
        for platform in (PLATFORM, "plan9-amd64"):
            path = self.mirrored / "archives" / Path(archive.url.format(platform=platform)).name
            path.parent.mkdir(exist_ok=True)
            with tarfile.open(path, "w:gz") as file:
                for program in programs:
                    content = f"{program} for {platform}".encode()
                    member = tarfile.TarInfo(f"{under}/{program}")
                    member.size = len(content)
                    file.addfile(member, io.BytesIO(content))
            checksums[platform] = hashlib.new(archive.algorithm, path.read_bytes()).hexdigest()
        self.pinned.append(dataclasses.replace(archive, checksums=checksums))

    def publish_all(self):
        self.publish(CONTROL_PLANE, "etcd", "kube-apiserver", "kubectl", under="controller-tools/envtest")
        self.publish(HELM, "LICENSE", "helm", under=PLATFORM)

    def ensure(self, *wanted):
        """Where these programs are, and what was said about it."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            found = binaries.ensure(*(wanted or WANTED))
        return found, said.getvalue()

    def built(self):
        return sorted(Path(line).name for line in self.builds.read_text().splitlines())

    def left(self):
        return sorted(path.name for path in (self.folder / "cache").glob("**/.building-*"))

    def test_what_is_published_is_taken_once_and_the_rest_is_built(self):
        self.publish_all()
        found, said = self.ensure()
        self.assertEqual(sorted(found), sorted(WANTED))
        for program in set(WANTED) - {"kube-controller-manager"}:
            self.assertEqual(found[program].read_text(), f"{program} for {PLATFORM}")
            self.assertTrue(os.access(found[program], os.X_OK))
        self.assertEqual(self.built(), ["kube-controller-manager"])
        self.assertIn("taken from", said)
        self.assertEqual(self.left(), [])
        asked = list(self.server.asked)
        self.assertEqual(self.ensure(), (found, ""))
        self.assertEqual((self.server.asked, self.built()), (asked, ["kube-controller-manager"]))

    def test_it_lies_where_it_would_have_been_built(self):
        self.publish_all()
        taken, _ = self.ensure("etcd")
        self.assertEqual([path.parent for path in taken.values()], [module.cache() for module in binaries.MODULES if module.name == "etcd"])
        os.environ["ECS_KEEPER_MIRROR"] = ""
        self.assertEqual(self.ensure("etcd"), (taken, ""))

    def test_only_archives_that_hold_what_is_missing_are_asked_for(self):
        self.publish_all()
        self.ensure("helm")
        self.assertEqual(self.server.asked, [f"/archives/{Path(HELM.url.format(platform=PLATFORM)).name}"])
        self.ensure("kube-controller-manager")
        self.assertEqual(len(self.server.asked), 1)

    def test_another_checksum_is_refused_and_its_programs_are_built(self):
        self.publish_all()
        path = self.mirrored / "archives" / Path(CONTROL_PLANE.url.format(platform=PLATFORM)).name
        path.write_bytes(path.read_bytes() + b"\0")
        found, said = self.ensure()
        self.assertRegex(said, r"envtest-\S+ has another SHA512 checksum than the one that is pinned; building etcd, kube-apiserver and kubectl instead\n")
        self.assertEqual(self.built(), ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"])
        self.assertEqual(found["helm"].read_text(), f"helm for {PLATFORM}")
        self.assertEqual(self.left(), [])

    def test_an_archive_without_a_program_is_refused(self):
        self.publish(CONTROL_PLANE, "etcd", "kube-apiserver", under="controller-tools/envtest")
        _, said = self.ensure("etcd", "kubectl")
        self.assertRegex(said, r"envtest-\S+ does not hold kubectl; building etcd and kubectl instead\n")
        self.assertEqual(self.built(), ["etcd", "kubectl"])

    def test_what_the_mirror_does_not_have_is_built(self):
        self.publish_all()
        (self.mirrored / "archives" / Path(CONTROL_PLANE.url.format(platform=PLATFORM)).name).unlink()
        _, said = self.ensure("etcd", "helm")
        self.assertRegex(said, r"envtest-\S+ can't be had \(HTTP 404\); building etcd instead\n")
        self.assertEqual(self.built(), ["etcd"])

    def test_without_a_network_one_line_says_so_and_everything_is_built(self):
        self.publish_all()
        with socket.socket() as nobody:
            # Bound and not listening: nobody else gets the port, and nobody answers.
            nobody.bind(("127.0.0.1", 0))
            os.environ["ECS_KEEPER_MIRROR"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            _, said = self.ensure()
        self.assertEqual(said.count("can't be had"), 1, said)
        self.assertRegex(said, r"can't be had \(.*refused.*\); building what is missing\n")
        self.assertEqual(self.built(), sorted(WANTED))

    def test_a_server_that_says_nothing_is_waited_for_once(self):
        self.publish_all()
        with socket.socket() as mute, mock.patch.object(archives, "TIMEOUT", 0.2):
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            os.environ["ECS_KEEPER_MIRROR"] = f"http://127.0.0.1:{mute.getsockname()[1]}"
            _, said = self.ensure()
        self.assertEqual(said.count("can't be had (timed out)"), 1, said)
        self.assertEqual(self.built(), sorted(WANTED))

    def test_a_server_that_is_too_slow_is_left(self):
        self.publish_all()
        with mock.patch.object(archives, "PATIENCE", 0):
            _, said = self.ensure()
        self.assertRegex(said, r"can't be had \(\d+ of \d+ MB in 0 s\); building what is missing\n")
        self.assertEqual(self.built(), sorted(WANTED))

    def test_a_mirror_may_be_a_folder(self):
        self.publish_all()
        os.environ["ECS_KEEPER_MIRROR"] = (self.mirrored / "archives").as_uri()
        found, _ = self.ensure("helm")
        self.assertEqual((found["helm"].read_text(), self.built()), (f"helm for {PLATFORM}", []))

    def test_a_mirror_that_is_no_url_is_named(self):
        self.publish_all()
        os.environ["ECS_KEEPER_MIRROR"] = "mirror.example.com"
        _, said = self.ensure("helm")
        self.assertRegex(said, r"mirror\.example\.com/helm-\S+ can't be had \(unknown url type.*\); building what is missing\n")

    def test_an_empty_mirror_asks_for_nothing(self):
        self.publish_all()
        os.environ["ECS_KEEPER_MIRROR"] = ""
        _, said = self.ensure()
        self.assertNotIn("can't be had", said)
        self.assertEqual((self.server.asked, self.built()), ([], sorted(WANTED)))

    def test_what_an_archive_holds_needs_no_go(self):
        self.publish_all()
        os.environ["PATH"] = str(self.folder / "nothing")
        found, _ = self.ensure("helm")
        self.assertEqual(found["helm"].read_text(), f"helm for {PLATFORM}")
        os.environ["ECS_KEEPER_MIRROR"] = ""
        with self.assertRaisesRegex(binaries.Unavailable, r"^Go 1\.\d+ or newer is needed to build etcd\.$"):
            self.ensure("etcd")


if __name__ == "__main__":
    unittest.main()
