"""What the launcher promises: a real server with RBAC, and nothing left behind, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from control_plane import ControlPlane
from guarded import Guarded

RUN = [sys.executable, str(Path(__file__).with_name("run.py"))]

# With a mistake in the name of a field.
POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "replicas"},
    "spec": {
        "matchConstraints": {
            "resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}]
        },
        "validations": [{"expression": "object.spec.replica < 100"}],
    },
}


def process_table():
    """The process id, the parent's and the command line of each running process."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(None, 2) for line in listing.splitlines())
    return [(int(pid), int(parent), args) for pid, parent, args in rows]


def processes(marker):
    """The command lines of the running processes that contain the marker."""
    return [args for _, _, args in process_table() if marker in args]


def only(found):
    """The one thing that was found."""
    (one,) = found
    return one


def eventually(condition, patience=30):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


class WithoutControllers(unittest.TestCase):
    def test_objects_are_kept_and_no_controller_is_started(self):
        with ControlPlane(controllers=False) as plane:
            command = [plane.kubectl, "create", "configmap", "kept"]
            created = subprocess.run(command, capture_output=True, text=True, env=plane.environment(), timeout=60)
            logs = sorted(path.name for path in plane.audit_log.parent.glob("*.log"))
        self.assertEqual(created.returncode, 0, created.stderr)
        self.assertEqual(logs, ["etcd.log", "kube-apiserver.log"])


