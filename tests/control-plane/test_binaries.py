"""Where the programs come from. A Go of our own stands in for the real one, which takes minutes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from binaries import CONTROL_PLANE, HERE, MODULES, RELEASES, Module

BINARIES = [sys.executable, str(Path(__file__).with_name("binaries.py"))]
PROGRAMS = ["actionlint", "etcd", "gitops", "helm", "helm-docs", "kube-apiserver", "kube-controller-manager", "kubeconform", "kubectl", "prometheus", "promtool"]
(KARPENTER,) = [module for module in MODULES if module.name == "karpenter"]

# Answers `go env`, and "builds" by writing the file after -o; each build leaves a line in $BUILDS.
GO = """\
#!/bin/sh
[ "$1" = env ] && { printf '%s\\n' "${GO_SAYS:-go1.99.0}" "${GO_TOOLCHAIN:-local}"; exit; }
while [ "$1" != -o ]; do shift; done
echo "$2" >>"$BUILDS"
sleep "${GO_TAKES:-0.2}"
[ -z "$GO_FAILS" ] || { echo 'no such host'; exit 1; }
printf '#!/bin/sh\\n' >"$2"
chmod +x "$2"
"""


class Binaries(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cache = self.folder / "cache"
        self.builds = self.folder / "builds"
        self.builds.touch()
        # Seconds that nobody else sleeps, to tell the build's processes from others.
        self.takes = f"60.{os.getpid()}"
        # No archives: what is published elsewhere must not decide how a test ends.
        self.environment = {**os.environ, "ECS_KEEPER_CACHE": str(self.cache), "ECS_KEEPER_MIRROR": "", "BUILDS": str(self.builds)}
        for variable in ("KUBEBUILDER_ASSETS", "ECS_KEEPER_KUBERNETES"):
            self.environment.pop(variable, None)

    def with_go(self, **behaviour):
        path = self.folder / "bin" / "go"
        path.parent.mkdir(exist_ok=True)
        path.write_text(GO)
        path.chmod(0o755)
        return {**self.environment, "PATH": f"{path.parent}:{os.environ['PATH']}", **behaviour}

    def without_go(self):
        return {**self.environment, "PATH": str(self.folder / "nothing")}

    def assets(self, *programs):
        folder = self.folder / "assets"
        folder.mkdir()
        for program in programs:
            (folder / program).touch(mode=0o755)
        return folder

    def run_binaries(self, environment, *arguments):
        return subprocess.run([*BINARIES, *arguments], capture_output=True, text=True, env=environment, timeout=60)

    def built(self):
        return sorted(Path(line).name for line in self.builds.read_text().splitlines())

    def found(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        return {name: Path(path) for name, path in (line.split(": ") for line in done.stdout.splitlines())}

    def test_what_is_missing_is_built_once_and_then_found(self):
        first = self.found(self.run_binaries(self.with_go()))
        self.assertEqual(sorted(first), PROGRAMS)
        for path in first.values():
            self.assertTrue(os.access(path, os.X_OK))
            self.assertEqual(path.parent.parent, self.cache)
        self.assertEqual(self.built(), PROGRAMS)
        self.assertEqual(self.found(self.run_binaries(self.without_go())), first)

    def test_what_only_a_node_needs_is_built_when_it_is_named(self):
        self.found(self.run_binaries(self.with_go()))
        self.assertNotIn("kubelet", self.built())
        self.assertEqual(list(self.found(self.run_binaries(self.with_go(), "kubelet"))), ["kubelet"])
        self.assertIn("kubelet", self.built())

    def test_what_only_one_test_needs_is_built_when_it_is_named(self):
        self.found(self.run_binaries(self.with_go()))
        self.assertNotIn("karpenter", self.built())
        path = self.found(self.run_binaries(self.with_go(), "karpenter"))["karpenter"]
        self.assertRegex(path.parent.name, r"^karpenter-\d+\.\d+\.\d+-")

    def test_what_only_a_release_needs_is_built_when_it_is_named(self):
        self.found(self.run_binaries(self.with_go()))
        self.assertFalse({"crane", "cosign", "oras"} & set(self.built()))
        self.assertEqual(list(self.found(self.run_binaries(self.with_go(), "crane"))), ["crane"])

    def test_a_change_of_a_source_of_our_own_builds_anew(self):
        folder = self.folder / "module"
        shutil.copytree(KARPENTER.folder, folder)
        key = lambda: Module(KARPENTER.name, "sigs.k8s.io/karpenter", KARPENTER.programs, folder=folder).cache()
        self.assertEqual(key(), KARPENTER.cache())
        with open(folder / "main.go", "a") as main:
            main.write("// Another one.\n")
        self.assertNotEqual(key(), KARPENTER.cache())

    def test_what_is_not_asked_for_is_not_built(self):
        self.assertEqual(list(self.found(self.run_binaries(self.with_go(), "helm"))), ["helm"])
        self.assertEqual(self.built(), ["helm"])
        self.assertEqual((self.run_binaries(self.without_go(), "--check", "helm").stdout), "")
        self.assertRegex(self.run_binaries(self.without_go(), "--check", "helm", "etcd").stdout, r"to build etcd\n$")

    def test_each_module_has_a_folder_of_its_own_named_by_its_version(self):
        self.found(self.run_binaries(self.with_go()))
        folders = {folder.name.rsplit("-", 2)[0]: sorted(program.name for program in folder.iterdir()) for folder in self.folders()}
        several = {"kubernetes": ["kube-apiserver", "kube-controller-manager", "kubectl"], "prometheus": ["prometheus", "promtool"]}
        self.assertEqual(folders, {**several, **{name: [name] for name in ("actionlint", "etcd", "gitops", "helm", "helm-docs", "kubeconform")}})

    def test_another_kubernetes_is_built_when_it_is_named_and_all_else_stays(self):
        usual = self.found(self.run_binaries(self.with_go(), *CONTROL_PLANE))
        for release in RELEASES:
            found = self.found(self.run_binaries(self.with_go(ECS_KEEPER_KUBERNETES=release), *CONTROL_PLANE))
            self.assertEqual({name for name, path in found.items() if path == usual[name]}, {"etcd", "helm"})
            for program in ("kube-apiserver", "kube-controller-manager", "kubectl"):
                self.assertRegex(found[program].parent.name, rf"^kubernetes-{re.escape(release)}\.\d+-")

    def test_a_kubernetes_that_is_not_pinned_is_named_with_those_that_are(self):
        done = self.run_binaries(self.with_go(ECS_KEEPER_KUBERNETES="1.29"), "kubectl")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, f"ECS_KEEPER_KUBERNETES names 1.29, but there are only {', '.join(RELEASES)}: name one of these, or unset it.\n")

    def test_a_kubernetes_is_not_chosen_twice(self):
        done = self.run_binaries(self.with_go(ECS_KEEPER_KUBERNETES=RELEASES[0], KUBEBUILDER_ASSETS=str(self.assets("kubectl"))), "kubectl")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^KUBEBUILDER_ASSETS and ECS_KEEPER_KUBERNETES both choose a Kubernetes: unset one of them\.\n$")

    def test_a_kubernetes_is_built_of_the_modules_of_its_own_release(self):
        for folder in (HERE / "kubernetes", *(HERE / f"kubernetes-{release}" for release in RELEASES)):
            pins = (folder / "go.mod").read_text()
            (patch,) = re.findall(r"^\tk8s\.io/kubernetes v1\.(\S+) // indirect$", pins, re.MULTILINE)
            staging = re.findall(r"^\tk8s\.io/\S+ => (k8s\.io/\S+) v0\.(\S+)$", pins, re.MULTILINE)
            self.assertGreater(len(staging), 20)
            self.assertEqual({version for _, version in staging}, {patch}, folder)

    def test_a_mistyped_program_is_named_with_those_there_are(self):
        done = self.run_binaries(self.with_go(), "kubctl")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^There is no kubctl here, but etcd, .* and karpenter\.\n$")

    def test_two_at_once_build_once(self):
        both = [subprocess.Popen(BINARIES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.with_go()) for _ in range(2)]
        said = [each.communicate(timeout=60) for each in both]
        self.assertEqual([each.returncode for each in both], [0, 0], said)
        self.assertEqual(said[0][0], said[1][0])
        self.assertEqual(self.built(), PROGRAMS)
        self.assertEqual(sum("another process is building" in stderr for _, stderr in said), 1)

    def test_a_killed_build_leaves_no_process_and_no_half_program(self):
        killed = subprocess.Popen(BINARIES, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.with_go(GO_TAKES=self.takes))
        self.addCleanup(killed.wait)
        self.addCleanup(killed.kill)
        deadline = time.monotonic() + 30
        while not self.built() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.built(), ["etcd"])
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.processes(), [])
        self.assertEqual(sorted(self.found(self.run_binaries(self.with_go()))), PROGRAMS)
        self.assertEqual(self.built(), sorted([*PROGRAMS, "etcd"]))
        left = sorted(path.name for folder in self.folders() for path in folder.iterdir())
        self.assertEqual(left, PROGRAMS)

    def test_a_build_that_fails_says_what_go_said(self):
        done = self.run_binaries(self.with_go(GO_FAILS="1"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("etcd could not be built", done.stderr)
        self.assertIn("no such host", done.stderr)
        self.assertEqual([path.name for folder in self.folders() for path in folder.iterdir()], [])

    def test_without_go_one_sentence_says_what_to_install(self):
        for arguments in ((), ("--check",)):
            with self.subTest(arguments):
                done = self.run_binaries(self.without_go(), *arguments)
                self.assertEqual(done.returncode, 1)
                said = (done.stdout + done.stderr).strip()
                self.assertRegex(said, r"^Go 1\.\d+ or newer .*build etcd, kube-apiserver, .*kubectl, helm, kubeconform, helm-docs, actionlint, promtool, prometheus and gitops\.?$")

    def test_go_is_not_asked_for_what_an_archive_may_hold(self):
        with_archives = self.without_go()
        del with_archives["ECS_KEEPER_MIRROR"]
        done = self.run_binaries(with_archives, "--check", "etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")
        self.assertRegex(done.stdout, r"to build kube-controller-manager\n$")
        self.assertEqual(self.run_binaries(with_archives, "--check", "etcd", "helm").returncode, 0)

    def test_a_go_that_is_too_old_is_refused_unless_it_fetches_a_newer_one(self):
        old = self.run_binaries(self.with_go(GO_SAYS="go1.22.1"), "--check")
        self.assertEqual(old.returncode, 1)
        self.assertIn("the one on the PATH is 1.22", old.stdout)
        fetching = self.run_binaries(self.with_go(GO_SAYS="go1.22.1", GO_TOOLCHAIN="auto"), "--check")
        self.assertEqual((fetching.returncode, fetching.stdout), (0, ""))

    def test_what_kubebuilder_assets_holds_wins_and_what_it_lacks_is_built(self):
        assets = self.assets("etcd", "kube-apiserver", "kubectl")
        found = self.found(self.run_binaries(self.with_go(KUBEBUILDER_ASSETS=str(assets))))
        self.assertEqual(self.built(), ["actionlint", "gitops", "helm", "helm-docs", "kube-controller-manager", "kubeconform", "prometheus", "promtool"])
        self.assertEqual({name for name, path in found.items() if path.parent == assets.resolve()}, {"etcd", "kube-apiserver", "kubectl"})

    def test_what_kubebuilder_assets_lacks_is_named_when_it_cannot_be_built(self):
        assets = self.assets("etcd", "kube-apiserver", "kubectl")
        done = self.run_binaries({**self.without_go(), "KUBEBUILDER_ASSETS": str(assets)}, "etcd", "kube-controller-manager")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^Go 1\.\d+ or newer is needed to build kube-controller-manager\.\n$")

    def test_a_complete_kubebuilder_assets_needs_no_go(self):
        assets = self.assets(*PROGRAMS)
        found = self.found(self.run_binaries({**self.without_go(), "KUBEBUILDER_ASSETS": str(assets)}))
        self.assertEqual({path.parent for path in found.values()}, {assets.resolve()})

    def test_a_mistyped_kubebuilder_assets_is_an_error(self):
        done = self.run_binaries({**self.with_go(), "KUBEBUILDER_ASSETS": str(self.folder / "mistyped")})
        self.assertEqual(done.returncode, 1)
        self.assertIn("which is not a folder", done.stderr)
        self.assertEqual(self.built(), [])

    def folders(self):
        return [path for path in self.cache.iterdir() if path.is_dir()]

    def processes(self):
        listing = subprocess.run(["ps", "-axww", "-o", "args="], capture_output=True, text=True, check=True).stdout
        return [line for line in listing.splitlines() if str(self.folder) in line or f"sleep {self.takes}" in line]


if __name__ == "__main__":
    unittest.main()
