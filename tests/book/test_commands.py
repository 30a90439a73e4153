"""What the check of the commands finds, and what it lets pass."""

import unittest

import commands

# Each with a part of what is said of it.
MISTAKES = [
    ("ecs-keeper audit --regions cn-hangzhou", "`ecs-keeper audit` has no flag --regions"),
    ("ecs-keeper audits", "`ecs-keeper` takes no argument audits"),
    ("ecs-keeper audit --output yaml", "`ecs-keeper audit` does not take yaml, but csv"),
    ("ecs-keeper completion tcsh", "`ecs-keeper completion` does not take tcsh"),
    ("ecs-keeper eni export one two", "`ecs-keeper eni export` takes no argument two"),
    ("cargo run -- doctor --skip-clouds", "`ecs-keeper doctor` has no flag --skip-clouds"),
    ("kubectl ecs-keeper uninstall", "`ecs-keeper` takes no argument uninstall"),
    ("kubectl -n ecs-keeper exec deployment/ecs-keeper -- ecs-keeper doctor --account", ""),
    ("kubectl -n ecs-keeper exec deployment/ecs-keeper -- ecs-keeper doctors", "`ecs-keeper` takes no argument doctors"),
    ("kubectl get ecsprots -A", "there is no kind ecsprots"),
    ("kubectl get ecsprot,eniretention -A", ""),
    ("kubectl wait ecsprot/a --for=condition=Retained", "ecsprot/a has no condition Retained"),
    ("kubectl wait eniret/a --for=condition=Retained", ""),
    ("kubectl get ecsprot a -o jsonpath='{.status.exception}'", "ecsprot has no field status.exception"),
    ("kubectl get ecsprot a -o jsonpath='{range .status.instances[*]}{.id}{end}'", "ecsprot has no field status.instances[].id"),
    ("kubectl get ecsprot a -o jsonpath='{range .status.instances[?(@.phase==\"Gone\")]}{.instanceId}{end}'", "ecsprot has no field status.instances[].phase"),
    ("kubectl get eniret -A -o jsonpath='{range .items[*]}{.status.survivors}{end}'", "eniret has no field status.survivors"),
    ("kubectl wait ecsprot/a --for=jsonpath='{.status.exceptions[?(@.instanceId==\"i-1\")].state}'=InForce", "ecsprot/a has no field status.exceptions[].state"),
    ("kubectl patch ecsprot a --type merge -p '{\"spec\": {\"exceptions\": [{\"id\": \"i-1\"}]}}'", "ecsprot has no field spec.exceptions[].id"),
    ("kubectl patch eniret a --type=merge -p '{\"spec\": {\"reattach\": []}, \"metadata\": {\"finalizers\": null}}'", ""),
    ("kubectl events --for ecsprotection/a", "there is no kind ecsprotection"),
    ("kubectl auth can-i unprotect ecs", "there is no kind ecs"),
    ("kubectl create rolebinding a --clusterrole=ecs-keeper-admin --user=ada", "the chart has no ClusterRole ecs-keeper-admin"),
    ("make ARGS=--keep demos", "the Makefile has no target demos"),
    ("make fmt lint-docs VERSION=0.1.0", ""),
    ("ecs-keeper plan -f - < a.yaml && ecs-keeper plan --file a.yaml", "`ecs-keeper plan` has no flag --file"),
    ("helm template … | ecs-keeper plan -f -", ""),
]


class Commands(unittest.TestCase):
    def test_what_is_not_there_is_found_wherever_a_command_stands(self):
        known = commands.read()
        for command, said in MISTAKES:
            for page in (f"```console\n$ {command}\n```\n", f"   ```console\n$ {command}\nprinted\n   ```\n", f"Run `{command}`.\n"):
                if page.startswith("Run") and not command.startswith(("ecs-keeper ", "kubectl ", "make ")):
                    continue
                with self.subTest(page):
                    found = "\n".join(commands.mistakes("a.md", page, known))
                    self.assertIn(said, found)
                    self.assertEqual(bool(said), bool(found), found)

    def test_a_command_goes_on_over_lines(self):
        page = "```console\n$ kubectl get ecsprot a \\\n    -o yaml &&\n  kubectl get eniret 'b\nc'\nNAME\n$ true\n```\nUse `ecs-keeper\naudit`.\n"
        self.assertEqual([commands.simple(each) for each in commands.commands_of(page)], [
            [["kubectl", "get", "ecsprot", "a", "-o", "yaml"], ["kubectl", "get", "eniret", "b\nc"]],
            [["true"]],
            [["ecs-keeper", "audit"]],
        ])


if __name__ == "__main__":
    unittest.main()
