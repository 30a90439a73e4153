"""Everything that a release consists of, as files in one folder."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import build
import layout
import provenance
import sbom
from charts import NAME, Chart, definitions
from source import ROOT, Refused, Source, declared, draft_notes, source
from wheels import wheel

sys.path.insert(0, str(ROOT / "tests" / "control-plane"))

from binaries import MODULES, ensure  # noqa: E402

CHANGELOG = "CHANGELOG.md"
SUMS = "SHA256SUMS"
NOTES = "RELEASE_NOTES.md"
IMAGE = "image"
(HELM,) = (module.version for module in MODULES if module.name == "helm")


@dataclass(frozen=True)
class Place:
    """Where sources and results are to be found, as far as whoever makes the release has said."""

    registry: str | None = None
    url: str | None = None
    builder: str = provenance.BUILDER

    @property
    def repository(self) -> str:
        """Where the image is pulled from. Without a registry it is what the chart says, which nobody can pull from."""
        return f"{self.registry}/{NAME}" if self.registry else NAME


@dataclass(frozen=True)
class Release:
    """A finished folder."""

    source: Source
    folder: Path
    image: layout.Image
    place: Place

    @property
    def stem(self) -> str:
        """How the names of the files begin."""
        return f"{NAME}-{self.source.version}"

    @property
    def chart(self) -> Path:
        return self.folder / f"{self.stem}.tgz"

    @property
    def provenance(self) -> Path:
        return self.folder / f"{self.stem}.intoto.json"

    def program(self, architecture: str) -> Path:
        return self.folder / f"{self.stem}-linux-{architecture}"

    def bill(self, architecture: str) -> Path:
        """Of the image for an architecture."""
        return self.folder / f"{self.stem}-image-linux-{architecture}.cdx.json"


def labels(source: Source, description: str, url: str | None) -> dict[str, str]:
    """As the Dockerfile has them. Without an address of the sources there is no label for it."""
    told = {"title": NAME, "description": description, "licenses": "Apache-2.0", "version": source.version, "revision": source.commit}
    return {f"org.opencontainers.image.{name}": value for name, value in {**told, **({"source": url} if url else {})}.items()}


def draft(place: Place, folder: Path) -> Release:
    """Makes in a new folder what a release of the commit would be, quicker, and whatever the changelog says: for tests."""
    committed = source(declared(), new_files=True)
    toolchains = build.toolchains()
    programs = {toolchain.architecture: build.draft(committed, toolchain) for toolchain in toolchains}
    return assemble(committed, programs, toolchains, place, draft_notes(committed.read(CHANGELOG)), folder)


def opened(source: Source, place: Place, folder: Path) -> Release:
    """The release in a folder, which was made before, of this commit and for the registry of this place."""
    if not (folder / SUMS).exists():
        raise Refused(f"There is no release in {folder}: make it first.")
    release = Release(source, folder, layout.read(folder / IMAGE), place)
    definition = json.loads(release.provenance.read_text())["predicate"]["buildDefinition"]
    commit = definition["resolvedDependencies"][0]["digest"]["gitCommit"]
    registry = definition["externalParameters"].get("registry")
    if (commit, registry) != (source.commit, place.registry):
        raise Refused(f"{folder} was made of {commit} for {registry or 'no registry'}, and not of {source.commit} for {place.registry}: make it anew.")
    if changed := set((folder / SUMS).read_text().splitlines()) - set(sums(folder).splitlines()):
        raise Refused(f"Files in {folder} are not as they were made ({', '.join(sorted(line.split('  ')[1] for line in changed))}): make them anew.")
    os.utime(release.chart, (source.epoch, source.epoch))
    return release


def assemble(source: Source, programs: dict[str, bytes], toolchains: list[build.Toolchain], place: Place, notes: str, folder: Path) -> Release:
    """Makes the release of these programs, by their architecture, in a new folder. `notes` is what is said of it."""
    folder.mkdir(parents=True)
    authorities = wheel("certifi")
    trusted = authorities.read("certifi/cacert.pem")
    helm = ensure("helm")["helm"]
    with tempfile.TemporaryDirectory(prefix="ecs-keeper-release-") as temporary:
        exported = source.export(Path(temporary, "source"))
        license_ = (exported / "LICENSE").read_bytes()
        cargo = (exported / "Cargo.toml").read_text()
        (description,) = (line.split('"')[1] for line in cargo.splitlines() if line.startswith("description = "))
        beside = [layout.File(layout.LICENSE, license_), layout.File(layout.AUTHORITIES, trusted)]
        contents = {architecture: [*beside, layout.File(layout.PROGRAM, program, 0o755)] for architecture, program in programs.items()}
        image = layout.write(folder / IMAGE, contents, labels(source, description, place.url), source.epoch)
        release = Release(source, folder, image, place)

        for toolchain in toolchains:
            architecture = toolchain.architecture
            program = release.program(architecture)
            program.write_bytes(programs[architecture])
            program.chmod(0o755)
            linked = [sbom.linked("glibc", toolchain.libc), sbom.linked("rust-std", toolchain.rust)]
            bill = sbom.of_program(programs[architecture], source.read("Cargo.lock"), linked, source.version, architecture, source.epoch)
            _write_json(folder / f"{program.name}.cdx.json", bill)
            files = [sbom.file(layout.LICENSE, license_), sbom.file(layout.AUTHORITIES, trusted, version=authorities.version, purl=authorities.purl)]
            digest = image.manifests[architecture]
            _write_json(release.bill(architecture), sbom.of_image(bill, digest, files, source.version, architecture, source.epoch))

        chart = Chart(source, exported, helm, place.repository, image.digest, Path(temporary))
        if chart.package(folder) != release.chart:
            raise Refused(f"helm package has not made {release.chart.name}.")
        (folder / f"{release.stem}-manifests.yaml").write_text(chart.manifests())
        (folder / f"{release.stem}-crds.yaml").write_text(definitions(exported))
    built = [path for path in folder.iterdir() if path.is_file()]
    _write_json(
        release.provenance,
        provenance.statement(source, built, image.digest, toolchains, authorities, HELM, place.url, place.builder, place.registry),
    )
    (folder / NOTES).write_text(_headed(notes, release))
    (folder / SUMS).write_text(sums(folder))
    return release


def sums(folder: Path) -> str:
    """The checksums of all files in a folder but their own, as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)


def differences(one: Path, other: Path) -> list[str]:
    """The files that two folders don't have alike."""
    lines = set(sums(one).splitlines()) ^ set(sums(other).splitlines())
    return sorted({line.split("  ", 1)[1] for line in lines})


def _headed(notes: str, release: Release) -> str:
    architectures = ", ".join(f"linux/{architecture}" for architecture in sorted(release.image.manifests))
    return (
        f"# ecs-keeper {release.source.version}\n\n"
        f"Commit `{release.source.commit}`, image `{release.place.repository}@{release.image.digest}` ({architectures}). "
        f"docs/releasing.md says how to verify it.\n\n{notes}\n"
    )


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + os.linesep)
