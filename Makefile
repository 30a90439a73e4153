# The steps of `make test`, in order: what is quick to fail comes first.
TEST_STEPS := check-tools check-fmt lint lint-image lint-workflows lint-docs deny machete doc walls control-plane test-launcher test-bench test-release test-cargo test-chart test-upgrade test-gitops test-prometheus test-page test-vendor-sdk test-real-cloud test-vendor-credentials
CONTROL_PLANE := tests/control-plane

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
REVISION := $(shell git rev-parse HEAD 2>/dev/null)

.NOTPARALLEL:
.PHONY: help demo e2e test test-steps test-karpenter test-versions real-cloud $(TEST_STEPS) book fmt crds chart verify simulate fuzz bench image release release-proof

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## tell the stories on a real API server with a simulated cloud (ARGS=--keep leaves it running)
	@$(CONTROL_PLANE)/check-tools.sh demo && exec demo/run $(ARGS)

e2e: ## tell the stories on a real node, with the image and the chart, and let the Pods die (root, on Linux)
	@$(CONTROL_PLANE)/check-tools.sh e2e && exec tests/e2e/run $(ARGS)

test: $(TEST_STEPS) ## run everything that has to pass

test-steps: ## print the steps of `make test`, each a target of its own
	@echo $(TEST_STEPS)

check-tools: ## say what has to be installed before anything is built
	@$(CONTROL_PLANE)/check-tools.sh test

check-fmt: ## fail if a source is not formatted
	cargo fmt --all --check

lint: ## run clippy over everything
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --package=ecs-keeper --no-default-features --locked -- -D warnings

lint-image: ## run hadolint over the Dockerfile
	tests/lint-image.sh

lint-workflows: ## run actionlint and zizmor over the workflows of GitHub
	tests/lint-workflows.sh

lint-docs: ## check the spelling of the pages
	tests/lint-docs.sh

deny: ## check licences, sources and known vulnerabilities of all dependencies
	tests/deny.sh $(ARGS)

machete: ## fail if a package names a dependency that it does not use
	"$$(tests/program.sh crate cargo-machete 0.9.2)" .

book: ## build the pages of docs/ as a book in target/book; a broken link fails
	tests/book/build.sh

doc: book ## build the documentation, the book too; a broken link fails
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

walls: ## check what the packages may depend on, and that no files of one package need each other in a circle
	tests/walls/packages.sh
	python3 -m unittest discover --start-directory tests/walls
	tests/walls/circles.py

control-plane: ## get kube-apiserver, Helm and what else the tests need beside, unless it is there
	$(CONTROL_PLANE)/binaries.py

test-launcher: ## test what starts the control plane
	python3 -m unittest discover --start-directory $(CONTROL_PLANE)

test-bench: ## test what the bench stands on; it measures nothing
	python3 -m unittest discover --start-directory benches

test-release: ## test what makes a release; it builds none
	python3 -m unittest discover --start-directory release

# Built first, so that the control plane does not have to share the machine with the compiler.
# The tests mostly wait, hence more of them at once than there are cores. What the chart grants is compared with what was used
# once all of them have run.
test-cargo: ## run the Rust tests, on a control plane of their own
	cargo test --workspace --locked --no-run
	exec env INSTA_UPDATE=no RUST_TEST_THREADS=16 $(CONTROL_PLANE)/run.py --access -- cargo test --workspace --locked

test-chart: ## install, upgrade and remove the chart on control planes of its own
	python3 -m unittest discover --start-directory tests/chart

test-upgrade: ## install this version over the last releases with live objects, and roll it back
	python3 -m unittest discover --start-directory tests/upgrade

test-gitops: ## have Argo CD's own code sync chart, CRDs and objects, and find no difference
	python3 -m unittest discover --start-directory tests/gitops

test-prometheus: ## have a real Prometheus ask the queries of the dashboard and of the alerts
	python3 -m unittest discover --start-directory tests/prometheus

test-page: ## have a browser show the page of `ecs-keeper audit`, search and sort it, and print it
	python3 -m unittest discover --start-directory tests/page

test-vendor-sdk: ## have the vendor's SDK judge the simulator
	crates/simulator/sdk-tests/run

test-real-cloud: ## test `make real-cloud` on the simulator
	crates/simulator/sdk-tests/run $(CURDIR)/tests/real-cloud

# Never part of a test: it costs money.
real-cloud: ## ask a test account what the documentation leaves open; ARGS=--help says how
	@tests/real-cloud/run $(ARGS)

# Not among the steps of `make test`: Karpenter takes as long to build as a kube-apiserver.
test-karpenter: ## have a real Karpenter remove machines that are protected (ARGS="-k NAME" one test)
	@$(CONTROL_PLANE)/check-tools.sh karpenter
	$(CONTROL_PLANE)/binaries.py karpenter
	python3 -m unittest discover --start-directory tests/karpenter $(ARGS)

# Not among the steps of `make test`: each release takes as long to build as the one of all other tests, and as long to run the tests on.
test-versions: ## run the tests of operator, chart and policies on older and newer Kubernetes (ARGS=1.30 one, ARGS="--suite chart" one suite)
	@$(CONTROL_PLANE)/check-tools.sh test
	cargo test --locked --no-run --test operator --test docs
	tests/versions.py $(ARGS)

test-vendor-credentials: ## compare whose key is chosen with the vendor's credentials libraries
	tests/vendor-credentials/run

fmt: ## format the sources
	cargo fmt --all

# Files that are made from the code: the definitions, and the tables of reasons and settings in the documentation.
GOLDEN := cargo test --locked --package ecs-keeper --test operator --test docs -- golden tables

crds: ## write crds/, their copies in the chart and the generated tables in docs/ anew
	UPDATE_GOLDEN=1 $(GOLDEN)

chart: ## write the chart's README anew from its values, its dashboard, and the cases of the verb `unprotect`
	tests/chart/readme.py
	tests/chart/dashboard.py
	tests/chart/unprotect_cases.py

verify: ## fail if crds/, the generated tables, the chart's README, its dashboard or the cases of the verb are not what their sources give
	$(GOLDEN)
	tests/chart/readme.py --check
	tests/chart/dashboard.py --check
	tests/chart/unprotect_cases.py --check

simulate: ## run random schedules of the engine on seeds that nobody has tried (or from FIRST on, SCHEDULES of them)
	tests/simulate.sh

fuzz: ## have a fuzzer make up inputs for each decoder of what strangers write (ARGS="--seconds 300" so long for all, ARGS=TARGET for one)
	tests/fuzz.sh $(ARGS)

bench: ## print the bench's tables (ARGS="simulation failover" those parts, ARGS=--list lists them)
	@$(CONTROL_PLANE)/check-tools.sh test && exec benches/run $(ARGS)

image: ## build the container image
	docker build --tag ecs-keeper:$(VERSION) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) .

release: ## make a release in dist/VERSION (VERSION=0.1.0; ARGS="--push REGISTRY --key FILE" sends and signs it, ARGS=--help lists the rest)
	release/run $(ARGS) '$(VERSION)'

# Not among the steps of `make test`: it builds the program twice as it is released, and cosign.
release-proof: ## make a release twice, sign it, and verify and copy it as docs/releasing.md says (PROGRAM=FILE builds none)
	python3 -m unittest discover --verbose --start-directory release/proof $(ARGS)
