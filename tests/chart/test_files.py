"""The chart's files: what they say agrees with the program, and what they refuse they refuse with a sentence. No API server is needed."""

import json
import re
import tempfile
import unittest
from pathlib import Path

import readme
import unprotect_cases
from chart import CHART, RELEASE, ROOT, Failed, Helm, given

# What the Deployment sets beside the values' settings.
CREDENTIALS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "ALIBABA_CLOUD_ECS_METADATA_DISABLED",
}

ROLE, PROVIDER = "acs:ram::1234567890123456:role/keeper", "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"
OWN_KEY = {"files": {"accessKeyId": "/key/id", "accessKeySecret": "/key/secret"}}
WEBHOOK = {"rrsa": {"enabled": True, "roleName": "keeper"}}
TOKEN = {"rrsa": {"enabled": True, "roleArn": ROLE, "oidcProviderArn": PROVIDER}}

# Each with a part of the sentence that refuses it.
REFUSALS = [
    ({"replica": 2}, "at '': additional properties 'replica' not allowed"),
    ({"leaseDuration": "1h"}, "at '/leaseDuration': value must be 'whole seconds from 5s to 5m'"),
    ({"leaseDuration": 15}, "at '/leaseDuration': value must be 'whole seconds from 5s to 5m'"),
    ({"replicas": "two"}, "at '/replicas': value must be 'a whole number of Pods'"),
    ({"config.acounts": []}, "at '/config': additional properties 'acounts' not allowed"),
    ({"config.sweepInterval": 60}, "at '/config/sweepInterval': got number, want string"),
    ({"config.accounts": {"name": "prod"}}, "at '/config/accounts': got object, want array"),
    ({"config.accounts": [{"name": "prod", "region": "cn-hangzhou"}]}, "at '/config/accounts/0': additional properties 'region' not allowed"),
    ({"config.accounts": [{"name": "prod", "accountId": 1234567890123456}]}, "at '/config/accounts/0/accountId': got number, want string"),
    ({"config.accounts": [{"name": "prod", "endpoints": {"network": "vpc"}}]}, "value must be one of 'Public', 'Vpc'"),
    ({"config.accounts": [{"name": "prod", "budgets": {"DescribeInstances": {"burst": 0}}}]}, "at '/config/accounts/0/budgets/DescribeInstances/burst': minimum: got 0, want 1"),
    ({"config.grants": [{"namespaces": ["team-a"], "may": ["Everything"]}]}, "value must be one of 'Protect', 'Unprotect', 'Attach'"),
    ({"config.grants": [{"accounts": ["default"]}]}, "at '/config/grants/0': missing property 'namespaces'"),
    ({"credentials.existingSecret": "A"}, "at '/credentials/existingSecret': value must be 'the name of an object"),
    ({"credentials.accessKeyIdKey": "a key"}, "at '/credentials/accessKeyIdKey': value must be 'a key of the Secret"),
    ({"credentials.accessKeyId": "LTAI"}, "at '/credentials': additional properties 'accessKeyId' not allowed"),
    ({"rrsa.enabled": "yes"}, "at '/rrsa/enabled': got string, want boolean"),
    ({"rrsa.roleName": ROLE}, "at '/rrsa/roleName': value must be 'the name of a RAM role, without the ARN around it'"),
    ({"rrsa.roleArn": "keeper"}, "at '/rrsa/roleArn': value must be 'the ARN of a RAM role, such as acs:ram::"),
    ({"rrsa.oidcProviderArn": ROLE}, "at '/rrsa/oidcProviderArn': value must be 'the ARN of an OIDC provider, such as acs:ram::"),
    ({"rrsa.tokenExpirationSeconds": 599}, "at '/rrsa/tokenExpirationSeconds': value must be 'whole seconds from 600 to 43200'"),
    ({"rrsa.tokenExpirationSeconds": 43201}, "at '/rrsa/tokenExpirationSeconds': value must be 'whole seconds from 600 to 43200'"),
    ({"ecsRole.name": "a role"}, "at '/ecsRole/name': value must be 'the name of a RAM role"),
    ({"profile.key": ""}, "at '/profile/key': value must be 'a key of the Secret"),
    ({"log.level": "loud"}, "at '/log/level': value must be one of 'error', 'warn', 'info', 'debug', 'trace'"),
    ({"log.format": "xml"}, "at '/log/format': value must be one of 'text', 'json'"),
    ({"image.repository": "registry.example.com/ecs-keeper:0.1.0 "}, "at '/image/repository': value must be 'a name without tag"),
    ({"image.digest": "0123"}, "at '/image/digest': value must be 'a digest such as sha256:"),
    ({"image.pullPolicy": "Sometimes"}, "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"),
    ({"unprotectVerb.enabled": "no"}, "at '/unprotectVerb/enabled': got string, want boolean"),
    ({"crds.keep": "true"}, "at '/crds/keep': got string, want boolean"),
    ({"serviceAccount.annotations": {"role": 1}}, "at '/serviceAccount/annotations/role': got number, want string"),
    ({"resources.limit": {}}, "at '/resources': additional properties 'limit' not allowed"),
    ({"tolerations": {}}, "at '/tolerations': got object, want array"),
    ({"extraVolumeMounts": [{"name": "a"}]}, "at '/extraVolumeMounts/0': missing property 'mountPath'"),
    ({"admin.port": 0}, "at '/admin/port': value must be 'the number of a port"),
    ({"livenessProbe.periodSeconds": 0}, "at '/livenessProbe/periodSeconds': value must be 'a whole number from 1 on'"),
    ({"readinessProbe.httpGet": {}}, "at '/readinessProbe': additional properties 'httpGet' not allowed"),
    ({"metrics.serviceMonitor.interval": "30"}, "at '/metrics/serviceMonitor/interval': value must be 'a number with its unit"),
    ({"metrics.prometheusRule.enabled": "yes"}, "at '/metrics/prometheusRule/enabled': got string, want boolean"),
    ({"metrics.prometheusRule.runbookBaseUrl": "https://git.example.com/"}, "at '/metrics/prometheusRule/runbookBaseUrl': value must be 'a URL that begins"),
    ({"metrics.dashboard.labels": {"grafana_dashboard": 1}}, "at '/metrics/dashboard/labels/grafana_dashboard': got number, want string"),
    ({"networkPolicy.apiServer.ports": [70000]}, "at '/networkPolicy/apiServer/ports/0': value must be 'the number of a port"),
]

