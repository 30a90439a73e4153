"""How a registry is spoken to, and with what cosign signs. Programs of our own stand in for crane, Helm and cosign."""

import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import layout
import publish
from publish import PASSWORD, Signer, on_loopback, push
from source import Refused

# Each call is a line of a log. `crane manifest NAME` prints the file of that name, if there is one; pushing makes it.
PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") $*" >>"$FOLDER/log"
file() { echo "$FOLDER/registry/$(echo "$1" | tr / _)"; }
case "$(basename "$0") $1" in
"crane manifest")
    [ -e "$FOLDER/broken" ] && { echo "dial tcp: connection refused" >&2; exit 1; }
    cat "$(file "$2")" 2>/dev/null || { echo "MANIFEST_UNKNOWN: no such manifest" >&2; exit 1; } ;;
"crane push") cp "$FOLDER/next-image" "$(file "$3")" ;;
"helm push") for last; do :; done; cp "$FOLDER/next-chart" "$(file "${last#oci://}/ecs-keeper:0.2.0")" ;;
"cosign public-key") echo "the public key" ;;
"cosign sign-blob") touch "$FOLDER/bundle" ;;
esac
"""


class Calls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        programs = {}
        for name in ("crane", "helm", "cosign"):
            programs[name] = self.folder / name
            programs[name].write_text(PROGRAM)
            programs[name].chmod(0o755)
        environment = {"FOLDER": str(self.folder), PASSWORD: ""}
        for patch in (mock.patch.object(publish, "ensure", lambda *_: programs), mock.patch.dict(os.environ, environment)):
            patch.start()
            self.addCleanup(patch.stop)

    def said(self, program):
        return [line for line in (self.folder / "log").read_text().splitlines() if line.startswith(f"{program} ")]


class Pushes(Calls):
    def setUp(self):
        super().setUp()
        (self.folder / "registry").mkdir()
        self.release = self.folder / "dist"
        self.release.mkdir()
        self.image = layout.write(self.release / "image", {"amd64": []}, {}, 0)
        digest = self.image.digest.split(":")[1]
        (self.folder / "next-image").write_bytes((self.release / "image" / "blobs" / "sha256" / digest).read_bytes())
        (self.release / "ecs-keeper-0.2.0.tgz").write_bytes(b"chart")
        self.chart = self.manifest(b"chart")
        (self.folder / "next-chart").write_bytes(self.chart)

    def manifest(self, chart):
        return json.dumps({"layers": [{"digest": f"sha256:{layout.sha256(chart)}"}]}).encode()

    def there(self, name, content):
        (self.folder / "registry" / f"127.0.0.1:5000_{name}").write_bytes(content)

    def push(self):
        return push(self.release, "127.0.0.1:5000", "0.2.0")

    def test_the_references_name_what_the_registry_has_by_digest(self):
        chart = f"127.0.0.1:5000/charts/ecs-keeper@sha256:{layout.sha256(self.chart)}"
        self.assertEqual(self.push(), (f"127.0.0.1:5000/ecs-keeper@{self.image.digest}", chart))

    def test_what_is_there_already_stays_as_it_is(self):
        first = self.push()
        (self.folder / "next-chart").write_bytes(self.chart + b" ")
        self.assertEqual(self.push(), first)

    def test_another_image_of_this_version_is_not_replaced(self):
        self.there("ecs-keeper:0.2.0", b"{}")
        with self.assertRaisesRegex(Refused, "ecs-keeper:0.2.0 is sha256:44136fa\\w+ already, and a release is never replaced"):
            self.push()
        self.assertFalse([line for line in [*self.said("crane"), *self.said("helm")] if " push " in line])

    def test_another_chart_of_this_version_is_not_replaced_and_the_image_is_not_sent(self):
        self.there("charts_ecs-keeper:0.2.0", self.manifest(b"another chart"))
        with self.assertRaisesRegex(Refused, "charts/ecs-keeper:0.2.0 is .* already"):
            self.push()
        self.assertFalse([line for line in self.said("crane") if " push " in line])

    def test_a_registry_that_can_not_be_asked_is_not_taken_for_an_empty_one(self):
        (self.folder / "broken").touch()
        with self.assertRaisesRegex(Refused, "crane can't ask for .*\\n.*connection refused"):
            self.push()

    def test_a_registry_that_has_something_else_after_the_push_is_told(self):
        (self.folder / "next-image").write_text("{}")
        with self.assertRaisesRegex(Refused, "has not what was pushed"):
            self.push()


class Signers(Calls):
    def said_by(self, key):
        signer = Signer(key, self.folder)
        signer.image("a@sha256:1")
        signer.attest("a@sha256:1", "cyclonedx", {})
        signer.file(self.folder / "sums", self.folder / "bundle")
        return signer, self.said("cosign")

    def test_with_a_key_nobody_is_asked_or_trusted_but_the_key(self):
        signer, said = self.said_by(self.folder / "key")
        self.assertEqual(signer.public_key, "the public key\n")
        folder = self.folder
        self.assertEqual(said[1:3], [f"cosign signing-config create --out={folder}/signing-config", f"cosign trusted-root create --out={folder}/trusted-root"])
        self.assertEqual(len(said), 6)
        for line in said[3:]:
            self.assertIn(f" --key={folder}/key --signing-config={folder}/signing-config --trusted-root={folder}/trusted-root ", line)

    def test_without_a_key_none_of_these_is_named(self):
        signer, said = self.said_by(None)
        self.assertIsNone(signer.public_key)
        self.assertEqual(said[0], "cosign sign --yes --recursive a@sha256:1")
        self.assertNotIn("--key", "".join(said))

    def test_a_key_that_can_not_be_read_is_told_before_anything_is_signed(self):
        (self.folder / "cosign").write_text("#!/bin/sh\necho 'decrypt: encrypted: decryption failed' >&2; exit 1\n")
        with self.assertRaisesRegex(Refused, "cosign public-key .* ended with 1:\\n.*decryption failed"):
            Signer(self.folder / "key", self.folder)


class Loopback(unittest.TestCase):
    def test_only_a_registry_on_this_machine_is_without_tls(self):
        for registry in ("127.0.0.1:5000", "localhost", "localhost:80/team", "127.3.2.1", "[::1]:5000"):
            self.assertTrue(on_loopback(registry), registry)
        for registry in ("registry.example.com", "localhost.example.com:5000", "127.0.0.1.example.com", "10.0.0.1:5000"):
            self.assertFalse(on_loopback(registry), registry)


if __name__ == "__main__":
    unittest.main()