class AControlPlane(unittest.TestCase):
    """One for all tests of this class; each works in a namespace of its own."""

    @classmethod
    def setUpClass(cls):
        plane = ControlPlane()
        cls.plane = plane.__enter__()
        cls.addClassCleanup(plane.__exit__, None, None, None)

    def kubectl(self, *arguments, stdin=None):
        command = [self.plane.kubectl, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, env=self.plane.environment(), timeout=60)

    def succeed(self, *arguments, stdin=None):
        done = self.kubectl(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_namespace_comes_and_goes_to_the_end(self):
        self.assertIn("kube-system", self.succeed("get", "namespaces"))
        self.succeed("create", "namespace", "fleeting")
        # Waits until it is gone.
        self.succeed("delete", "namespace", "fleeting", "--timeout=50s")
        self.assertIn("NotFound", self.kubectl("get", "namespace", "fleeting").stderr)

    def test_the_server_tells_a_real_version(self):
        version = json.loads(self.succeed("version", "--output=json"))["serverVersion"]
        self.assertGreaterEqual(int(version["minor"]), 33)
        self.assertFalse(version["gitVersion"].startswith("v0.0.0"), version)

    def test_rbac_denies_who_was_granted_nothing(self):
        denied = self.kubectl("get", "configmaps", "--as=nobody")
        self.assertEqual(denied.returncode, 1)
        self.assertIn('User "nobody" cannot list resource "configmaps"', denied.stderr)

    def test_an_unknown_token_is_nobody(self):
        kubeconfig = self.plane.kubeconfig.read_text()
        token = next(line.split()[1] for line in kubeconfig.splitlines() if line.strip().startswith("token:"))
        with tempfile.TemporaryDirectory() as folder:
            forged = Path(folder) / "kubeconfig"
            forged.write_text(kubeconfig.replace(token, "x" * len(token)))
            denied = self.kubectl("get", "namespaces", f"--kubeconfig={forged}")
        self.assertEqual(denied.returncode, 1)
        self.assertIn("Unauthorized", denied.stderr)

    def test_a_service_account_may_do_what_its_role_says_and_the_audit_log_names_the_binding(self):
        self.succeed("create", "namespace", "granted")
        self.succeed("create", "serviceaccount", "reader", "--namespace=granted")
        self.succeed("create", "role", "reads", "--namespace=granted", "--verb=list", "--resource=configmaps")
        self.succeed("create", "rolebinding", "reader-reads", "--namespace=granted", "--role=reads", "--serviceaccount=granted:reader")
        token = self.succeed("create", "token", "reader", "--namespace=granted").strip()
        with tempfile.TemporaryDirectory() as folder:
            # A kubeconfig without a user, because a user's token in it would win over the flag.
            anonymous = Path(folder) / "kubeconfig"
            anonymous.write_text(self.plane.kubeconfig.read_text().replace("user: admin", "user: none"))
            as_reader = ("--namespace=granted", f"--kubeconfig={anonymous}", f"--token={token}")
            self.succeed("get", "configmaps", *as_reader)
            self.assertIn("Forbidden", self.kubectl("get", "secrets", *as_reader).stderr)

        def reasons():
            records = (json.loads(line) for line in self.plane.audit_log.read_text().splitlines() if "granted:reader" in line and line.endswith("}"))
            return {
                (record["objectRef"]["resource"], record["annotations"]["authorization.k8s.io/decision"]): record["annotations"]["authorization.k8s.io/reason"]
                for record in records
                if record["user"]["username"] == "system:serviceaccount:granted:reader" and "objectRef" in record
            }

        # A record is written after the answer was sent.
        self.assertTrue(eventually(lambda: ("secrets", "forbid") in reasons()), reasons())
        self.assertIn("reader-reads/granted", reasons()["configmaps", "allow"])

    def test_what_an_owner_leaves_behind_is_collected(self):
        self.succeed("create", "namespace", "collected")
        self.succeed("create", "configmap", "owner", "--namespace=collected")
        uid = self.succeed("get", "configmap", "owner", "--namespace=collected", "--output=jsonpath={.metadata.uid}")
        owned = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "owned", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]},
        }
        self.succeed("create", "--namespace=collected", "--filename=-", stdin=json.dumps(owned))
        self.succeed("delete", "configmap", "owner", "--namespace=collected")
        self.succeed("wait", "--for=delete", "configmap/owned", "--namespace=collected", "--timeout=30s")


    def test_a_controller_may_do_what_its_own_role_says_and_no_more(self):
        account = "system:serviceaccount:kube-system:namespace-controller"
        self.assertIn("yes", self.succeed("auth", "can-i", "delete", "configmaps", f"--as={account}"))
        self.assertEqual(self.kubectl("auth", "can-i", "create", "configmaps", f"--as={account}").stdout, "no\n")
        self.succeed("create", "namespace", "emptied")
        self.succeed("create", "configmap", "in-it", "--namespace=emptied")
        self.succeed("delete", "namespace", "emptied", "--timeout=50s")

        def emptied_by():
            records = (json.loads(line) for line in self.plane.audit_log.read_text().splitlines() if '"emptied"' in line and line.endswith("}"))
            return {record["user"]["username"] for record in records if record["verb"] == "deletecollection"}

        self.assertTrue(eventually(emptied_by))
        self.assertEqual(emptied_by(), {account})

    def test_roles_are_aggregated(self):
        rule = {"apiGroups": ["example.com"], "resources": ["widgets"], "verbs": ["get"]}
        named = {"name": "widgets", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": named, "rules": [rule]}
        self.succeed("create", "--filename=-", stdin=json.dumps(role))
        view = ("get", "clusterrole", "view", "--output=jsonpath={.rules[*].resources}")
        self.assertTrue(eventually(lambda: "widgets" in self.succeed(*view)))

    def test_a_policy_is_checked_against_the_types_that_it_is_about(self):
        self.succeed("create", "--filename=-", stdin=json.dumps(POLICY))
        warnings = ("get", "validatingadmissionpolicy", "replicas", "--output=jsonpath={.status.typeChecking.expressionWarnings[*].warning}")
        self.assertTrue(eventually(lambda: "undefined field 'replica'" in self.succeed(*warnings)))


class Launched:
    """A launcher of its own process; guarded, so that it ends with these tests even when they are interrupted."""

    def __init__(self, test, *arguments):
        self.said = tempfile.TemporaryFile("w+")
        test.addCleanup(self.said.close)
        self.guarded = Guarded([*RUN, *arguments], grace=20, stdout=subprocess.PIPE, stderr=self.said)
        test.addCleanup(self.guarded.output.close)
        test.addCleanup(self.guarded.stop)
        self.first_line = self.guarded.output.readline().decode().strip()

    def signal(self, number):
        os.kill(only(pid for pid, parent, _ in process_table() if parent == self.guarded.pid), number)

    def wait(self):
        return self.guarded.wait(timeout=60)

    def errors(self):
        self.said.seek(0)
        return self.said.read()


class LaunchedSleep(Launched):
    """A launcher whose command sleeps, and so does the command's child."""

    def __init__(self, test, number):
        # Tells this command and its child from those of other tests: nobody else sleeps for just so long.
        self.marker = f"600.{os.getpid()}{number:03}"
        super().__init__(test, "--", "sh", "-c", f'echo "$KEEPER_TEST_KUBECONFIG"; sleep {self.marker} & sleep {self.marker}; true')
        self.folder = Path(self.first_line).parent

    def running(self):
        return [args for pid, _, args in process_table() if pid != self.guarded.pid and (self.marker in args or str(self.folder) in args)]


class Endings(unittest.TestCase):
    def test_nothing_is_left_after_a_signal(self):
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
        # Beside each other, so that they would meet if they could.
        launched = {number: LaunchedSleep(self, number) for number in signals}
        self.assertEqual(len({each.folder for each in launched.values()}), len(signals))
        for number, each in launched.items():
            with self.subTest(number.name):
                # The launcher, three servers, the shell and its two children, and a guard for the shell and for each server.
                self.assertEqual(len(each.running()), 11, each.running())
                each.signal(number)
                self.assertEqual(each.wait(), 128 + number)
                self.assertTrue(eventually(lambda: not each.running()), each.running())
                if number == signal.SIGKILL:
                    # The guards take the data along; nobody is left to remove the logs.
                    self.assertTrue(eventually(lambda: not (each.folder / "data").exists()))
                    self.addCleanup(shutil.rmtree, each.folder)
                else:
                    self.assertFalse(each.folder.exists())

    def test_the_exit_code_is_the_commands_and_its_failure_keeps_the_logs(self):
        done = subprocess.run([*RUN, "--", "sh", "-c", "exit 7"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 7, done.stderr)
        logs = self.logs_named_in(done.stderr)
        self.assertEqual(
            sorted(path.name for path in logs.iterdir()), ["audit.jsonl", "etcd.log", "kube-apiserver.log", "kube-controller-manager.log"]
        )
        # What could be used to log in is not kept.
        self.assertEqual([path.name for path in logs.parent.iterdir()], ["logs"])

    def test_a_command_that_succeeds_leaves_no_folder(self):
        done = subprocess.run([*RUN, "--", "sh", "-c", 'echo "$KEEPER_TEST_KUBECONFIG"'], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse(Path(done.stdout.strip()).parent.exists())

    def test_a_server_that_dies_ends_the_command_and_is_named(self):
        launched = LaunchedSleep(self, 0)
        data = f"--data-dir={launched.folder}"
        os.kill(only(pid for pid, _, args in process_table() if data in args and "guarded.py" not in args), signal.SIGKILL)
        self.assertEqual(launched.wait(), 1)
        self.assertIn("etcd ended by itself with 137", launched.errors())
        self.assertTrue((self.logs_named_in(launched.errors()) / "etcd.log").exists())
        self.assertEqual(launched.running(), [])

    def test_a_server_that_does_not_start_is_named_with_its_log(self):
        with tempfile.TemporaryDirectory() as assets:
            for program in ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl"):
                path = Path(assets) / program
                path.write_text("#!/bin/sh\necho 'no room'\nexit 9\n" if program == "etcd" else "#!/bin/sh\nexec sleep 600\n")
                path.chmod(0o755)
            done = subprocess.run([*RUN, "--", "true"], capture_output=True, text=True, env={**os.environ, "KUBEBUILDER_ASSETS": assets})
            self.assertEqual(done.returncode, 1)
            self.assertIn("etcd ended by itself with 9", done.stderr)
            self.assertIn("no room", (self.logs_named_in(done.stderr) / "etcd.log").read_text())
            self.assertEqual(processes(assets), [])

    def test_keep_prints_what_to_export_and_ends_well_on_ctrl_c(self):
        launched = Launched(self, "--keep")
        script = f'{launched.first_line}; test -s "$KUBECONFIG" && dirname "$KUBECONFIG"'
        folder = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        self.assertEqual(len(processes(folder)), 6)
        launched.signal(signal.SIGINT)
        self.assertEqual(launched.wait(), 0)
        self.assertEqual(processes(folder), [])

    def logs_named_in(self, said):
        folder = Path(said.rsplit("logs are in ", 1)[1].split("\n")[0].rstrip("."))
        self.addCleanup(shutil.rmtree, folder.parent)
        return folder


class Guards(unittest.TestCase):
    def test_a_command_that_will_not_end_is_killed_after_its_grace(self):
        stubborn = Guarded(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"], grace=0.3, stdout=subprocess.PIPE)
        self.addCleanup(stubborn.output.close)
        self.assertEqual(stubborn.output.readline(), b"ready\n")
        self.assertIsNone(stubborn.poll())
        self.assertEqual(stubborn.stop(), 128 + signal.SIGKILL)

    def test_a_command_that_ends_takes_its_children_along(self):
        marker = f"601.{os.getpid()}"
        with Guarded(["sh", "-c", f"sleep {marker} & exit 5"]) as parent:
            self.assertEqual(parent.wait(timeout=10), 5)
        self.assertEqual(processes(marker), [])

    def test_a_program_that_is_not_there_is_named(self):
        absent = Guarded(["./no-such-program"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(absent.output.close)
        self.assertEqual(absent.output.read(), b"./no-such-program could not be started: No such file or directory.\n")
        self.assertEqual(absent.wait(timeout=10), 127)
        absent.stop()


if __name__ == "__main__":
    unittest.main()