# Values of which each is right and which do not go together.
CONTRADICTIONS = [
    ({"rrsa.enabled": True}, "rrsa.enabled: set rrsa.roleName if the cluster has ack-pod-identity-webhook, otherwise both rrsa.roleArn and"),
    ({"rrsa": {"enabled": True, "roleArn": ROLE}}, "rrsa.enabled: set rrsa.roleName if"),
    ({"rrsa": {"enabled": True, "oidcProviderArn": PROVIDER}}, "rrsa.enabled: set rrsa.roleName if"),
    ({**WEBHOOK, "rrsa.roleArn": ROLE}, "rrsa: set either roleName, or roleArn and oidcProviderArn"),
    ({**TOKEN, "rrsa.roleName": "keeper"}, "rrsa: set either roleName, or roleArn and oidcProviderArn"),
    ({**WEBHOOK, "serviceAccount.create": False}, "rrsa.roleName: the chart annotates only a ServiceAccount that it creates"),
    ({**WEBHOOK, "ecsRole.enabled": True}, "ecsRole.enabled and rrsa.enabled: set only one of them"),
    ({**TOKEN, "credentials.existingSecret": "key"}, "credentials.existingSecret and rrsa.enabled: set only one of them"),
    ({"profile.existingSecret": "aliyun", "credentials.existingSecret": "key"}, "credentials.existingSecret and profile.existingSecret: set only"),
    ({**TOKEN, "config.accounts": [{"name": "prod", "credentials": OWN_KEY}]}, "rrsa.enabled: each account in config.accounts has `credentials` of its own"),
    ({**WEBHOOK, "config.accounts": [{"name": "prod", "credentials": {"oidc": {}}}]}, "rrsa.enabled: each account in config.accounts has"),
    ({"ecsRole.enabled": True, "config.accounts": [{"name": "prod", "credentials": OWN_KEY}]}, "ecsRole.enabled: each account in config.accounts has"),
]


