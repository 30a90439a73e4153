"""What the chart renders, for many values: judged by kubeconform and by a real API server that warns of everything below Pod Security restricted."""

import json
import unittest
from pathlib import Path

import schemas
from chart import CHART, DEFINITIONS, Cluster, Failed, run
from binaries import ensure

DEFINITIONS_OF_OTHERS = Path(__file__).resolve().parent / "definitions"
KEY_FILES = {"accessKeyId": "/key/id", "accessKeySecret": "/key/secret"}
ROLE, PROVIDER = "acs:ram::1234567890123456:role/keeper", "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"
LOCAL = {"ipBlock": {"cidr": "10.0.0.0/8"}}

# The values of one chart each.
MATRIX = {
    "the defaults": {},
    "settings": {
        "credentials": {"existingSecret": "key", "accessKeyIdKey": "id", "accessKeySecretKey": "secret", "securityTokenKey": "token"},
        "config": {
            "sweepInterval": "5m",
            "objectSelector": "shard in (a,b)",
            "karpenter": {"enabled": True},
            "accounts": [
                {
                    "name": "prod",
                    "accountId": "1234567890123456",
                    "regions": ["cn-hangzhou", "cn-beijing"],
                    "endpoints": {"network": "Vpc"},
                    "budgets": {"DescribeInstances": {"callsPerMinute": 100000, "burst": 1}},
                },
                {"name": "test", "credentials": {"files": KEY_FILES}},
            ],
            "grants": [{"namespaces": ["a", "b"], "accounts": ["prod"], "regions": ["cn-beijing"], "may": ["Protect", "Attach"]}],
        },
        "log": {"format": "json", "level": "debug"},
    },
    "names": {"nameOverride": "guard", "commonLabels": {"team": "platform", "app.kubernetes.io/name": "hijacked"}},
    "a full name as long as it may be": {"fullnameOverride": "k" * 63},
    "an image by digest": {"image": {"repository": "registry.example.com:5000/a/ecs-keeper", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"}},
    "a private registry": {"imagePullSecrets": [{"name": "registry"}], "image.tag": "1.0"},
    "accounts with keys of their own": {"config.accounts": [{"name": "prod", "credentials": {"files": KEY_FILES}}]},
    "RRSA with the webhook": {
        "rrsa": {"enabled": True, "roleName": "keeper", "tokenExpirationSeconds": 7200},
        "config.accounts": None,
        "serviceAccount.annotations": {"a": "b", "pod-identity.alibabacloud.com/role-name": "another"},
        "podLabels": {"c": "d"},
        "networkPolicy.enabled": True,
    },
    "RRSA with a token of the chart's": {
        "rrsa": {"enabled": True, "roleArn": ROLE, "oidcProviderArn": PROVIDER},
        "config.accounts": [
            {"name": "prod", "accountId": "1234567890123456"},
            {"name": "test", "assumeRole": {"roleArn": ROLE}},
            {"name": "old", "credentials": {"files": KEY_FILES}},
        ],
    },
    "a profile": {"profile": {"existingSecret": "aliyun", "name": "yes"}},
    "the current profile": {"profile": {"existingSecret": "aliyun", "key": "file"}},
    "the role of the node": {"ecsRole": {"enabled": True, "name": "node"}, "networkPolicy.enabled": True},
    "the role of the node for one account": {
        "config.accounts": [{"name": "prod"}, {"name": "test", "credentials": {"ecsRole": {}}}],
        "networkPolicy.enabled": True,
    },
    "accounts left out": {"config.accounts": None},
    "no definitions": {"crds.install": False},
    "definitions that go with the release": {"crds.keep": False},
    "somebody else's ServiceAccount": {"serviceAccount": {"create": False, "name": "theirs"}, "rbac.create": False, "userRoles.create": False},
    "roles that everybody gets": {"userRoles.aggregate": {"toView": True, "toEdit": True, "toAdmin": True}},
    "roles that nobody gets": {"userRoles.aggregate.toView": False},
    "a verb whose role is somebody else's": {"userRoles.create": False},
    "no verb of its own": {"unprotectVerb.enabled": False},
    "no Pod": {"replicas": 0},
    "one Pod": {"replicas": 1, "leaseDuration": "1m"},
    "a picky Pod": {
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["a"]}]}]}}},
        "resources.limits": {"memory": "1Gi", "cpu": 1},
        "podLabels": {"sidecar.istio.io/inject": "false"},
        "podAnnotations": {"a": "b"},
        "deploymentAnnotations": {"reloader.stakater.com/auto": "true"},
        "terminationGracePeriodSeconds": 5,
    },
    "additions": {
        "extraEnv": [{"name": "KEY_OF_PROD", "valueFrom": {"secretKeyRef": {"name": "prod", "key": "id"}}}],
        "extraEnvFrom": [{"configMapRef": {"name": "more", "optional": True}}],
        "extraVolumes": [{"name": "authorities", "configMap": {"name": "authorities"}}],
        "extraVolumeMounts": [{"name": "authorities", "mountPath": "/etc/ssl/certs", "readOnly": True}],
    },
    "watched by the Prometheus operator": {
        "metrics.serviceMonitor": {"enabled": True, "labels": {"release": "prometheus", "app.kubernetes.io/name": "hijacked"}, "interval": "30s",
                                   "metricRelabelings": [{"sourceLabels": ["__name__"], "regex": "process_.*", "action": "drop"}]},
        "metrics.prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}, "runbookBaseUrl": "https://git.example.com/keeper/blob/main"},
        "metrics.dashboard": {"enabled": True, "labels": {"app.kubernetes.io/name": "hijacked"}, "annotations": {"grafana_folder": "cloud"}},
        "metrics.service": {"port": 80, "annotations": {"a": "b"}},
    },
    "alerts without a URL": {"metrics.prometheusRule.enabled": True},
    "probes of somebody patient": {
        "admin.port": 9090,
        "livenessProbe": {"initialDelaySeconds": 5, "periodSeconds": 60, "timeoutSeconds": 10, "failureThreshold": 5},
        "readinessProbe": {"periodSeconds": 10},
        "metrics.service.enabled": False,
        "networkPolicy.enabled": True,
    },
    "a closed network": {"networkPolicy.enabled": True},
    "a network closed to the last peer": {
        "networkPolicy": {
            "enabled": True,
            "admin": {"from": [LOCAL]},
            "dns": {"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]},
            "apiServer": {"to": [LOCAL], "ports": [6443]},
            "cloud": {"to": [LOCAL], "ports": [443, 8443]},
            "extraEgress": [{"ports": [{"port": 3128}]}],
        }
    },
}


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls)
        cls.namespace = cls.cluster.namespace("keeper", warn="restricted")
        # What the Prometheus operator would bring along, so that the API server judges what is meant for it.
        cls.cluster.kubectl("apply", "--server-side", f"--filename={DEFINITIONS_OF_OTHERS}")
        cls.cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        cls.schemas = cls.cluster.folder / "schemas"
        cls.schemas.mkdir()
        schemas.write(json.loads(cls.cluster.kubectl("get", "--raw=/openapi/v2")), cls.schemas)
        cls.rendered = {name: cls.cluster.helm.template(cls.namespace, values) for name, values in MATRIX.items()}
        cls.taken = {name: cls.cluster.would_take(manifests) for name, manifests in cls.rendered.items()}

    def conform(self, manifests):
        command = [ensure("kubeconform")["kubeconform"], "-strict", "-summary", "-output=json", f"-schema-location={self.schemas}/{schemas.LOCATION}"]
        return json.loads(run(command, stdin=manifests))["summary"]

    def objects(self, name, kind):
        return [each for each in self.taken[name] if each["kind"] == kind]

    def one(self, name, kind):
        (found,) = self.objects(name, kind)
        return found

    def pod(self, name):
        return self.one(name, "Deployment")["spec"]["template"]

    def container(self, name):
        (container,) = self.pod(name)["spec"]["containers"]
        return container

    def test_kubeconform_takes_every_manifest(self):
        for name, manifests in self.rendered.items():
            with self.subTest(name):
                count = len(self.taken[name])
                self.assertEqual(self.conform(manifests), {"valid": count, "invalid": 0, "errors": 0, "skipped": 0})

    def test_kubeconform_refuses_what_is_mistyped(self):
        # Otherwise the test above would prove nothing about the schemas made here.
        good = self.rendered["the defaults"]
        for right, wrong, sentence in (
            ("enableServiceLinks:", "enableServiceLink:", "enableServiceLink"),
            ("replicas: 2", "replicas: two", "replicas"),
            ("memory: 256Mi", "memory: [256Mi]", "memory"),
        ):
            with self.subTest(wrong), self.assertRaisesRegex(Failed, sentence):
                self.conform(good.replace(right, wrong))

    def test_i46_a_pod_below_the_restricted_standard_would_be_noticed(self):
        # So that the API server's silence about the matrix says something.
        for lax in ({"securityContext.capabilities": None}, {"podSecurityContext.runAsNonRoot": False}, {"podSecurityContext.seccompProfile": None}):
            with self.subTest(lax), self.assertRaisesRegex(Failed, "violate PodSecurity"):
                self.cluster.would_take(self.cluster.helm.template(self.namespace, lax))

    def test_i46_the_root_is_read_only_and_the_token_goes_to_this_pod_alone(self):
        self.assertTrue(self.container("the defaults")["securityContext"]["readOnlyRootFilesystem"])
        self.assertIs(self.one("the defaults", "ServiceAccount")["automountServiceAccountToken"], False)
        self.assertIs(self.pod("the defaults")["spec"]["automountServiceAccountToken"], True)

    def test_i46_there_is_no_wildcard_and_no_webhook(self):
        for name, objects in self.taken.items():
            with self.subTest(name):
                rules = [rule for each in objects if each["kind"] in ("Role", "ClusterRole") for rule in each["rules"]]
                self.assertNotIn("*", {word for rule in rules for words in rule.values() for word in words})
                self.assertEqual([each["kind"] for each in objects if "Webhook" in each["kind"]], [])

    def test_nothing_reaches_a_secret(self):
        for name, objects in self.taken.items():
            with self.subTest(name):
                resources = {word for each in objects for rule in each.get("rules", []) for word in rule["resources"]}
                self.assertFalse(resources & {"secrets", "pods", "configmaps", "namespaces"}, resources)
                self.assertFalse([each for each in objects if each["kind"] == "Secret"])

    def test_no_role_for_people_reaches_a_subresource(self):
        for name in ("the defaults", "roles that everybody gets"):
            for role in self.objects(name, "ClusterRole"):
                if role["metadata"]["name"] != "ecs-keeper":
                    resources = [word for rule in role["rules"] for word in rule["resources"]]
                    self.assertEqual(resources, ["ecsinstanceprotections", "eniretentions"])

    def test_roles_are_aggregated_as_the_administrator_says(self):
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        for name, expected in {
            "the defaults": {"ecs-keeper-view": {"view"}, "ecs-keeper-edit": set()},
            "roles that everybody gets": {"ecs-keeper-view": {"view"}, "ecs-keeper-edit": {"edit", "admin"}},
            "roles that nobody gets": {"ecs-keeper-view": set(), "ecs-keeper-edit": set()},
        }.items():
            expected.update({"ecs-keeper": set(), "ecs-keeper-unprotect": set()})
            roles = {role["metadata"]["name"]: role["metadata"]["labels"] for role in self.objects(name, "ClusterRole")}
            aggregated = {role: {label[len(prefix) :] for label in labels if label.startswith(prefix)} for role, labels in roles.items()}
            self.assertEqual(aggregated, expected, name)

    def test_i57_the_verb_is_asked_of_everybody_and_only_its_own_role_has_it(self):
        policies = {"ecs-keeper-unprotect-ecsinstanceprotections", "ecs-keeper-unprotect-eniretentions"}
        for name in ("the defaults", "settings", "roles that everybody gets", "a verb whose role is somebody else's"):
            with self.subTest(name):
                self.assertEqual({each["metadata"]["name"] for each in self.objects(name, "ValidatingAdmissionPolicy")}, policies)
                bindings = self.objects(name, "ValidatingAdmissionPolicyBinding")
                self.assertEqual({each["spec"]["policyName"] for each in bindings}, policies)
                self.assertEqual([sorted(each["spec"]) for each in bindings], [["policyName", "validationActions"]] * 2)
                self.assertEqual([each["spec"]["failurePolicy"] for each in self.objects(name, "ValidatingAdmissionPolicy")], ["Fail"] * 2)
        for name, objects in self.taken.items():
            rules = {each["metadata"]["name"]: each["rules"] for each in objects if each["kind"] in ("Role", "ClusterRole")}
            holders = {role for role, given in rules.items() if any("unprotect" in rule["verbs"] for rule in given)}
            self.assertLessEqual({each["roleRef"]["name"] for each in objects if each["kind"].endswith("RoleBinding")} & holders, set(), name)
            named = {role for role in rules if role.endswith("-unprotect")}
            self.assertEqual(holders, named, name)

    def test_node_claims_may_be_read_only_where_karpenter_is_watched(self):
        for name, rights in (("the defaults", []), ("settings", [["get", "list", "watch"]])):
            rules = [rule for role in self.objects(name, "ClusterRole") for rule in role["rules"]]
            self.assertEqual([rule["verbs"] for rule in rules if "nodeclaims" in rule["resources"]], rights, name)

    def test_i57_a_refusal_names_the_role_that_there_is(self):
        def messages(name):
            policies = self.objects(name, "ValidatingAdmissionPolicy")
            return [each["message"] for policy in policies for each in policy["spec"]["validations"]]

        for name, count, end in (
            ("the defaults", 9, ".ecs-keeper.io, which the ClusterRole ecs-keeper-unprotect gives"),
            ("settings", 11, ".ecs-keeper.io, which the ClusterRole ecs-keeper-unprotect gives"),
            ("names", 9, ".ecs-keeper.io, which the ClusterRole ecs-keeper-guard-unprotect gives"),
            ("a verb whose role is somebody else's", 9, ".ecs-keeper.io"),
        ):
            self.assertEqual([message[-len(end) :] for message in messages(name)], [end] * count, name)
        self.assertEqual([each for each in self.taken["no verb of its own"] if "Admission" in each["kind"] or each["metadata"]["name"].endswith("-unprotect")], [])

    def test_the_definitions_are_those_of_the_program(self):
        committed = self.cluster.would_take("\n---\n".join(path.read_text() for path in sorted((CHART / "files" / "crds").glob("*.yaml"))))
        specs = {each["metadata"]["name"]: each["spec"] for each in committed}
        self.assertEqual(set(specs), set(DEFINITIONS))
        self.assertEqual({each["metadata"]["name"]: each["spec"] for each in self.objects("the defaults", "CustomResourceDefinition")}, specs)

    def test_definitions_are_installed_and_kept_as_the_values_say(self):
        def kept(name):
            return [each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for each in self.objects(name, "CustomResourceDefinition")]

        self.assertEqual(kept("the defaults"), ["keep", "keep"])
        self.assertEqual(kept("definitions that go with the release"), [None, None])
        self.assertEqual(kept("no definitions"), [])

    def test_everything_bears_the_common_labels_and_none_replaces_the_charts(self):
        for each in [*self.taken["names"], self.pod("names")]:
            labels = each["metadata"]["labels"]
            self.assertEqual((labels["team"], labels["app.kubernetes.io/name"]), ("platform", "guard"), each.get("kind"))
        self.assertEqual(self.one("names", "Deployment")["metadata"]["name"], "ecs-keeper-guard")

    def secrets(self, name):
        """The variables that come from Secrets, and the Secrets that are mounted."""
        variables = {each["name"]: each.get("valueFrom", {}).get("secretKeyRef") for each in self.container(name)["env"]}
        mounted = [volume["secret"]["secretName"] for volume in self.pod(name)["spec"]["volumes"] if "secret" in volume]
        return {variable: reference for variable, reference in variables.items() if reference}, mounted

    def test_the_access_key_comes_from_the_secret_that_is_named(self):
        self.assertEqual(
            self.secrets("settings"),
            (
                {
                    "ALIBABA_CLOUD_ACCESS_KEY_ID": {"name": "key", "key": "id"},
                    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": {"name": "key", "key": "secret"},
                    "ALIBABA_CLOUD_SECURITY_TOKEN": {"name": "key", "key": "token", "optional": True},
                },
                [],
            ),
        )
        (variables, _) = self.secrets("the defaults")
        self.assertEqual({reference["name"] for reference in variables.values()}, {"ecs-keeper-credentials"})

    def test_pods_wait_only_for_a_secret_that_an_account_needs(self):
        expected = {
            "accounts with keys of their own": [],
            "RRSA with the webhook": [],
            "RRSA with a token of the chart's": [],
            "a profile": ["aliyun"],
            "the role of the node": [],
        }
        for name, mounted in expected.items():
            self.assertEqual(self.secrets(name), ({}, mounted), name)

    def test_i55_every_account_without_credentials_is_told_its_source(self):
        token = f"""
- accountId: "1234567890123456"
  credentials:
    oidc:
      providerArn: {PROVIDER}
      roleArn: {ROLE}
      tokenFile: /var/run/secrets/ecs-keeper/rrsa/token
  name: prod
- assumeRole:
    roleArn: {ROLE}
  credentials:
    oidc:
      providerArn: {PROVIDER}
      roleArn: {ROLE}
      tokenFile: /var/run/secrets/ecs-keeper/rrsa/token
  name: test
- credentials:
    files:
      accessKeyId: /key/id
      accessKeySecret: /key/secret
  name: old
"""
        profile = """
- credentials:
    profile:
      file: /var/run/secrets/ecs-keeper/profile/{}
{}  name: default
"""
        for name, accounts in {
            "the defaults": "\n- name: default\n",
            "RRSA with the webhook": "\n- credentials:\n    oidc: {}\n  name: default\n",
            "RRSA with a token of the chart's": token,
            "a profile": profile.format("config.json", '      name: "yes"\n'),
            "the current profile": profile.format("file", ""),
            "the role of the node": '\n- credentials:\n    ecsRole:\n      name: node\n  name: default\n',
            "the role of the node for one account": "\n- name: prod\n- credentials:\n    ecsRole: {}\n  name: test\n",
        }.items():
            self.assertIn(f"accounts:{accounts}attribution:", self.one(name, "ConfigMap")["data"]["config.yaml"], name)

    def test_rrsa_is_asked_of_the_webhook(self):
        prefix = "pod-identity.alibabacloud.com"
        annotations = self.one("RRSA with the webhook", "ServiceAccount")["metadata"]["annotations"]
        self.assertEqual(annotations, {"a": "b", f"{prefix}/role-name": "keeper", f"{prefix}/service-account-token-expiration": "7200"})
        labels = self.pod("RRSA with the webhook")["metadata"]["labels"]
        self.assertEqual((labels[f"{prefix}/injection"], labels["c"]), ("on", "d"))
        # It selects the Pods, and can't be changed.
        self.assertNotIn(f"{prefix}/injection", self.one("RRSA with the webhook", "Deployment")["spec"]["selector"]["matchLabels"])
        for name in self.rendered.keys() - {"RRSA with the webhook"}:
            self.assertNotIn(prefix, self.rendered[name], name)

    def test_without_the_webhook_the_kubelet_brings_the_token_for_sts(self):
        name = "RRSA with a token of the chart's"
        (volume,) = (each for each in self.pod(name)["spec"]["volumes"] if each["name"] == "rrsa-token")
        (source,) = volume["projected"]["sources"]
        self.assertEqual(source, {"serviceAccountToken": {"audience": "sts.aliyuncs.com", "expirationSeconds": 3600, "path": "token"}})
        (mount,) = (each for each in self.container(name)["volumeMounts"] if each["name"] == "rrsa-token")
        self.assertEqual((mount["mountPath"], mount["readOnly"]), ("/var/run/secrets/ecs-keeper/rrsa", True))
        for name in self.rendered.keys() - {name}:
            self.assertNotIn("projected", self.rendered[name], name)

    def test_i55_no_variable_of_the_cloud_is_empty(self):
        # The webhook leaves alone what a Pod already has, even if it is empty.
        for name in self.rendered:
            variables = {each["name"]: each for each in self.container(name)["env"] if each["name"].startswith("ALIBABA_CLOUD_")}
            self.assertEqual([variable for variable, each in variables.items() if not (each.get("value") or each.get("valueFrom"))], [], name)
            if "RRSA" in name:
                self.assertEqual(set(variables), {"ALIBABA_CLOUD_ECS_METADATA_DISABLED"})

    def test_i55_the_metadata_service_is_reached_only_where_asked_for(self):
        asking = {"the role of the node", "the role of the node for one account"}
        for name in self.rendered:
            variables = {each["name"]: each.get("value") for each in self.container(name)["env"]}
            self.assertEqual(variables.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED"), None if name in asking else "true", name)
            for policy in self.objects(name, "NetworkPolicy"):
                rule = {"to": [{"ipBlock": {"cidr": "100.100.100.200/32"}}], "ports": [{"port": 80, "protocol": "TCP"}]}
                self.assertEqual(rule in policy["spec"]["egress"], name in asking, name)

    def test_the_image_is_named_by_tag_or_by_digest(self):
        images = {name: self.container(name)["image"] for name in ("the defaults", "a private registry", "an image by digest")}
        self.assertEqual(
            images,
            {
                "the defaults": "ecs-keeper:0.1.0",
                "a private registry": "ecs-keeper:1.0",
                "an image by digest": f"registry.example.com:5000/a/ecs-keeper@sha256:{'0' * 64}",
            },
        )

    def test_somebody_elses_service_account_is_left_to_them(self):
        kinds = {each["kind"] for each in self.taken["somebody else's ServiceAccount"]}
        judges = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
        self.assertEqual(kinds, {"ConfigMap", "CustomResourceDefinition", "Deployment", "PodDisruptionBudget", "Service", *judges})
        self.assertEqual(self.pod("somebody else's ServiceAccount")["spec"]["serviceAccountName"], "theirs")

    def test_one_pod_has_no_budget_and_is_not_spread(self):
        self.assertEqual(self.objects("one Pod", "PodDisruptionBudget"), [])
        self.assertEqual(self.one("one Pod", "Deployment")["spec"]["replicas"], 1)
        self.assertNotIn("topologySpreadConstraints", self.pod("one Pod")["spec"])

    def test_several_pods_are_spread_and_drained_one_by_one(self):
        spec = self.one("the defaults", "Deployment")["spec"]
        self.assertEqual((spec["replicas"], spec["strategy"]["type"]), (2, "RollingUpdate"))
        pods = spec["selector"]
        spread = {each["topologyKey"]: each["labelSelector"] for each in spec["template"]["spec"]["topologySpreadConstraints"]}
        self.assertEqual(spread, {"kubernetes.io/hostname": pods, "topology.kubernetes.io/zone": pods})
        budget = self.one("the defaults", "PodDisruptionBudget")["spec"]
        self.assertEqual((budget["maxUnavailable"], budget["selector"]), (1, pods))

    def test_each_release_has_a_lease_of_its_own_and_may_write_it(self):
        rules = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}]
        for name, lease in {"the defaults": "ecs-keeper", "names": "ecs-keeper-guard", "a full name as long as it may be": "k" * 58}.items():
            variables = {each["name"]: each.get("value") for each in self.container(name)["env"]}
            self.assertEqual(variables["ECS_KEEPER_LEASE_NAME"], lease)
            self.assertEqual(self.one(name, "Role")["rules"], rules)
            self.assertEqual(self.one(name, "RoleBinding")["roleRef"]["name"], lease)

    def test_the_probes_ask_on_the_port_that_is_answered(self):
        for name, port, liveness, readiness in (
            ("the defaults", 8080, (20, 5, 3), (5, 5, 3)),
            ("probes of somebody patient", 9090, (60, 10, 5), (10, 5, 3)),
        ):
            container = self.container(name)
            self.assertEqual(container["ports"], [{"name": "admin", "containerPort": port, "protocol": "TCP"}])
            variables = {each["name"]: each.get("value") for each in container["env"]}
            self.assertEqual(variables["ECS_KEEPER_ADMIN_ADDRESS"], f":{port}")
            for probe, path, times in (("livenessProbe", "/livez", liveness), ("readinessProbe", "/readyz", readiness)):
                asked = container[probe]["httpGet"]
                self.assertEqual((asked["path"], asked["port"]), (path, "admin"))
                self.assertEqual(tuple(container[probe][each] for each in ("periodSeconds", "timeoutSeconds", "failureThreshold")), times)

    def test_each_pod_can_be_scraped(self):
        self.assertEqual(self.objects("probes of somebody patient", "Service"), [])
        for name, port in (("the defaults", 8080), ("watched by the Prometheus operator", 80)):
            service = self.one(name, "Service")["spec"]
            self.assertEqual((service["clusterIP"], service["publishNotReadyAddresses"]), ("None", True))
            self.assertEqual(service["selector"], self.one(name, "Deployment")["spec"]["selector"]["matchLabels"])
            self.assertEqual([(each["name"], each["port"], each["targetPort"]) for each in service["ports"]], [("metrics", port, "admin")])

    def test_the_prometheus_operator_is_told_only_where_it_is_said_to_run(self):
        name = "watched by the Prometheus operator"
        for kind in ("ServiceMonitor", "PrometheusRule"):
            self.assertEqual(self.objects("the defaults", kind), [])
            labels = self.one(name, kind)["metadata"]["labels"]
            self.assertEqual((labels["release"], labels["app.kubernetes.io/name"]), ("prometheus", "ecs-keeper"))
        monitor = self.one(name, "ServiceMonitor")["spec"]
        service = self.one(name, "Service")
        self.assertLessEqual(monitor["selector"]["matchLabels"].items(), service["metadata"]["labels"].items())
        self.assertEqual([(each["port"], each["interval"]) for each in monitor["endpoints"]], [("metrics", "30s")])
        with self.assertRaisesRegex(Failed, "metrics.serviceMonitor.enabled needs metrics.service.enabled"):
            self.cluster.helm.template(self.namespace, {"metrics.serviceMonitor.enabled": True, "metrics.service.enabled": False})

    def test_each_alert_leads_to_its_section_below_the_url_that_is_given(self):
        for name, base in (("watched by the Prometheus operator", "https://git.example.com/keeper/blob/main/"), ("alerts without a URL", "")):
            rules = [rule for group in self.one(name, "PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
            self.assertGreater(len(rules), 5)
            for rule in rules:
                self.assertEqual(rule["annotations"]["runbook_url"], f"{base}docs/alerts.md#{rule['alert'].lower()}")

    def test_the_dashboard_is_there_for_the_sidecar_only_where_it_is_asked_for(self):
        self.assertNotIn("ecs-keeper-dashboard", [each["metadata"]["name"] for each in self.objects("the defaults", "ConfigMap")])
        (dashboard,) = (each for each in self.objects("watched by the Prometheus operator", "ConfigMap") if each["metadata"]["name"] == "ecs-keeper-dashboard")
        labels = dashboard["metadata"]["labels"]
        self.assertEqual((labels["grafana_dashboard"], labels["app.kubernetes.io/name"]), ("1", "ecs-keeper"))
        self.assertEqual(dashboard["metadata"]["annotations"], {"grafana_folder": "cloud"})
        self.assertEqual(json.loads(dashboard["data"]["ecs-keeper.json"]), json.loads((CHART / "files" / "dashboard.json").read_text()))

    def test_a_closed_network_lets_out_what_is_needed_and_in_what_probes_and_scrapes(self):
        def egress(name, port=8080, peers=None):
            spec = self.one(name, "NetworkPolicy")["spec"]
            (ingress,) = spec["ingress"]
            self.assertEqual((sorted(spec["policyTypes"]), ingress.get("from")), (["Egress", "Ingress"], peers))
            self.assertEqual(ingress["ports"], [{"port": port, "protocol": "TCP"}])
            return [(rule.get("to", []), [port["port"] for port in rule["ports"]]) for rule in spec["egress"]]

        self.assertEqual(egress("a closed network"), [([], [53, 53]), ([], [443, 6443]), ([], [443])])
        self.assertEqual(len(egress("probes of somebody patient", port=9090)), 3)
        (names, *rest) = egress("a network closed to the last peer", peers=[LOCAL])
        self.assertEqual(names[1], [53, 53])
        self.assertEqual(rest, [([LOCAL], [6443]), ([LOCAL], [443, 8443]), ([], [3128])])


if __name__ == "__main__":
    unittest.main()
