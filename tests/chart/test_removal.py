"""Whatever of the installation is removed, with the operator running: no flag in the cloud changes, and nothing hangs."""

import sys
import time
import unittest

from chart import CHART, DEFINITIONS, PATIENCE, RELEASE, ROOT, Cluster, Failed, run

sys.path.insert(0, str(ROOT / "demo"))

from stage import NAMESPACE, REGION, Cloud, Kubectl, Operator, build  # noqa: E402

SWEEP = 0.5

OBJECT = f"""
apiVersion: ecs-keeper.io/v1alpha1
kind: EcsInstanceProtection
metadata:
  name: everything
  namespace: {NAMESPACE}
spec:
  region: {REGION}
  deletionPolicy: %s
  targets:
    instanceTags:
      - key: env
        value: prod
"""


class Removal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.programs = build("dev")
        cls.cluster = Cluster(cls)
        cls.cluster.keep_kinds_read(cls)

    def removed(self, *steps, policy="Keep", cloud_down=False):
        """Installs everything, has an instance protected, removes what the steps remove, and looks at the flags after some more sweeps."""
        logs = self.cluster.plane.audit_log.parent
        self.cluster.helm("install", RELEASE, CHART, f"--namespace={NAMESPACE}", "--create-namespace")
        self.cluster.kubectl("wait", "--for=condition=Established", *(f"crd/{name}" for name in DEFINITIONS), "--timeout=30s")
        with Cloud(self.programs["ecs-simulator"], logs) as cloud:
            account = cloud.account([{"instanceId": "i-bp1kept", "tags": {"env": "prod"}}])
            with Operator(self.programs["ecs-keeper"], Kubectl(self.cluster.plane), account, logs, sweep=f"{SWEEP}s"):
                self.cluster.kubectl("create", "--filename=-", stdin=OBJECT % policy)
                wait = ("wait", "ecsprot/everything", f"--namespace={NAMESPACE}", "--for=condition=Protected", "--timeout=60s")
                self.cluster.kubectl(*wait)
                self.assertEqual(len(account.writes()), 1)
                if cloud_down:
                    cloud.ask("POST", "/faults", {"account": account.id, "fault": {"kind": "dropBefore"}})
                for step in steps:
                    step()
                # What the operator would do about it, it would have done by then.
                time.sleep(4 * SWEEP)
            self.assertEqual((account.protected(), len(account.writes())), ({"i-bp1kept"}, 1))

    def uninstall(self):
        self.cluster.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait", "--timeout=60s")

    def delete_definitions(self):
        self.cluster.kubectl("delete", "crd", *DEFINITIONS, "--timeout=60s")

    def delete_namespace(self):
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s")

    def check(self) -> str:
        """What `ecs-keeper uninstall-check` says; raises `Failed` if it fails."""
        environment = {"KUBECONFIG": str(self.cluster.plane.kubeconfig)}
        return run([self.programs["ecs-keeper"], "uninstall-check"], environment=environment)

    def doctor(self) -> str:
        """What `ecs-keeper doctor` says of the cluster; raises `Failed` if it finds a failure."""
        environment = {"KUBECONFIG": str(self.cluster.plane.kubeconfig)}
        words = ["doctor", "--skip-cloud", "--namespace", NAMESPACE, "--lease-name", RELEASE]
        return run([self.programs["ecs-keeper"], *words], environment=environment)

    def keep(self):
        """Does what the check says of an object that would hang, until it says that it is safe."""
        said = self.doctor()
        for words in ("definitions     ecsinstanceprotections", "definitions     eniretentions", "unprotect verb", "leader", "access"):
            self.assertRegex(said, f"(?m)^ok +{words}")
        with self.assertRaisesRegex(Failed, f"1 object has (.|\n)* {NAMESPACE}/everything\n"):
            self.check()
        self.cluster.kubectl("patch", "ecsprot/everything", f"--namespace={NAMESPACE}", "--type=merge", '--patch={"spec":{"deletionPolicy":"Keep"}}')
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.assertIn("It is safe to uninstall", self.check())
            except Failed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def test_i10_a_policy_that_would_hang_is_told_and_then_nothing_does(self):
        self.removed(self.keep, self.uninstall, self.delete_definitions, self.delete_namespace, policy="Disable")
        # Without any definitions there is nothing that could hang; but then it is rather another cluster.
        with self.assertRaisesRegex(Failed, "this cluster has no CRD of ecs-keeper"):
            self.check()
        with self.assertRaisesRegex(Failed, r"failure +definitions +ecsinstanceprotections\.ecs-keeper\.io: is not installed\. Apply what"):
            self.doctor()

    def test_i10_the_chart_then_the_namespace_then_the_definitions(self):
        self.removed(self.uninstall, self.delete_namespace, self.delete_definitions)

    def test_i10_the_chart_the_namespace_and_the_definitions_while_the_cloud_is_down(self):
        self.removed(self.uninstall, self.delete_namespace, self.delete_definitions, cloud_down=True)

    def test_i10_the_definitions_then_the_chart_then_the_namespace(self):
        self.removed(self.delete_definitions, self.uninstall, self.delete_namespace)


if __name__ == "__main__":
    unittest.main()