# Each is none, and says so.
SELECTORS = ["shard in a,b", "shard in (a", "shard within (a)", "a=b,", "=b", "a=b=c", "a b", "shard in (a) b", "a='b'", "shard in ('a')", "a in ()b"]


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.helm = Helm(cls.folder)

    def test_helm_finds_nothing_to_complain_of(self):
        self.helm("lint", "--strict", CHART)

    def test_the_readme_is_what_the_values_give(self):
        self.assertEqual(readme.README.read_text(), readme.generated(), "run `make chart` and review the diff")

    def test_the_cases_of_the_verb_are_written_out_for_plan(self):
        self.assertEqual(unprotect_cases.FILE.read_text(), unprotect_cases.generated(), "run `make chart` and review the diff")

    def test_every_value_is_described(self):
        undescribed = [line for line in readme.README.read_text().splitlines() if re.match(r"\| [a-z].* \|  \|$", line)]
        self.assertEqual(undescribed, [])

    def test_the_pages_name_values_that_there_are(self):
        pages = [ROOT / "README.md", readme.README, *sorted((ROOT / "docs").rglob("*.md"))]
        named = {name for page in pages for name in re.findall(r"--set[ =]([a-zA-Z.]+)=", page.read_text())}
        self.assertIn("image.repository", named)
        self.assertLessEqual(named, set(self.leaves_of_the_readme()))

    def test_the_versions_are_the_programs(self):
        version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
        chart = self.helm("show", "chart", CHART)
        self.assertEqual(re.findall(r"^(?:appVersion|version): (.*)$", chart, re.MULTILINE), [version, version])

    def test_a_wrong_value_is_refused_with_a_sentence(self):
        for values, sentence in REFUSALS + CONTRADICTIONS:
            with self.subTest(values), self.assertRaises(Failed) as refusal:
                self.helm.template("keeper", values)
            self.assertIn(sentence, str(refusal.exception).replace("\\'", "'"))

    def test_what_is_no_selector_is_refused_with_a_sentence(self):
        for selector in SELECTORS:
            with self.subTest(selector), self.assertRaises(Failed) as refusal:
                self.helm.template("keeper", {"config.objectSelector": selector})
            self.assertIn(f"config.objectSelector: `{selector}` is not a label selector", str(refusal.exception).replace("\\'", "'"))

    def test_every_value_is_in_the_schema_and_nothing_else_is(self):
        values = self.leaves_of_the_readme()
        schema = json.loads((CHART / "values.schema.json").read_text())
        known = set(self.leaves_of_the_schema(schema["properties"]))
        self.assertEqual({each for each in known if not any(each == value or each.startswith(f"{value}.") for value in values)}, {"global"})
        for value in values:
            self.assertTrue(value in known or any(each.startswith(f"{value}.") for each in known), value)

    def leaves_of_the_readme(self):
        rows = re.findall(r"^\| ([a-zA-Z.]+) \| (?:string|int|bool|list|object) \|", readme.README.read_text(), re.MULTILINE)
        self.assertGreater(len(rows), 50)
        return rows

    def leaves_of_the_schema(self, properties, before=""):
        for name, schema in properties.items():
            if "properties" in schema:
                yield from self.leaves_of_the_schema(schema["properties"], f"{before}{name}.")
            else:
                yield before + name

    def test_the_variables_are_those_that_the_program_knows(self):
        # The table is made from the command line's definition (tests/docs/tables.rs).
        known = set(re.findall(r"^\| `--[^`]*` \| `(\w+)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE))
        self.assertIn("POD_NAMESPACE", known)
        rendered = self.helm("template", RELEASE, CHART, "--show-only=templates/deployment.yaml")
        found = re.findall(r"^ {12}- name: ([A-Z_]+)\n(?: {14}value: (.*)\n)?", rendered, re.MULTILINE)
        self.assertEqual(len(found), len(dict(found)), "a variable is given twice")
        # In the Pod the program takes the Pod's own access.
        self.assertEqual(set(dict(found)), known - {"ECS_KEEPER_KUBECONFIG"} | CREDENTIALS)

    def test_the_defaults_are_the_programs(self):
        documented = dict(re.findall(r"^\| `--[^`]*` \| `(ECS_KEEPER_\w+)` \| `([^`]*)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE))
        self.assertGreater(len(documented), 3)
        # What comes from the Pod itself has no default there.
        documented = {name: value for name, value in documented.items() if name.startswith("ECS_KEEPER_")}
        rendered = self.helm("template", RELEASE, CHART, "--show-only=templates/deployment.yaml")
        found = dict(re.findall(r'^ {12}- name: (ECS_KEEPER_\w+)\n {14}value: "(.*)"\n', rendered, re.MULTILINE))
        self.assertEqual(found, documented)
        ((_, interval),) = re.findall(r"^\| `sweepInterval` \| (\w+) \| `(\w+)`", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE)
        self.assertIn(f"    sweepInterval: {interval}\n", self.helm("template", RELEASE, CHART, "--show-only=templates/configmap.yaml"))

    def test_large_numbers_stay_whole(self):
        budget = {"callsPerMinute": 100000, "burst": 100000}
        rendered = self.helm.template("keeper", {"config.accounts": [{"name": "a", "budgets": {"DescribeInstances": budget}}]})
        self.assertRegex(rendered, r"callsPerMinute: 100000\n")

    def test_another_configuration_makes_new_pods(self):
        def checksum(values):
            return re.findall(r"checksum/config: ([0-9a-f]{64})\n", self.helm.template("keeper", values))

        self.assertEqual(len(checksum({})), 1)
        self.assertEqual(checksum({}), checksum({"log.level": "debug"}))
        self.assertNotEqual(checksum({}), checksum({"config.sweepInterval": "61s"}))

    def test_the_notes_tell_the_next_step(self):
        values = {
            "config.accounts": [{"name": "default"}, {"name": "prod", "regions": ["cn-beijing"]}],
            "config.grants": [{"namespaces": ["team-a"], "accounts": ["prod"]}],
            "config.objectSelector": "shard in (a,b)",
        }
        notes = self.helm("install", RELEASE, CHART, "--namespace=keeper", "--dry-run=client", *given(values))
        for step in (
            "kubectl -n keeper create secret generic ecs-keeper-credentials --from-env-file=credentials.env",
            "namespace: team-a\n  spec:\n    account: prod\n    region: cn-beijing\n    mode: Observe\n",
            "kubectl -n team-a get ecsprot first-look -o wide",
            "It serves only objects in the namespaces of config.grants.",
            "kubectl -n team-a create rolebinding NAME --clusterrole=ecs-keeper-unprotect --user=USER",
            "kubectl -n keeper exec deployment/ecs-keeper -- ecs-keeper uninstall-check --object-selector 'shard in (a,b)'",
        ):
            self.assertIn(step, notes)

    def test_the_notes_tell_which_identity_is_used_and_how_to_see_it(self):
        own = {"config.accounts": [{"name": "prod", "credentials": OWN_KEY}]}
        for values, identity in (
            ({}, "Its Pods start as soon as the Secret ecs-keeper-credentials contains an access key."),
            ({"credentials.existingSecret": "key"}, "Its Pods start as soon as the Secret key contains an access key."),
            (WEBHOOK, "It acts as the RAM role keeper of the cluster's account, by RRSA: its Pods get a token from ack-pod-identity-webhook."),
            (TOKEN, f"It acts as {ROLE}, by RRSA: its Pods have a token for {PROVIDER}."),
            ({"profile": {"existingSecret": "aliyun", "name": "prod"}}, "It uses the profile prod of config.json in the Secret aliyun."),
            ({"profile.existingSecret": "aliyun"}, "It uses the current profile of config.json in the Secret aliyun."),
            ({"ecsRole": {"enabled": True, "name": "node"}}, "It acts as the RAM role node of the node that its Pod runs on."),
            (own, "It uses the credentials of each account in config.accounts."),
        ):
            notes = " ".join(self.helm("install", RELEASE, CHART, "--namespace=keeper", "--dry-run=client", *given(values)).split())
            with self.subTest(values):
                self.assertIn(f"ecs-keeper is installed. {identity}", notes)
                self.assertIn("kubectl -n keeper exec deployment/ecs-keeper -- ecs-keeper config check --identity /etc/ecs-keeper/config.yaml", notes)
                self.assertEqual("create secret" in notes, "access key" in identity)

    def test_the_package_holds_what_is_needed(self):
        self.helm("package", CHART, f"--destination={self.folder}")
        packed = self.helm("show", "all", next(self.folder.glob("ecs-keeper-*.tgz")))
        self.assertIn("## Uninstall", packed)


if __name__ == "__main__":
    unittest.main()
