//! The objects of ours that files, folders and standard input have, each found to be right before anything is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use serde_saphyr::Location;

use super::definition::{Definition, DefinitionError, Fault};
use super::yaml_node::{Content, Node};
use crate::api::Resource;
use crate::config::{nearest, problems_of};
use crate::names::{is_label, is_object_name};
use crate::visible_text::{plain, plain_line};

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Mistakes that are told at once: whoever has more corrects these first.
const MOST_MISTAKES: usize = 20;

/// Why it is not known what the files have.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("failed to read {name}")]
    Unreadable {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("failed to read standard input")]
    StandardInput(#[source] io::Error),
    #[error("-f - can be given only once: standard input can be read only once")]
    Twice,
    #[error("{}", told(.0))]
    Mistakes(Vec<Mistake>),
    #[error("no EcsInstanceProtection and no EniRetention in {sources}: there is nothing to plan{skipped}")]
    NothingOfOurs { sources: String, skipped: String },
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

/// A mistake, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub place: Place,
    pub sentence: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it is shown.
    pub file: String,
    /// From 1; 0: nowhere in particular.
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

fn told(mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| format!("{}: {}", mistake.place, mistake.sentence);
    if let [only] = mistakes {
        return line(only);
    }
    let mut lines = vec![format!("there are {} mistakes in the files:", mistakes.len())];
    lines.extend(mistakes.iter().take(MOST_MISTAKES).map(line));
    let more = mistakes.len().saturating_sub(MOST_MISTAKES);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines.join("\n  ")
}

/// What the files have.
#[derive(Debug)]
pub struct Manifests {
    pub objects: Vec<Manifest>,
    /// Documents that are not about objects of ours.
    pub others: usize,
}

/// An object of ours, as it is applied.
#[derive(Debug)]
pub struct Manifest {
    pub resource: Resource,
    pub namespace: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// The object without its status.
    pub value: Value,
    file: String,
    node: Node,
}

/// Kind, namespace and name of an object.
pub type Key = (Resource, String, String);

/// Which object of the cluster it is.
pub fn key_of(resource: Resource, meta: &ObjectMeta) -> Key {
    (resource, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

impl Manifest {
    /// Which object it is.
    pub fn key(&self) -> Key {
        (self.resource, self.namespace.clone(), self.name.clone())
    }

    /// Where the value at a path stands.
    pub fn place_of(&self, path: &[String]) -> Place {
        place(&self.file, self.node.place_of(path))
    }
}

fn place(file: &str, at: Location) -> Place {
    Place { file: file.to_owned(), line: at.line(), column: at.column() }
}

impl Manifests {
    /// Reads files, folders and standard input (`-`). `namespace`: that of objects without one.
    pub fn read(
        paths: &[PathBuf],
        definitions: &[Definition],
        namespace: &str,
    ) -> Result<Self, ManifestError> {
        let texts = texts(paths)?;
        let found = Self::of(&texts, definitions, namespace).map_err(ManifestError::Mistakes)?;
        if found.objects.is_empty() {
            let names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
            let skipped = match found.others {
                0 => String::new(),
                1 => " (1 document about something else was skipped)".to_owned(),
                others => format!(" ({others} documents about something else were skipped)"),
            };
            return Err(ManifestError::NothingOfOurs { sources: plain_line(&names.join(", ")), skipped });
        }
        Ok(found)
    }

    /// What these texts have, each under its name.
    pub fn of(
        texts: &[(String, String)],
        definitions: &[Definition],
        namespace: &str,
    ) -> Result<Self, Vec<Mistake>> {
        let mut reading = Reading {
            definitions,
            namespace,
            found: Self { objects: Vec::new(), others: 0 },
            places: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        for (name, text) in texts {
            reading.take(name, text);
        }
        if reading.mistakes.is_empty() { Ok(reading.found) } else { Err(reading.mistakes) }
    }
}

fn shown(path: &Path) -> String {
    let standard_input = path.as_os_str() == STANDARD_INPUT;
    if standard_input { "standard input".to_owned() } else { plain_line(&path.display().to_string()) }
}

/// The texts, by the names under which they are told of.
fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, ManifestError> {
    let mut texts = Vec::new();
    let mut read_input = false;
    for path in paths {
        if path.as_os_str() == STANDARD_INPUT {
            if std::mem::replace(&mut read_input, true) {
                return Err(ManifestError::Twice);
            }
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(ManifestError::StandardInput)?;
            texts.push((shown(path), text));
            continue;
        }
        let mut files = Vec::new();
        files_of(path, true, &mut files)?;
        for file in files {
            let text = std::fs::read_to_string(&file);
            let text = text.map_err(|source| ManifestError::Unreadable { name: shown(&file), source })?;
            texts.push((shown(&file), text));
        }
    }
    Ok(texts)
}

/// The file that is named, or those of a folder and of the folders in it whose names end like those of manifests. What begins with a
/// dot is no manifest, and a link to a folder may lead back to where it stands.
fn files_of(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> Result<(), ManifestError> {
    let unreadable = |source| ManifestError::Unreadable { name: shown(path), source };
    let kind = if named { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    if kind.map_err(unreadable)?.is_dir() {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            entries.push(entry.map_err(unreadable)?.path());
        }
        entries.sort();
        return entries
            .iter()
            .filter(|entry| !is_hidden(entry))
            .try_for_each(|entry| files_of(entry, false, files));
    }
    let is_manifest =
        path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json");
    if named || (is_manifest && path.is_file()) {
        files.push(path.to_owned());
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

struct Reading<'a> {
    definitions: &'a [Definition],
    namespace: &'a str,
    found: Manifests,
    /// Where each object that was found stands.
    places: BTreeMap<Key, Place>,
    mistakes: Vec<Mistake>,
}

impl Reading<'_> {
    fn take(&mut self, file: &str, text: &str) {
        match Node::documents(text) {
            Ok(documents) => documents.into_iter().for_each(|document| self.document(file, document)),
            Err(error) => {
                let at = error.location().unwrap_or(Location::UNKNOWN);
                let problems = problems_of(&error);
                let sentence = plain_line(problems.first_sentence().unwrap_or_default());
                self.mistakes.push(Mistake { place: place(file, at), sentence });
            }
        }
    }

    fn document(&mut self, file: &str, document: Node) {
        let (kind, version) = (document.text("kind"), document.text("apiVersion"));
        if (kind, version) == (Some("List"), Some("v1")) {
            if let Some(Node { content: Content::List(items), .. }) = document.field("items") {
                for item in items {
                    self.document(file, item.clone());
                }
            }
            return;
        }
        let ours = Resource::Protection.described();
        let group = version.and_then(|version| version.split_once('/')).map(|(group, _)| group);
        let known_version = version == Some(ours.api_version.as_str());
        let definition = self.definitions.iter().find(|it| Some(it.resource.kind()) == kind);
        if group != Some(ours.group.as_str()) && definition.is_none() {
            self.found.others += 1;
            return;
        }
        let Some(definition) = definition.filter(|_| known_version) else {
            let (step, sentence) = if known_version {
                ("kind", unknown_kind(kind.unwrap_or_default()))
            } else {
                ("apiVersion", unknown_version(&document, &ours.api_version))
            };
            let at = document.place_of(&[step.to_owned()]);
            self.mistakes.push(Mistake { place: place(file, at), sentence });
            return;
        };
        match object(definition, &document) {
            Ok((meta, value)) => self.add(file, document, definition.resource, meta, value),
            Err(faults) => {
                let mistake = |fault: Fault| Mistake {
                    place: place(file, document.place_of(&fault.path)),
                    sentence: sentence(&fault),
                };
                self.mistakes.extend(faults.into_iter().map(mistake));
            }
        }
    }

    fn add(&mut self, file: &str, node: Node, resource: Resource, meta: ObjectMeta, value: Value) {
        let namespace = meta.namespace.unwrap_or_else(|| self.namespace.to_owned());
        let name = meta.name.unwrap_or_default();
        let labels = meta.labels.unwrap_or_default();
        let manifest = Manifest { resource, namespace, name, labels, value, file: file.to_owned(), node };
        let place = manifest.place_of(&[]);
        if let Some(other) = self.places.get(&manifest.key()) {
            let Manifest { namespace, name, .. } = &manifest;
            let sentence =
                format!("{} {namespace}/{name} stands at {other}, too; keep one of them", resource.kind());
            self.mistakes.push(Mistake { place, sentence });
            return;
        }
        self.places.insert(manifest.key(), place);
        self.found.objects.push(manifest);
    }
}

/// The metadata of an object, and what is applied.
fn object(definition: &Definition, document: &Node) -> Result<(ObjectMeta, Value), Vec<Fault>> {
    let mut value = document.value();
    if let Some(fields) = value.as_object_mut() {
        // Whoever applies an object can't set it.
        fields.remove("status");
        fields.entry("metadata").or_insert_with(|| json!({}));
    }
    let mut faults = definition.faults(&value, None);
    let meta = serde_json::from_value::<ObjectMeta>(value.get("metadata").cloned().unwrap_or_default());
    let at = |path: &[&str], sentence: String| Fault {
        path: path.iter().map(|step| (*step).to_owned()).collect(),
        sentence,
    };
    let meta = match meta {
        Ok(meta) => meta,
        Err(error) => {
            let sentence =
                format!("the metadata is not that of an object: {}", plain_line(&error.to_string()));
            faults.push(at(&["metadata"], sentence));
            return Err(faults);
        }
    };
    match meta.name.as_deref() {
        Some(name) if is_object_name(name) => {}
        Some(name) => {
            let sentence = format!(
                "`{}` can't be a name: use up to 253 lowercase letters, digits, hyphens and dots",
                plain(name)
            );
            faults.push(at(&["metadata", "name"], sentence));
        }
        None => faults.push(at(&["metadata", "name"], "`name` is missing".to_owned())),
    }
    if let Some(namespace) = meta.namespace.as_deref().filter(|namespace| !is_label(namespace)) {
        let sentence = format!(
            "`{}` can't be a namespace: use up to 63 lowercase letters, digits and hyphens",
            plain(namespace)
        );
        faults.push(at(&["metadata", "namespace"], sentence));
    }
    if faults.is_empty() { Ok((meta, value)) } else { Err(faults) }
}

/// A mistake with the field that it is about.
pub fn sentence(fault: &Fault) -> String {
    let mut field = String::new();
    for step in &fault.path {
        let is_entry = step.parse::<usize>().is_ok();
        let (before, after) = match (is_entry, field.is_empty()) {
            (true, _) => ("[", "]"),
            (false, true) => ("", ""),
            (false, false) => (".", ""),
        };
        field.extend([before, step.as_str(), after]);
    }
    plain_line(&format!("{field}: {}", fault.sentence))
}

fn unknown_version(document: &Node, known: &str) -> String {
    match document.text("apiVersion") {
        Some(version) => format!("this version of ecs-keeper knows {known}, not {}", plain(version)),
        None => format!("`apiVersion` is missing; use {known}"),
    }
}

fn unknown_kind(kind: &str) -> String {
    let kinds = Resource::ALL.map(Resource::kind);
    match nearest(kind, &kinds) {
        Some(near) => format!("unknown kind `{}`; did you mean `{near}`?", plain(kind)),
        None => format!("unknown kind `{}`; use {}", plain(kind), kinds.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Manifests, String> {
        let definitions = Resource::ALL.map(|resource| Definition::of(resource).unwrap());
        let texts = [(name.to_owned(), text.to_owned())];
        Manifests::of(&texts, &definitions, "team").map_err(|mistakes| super::told(&mistakes))
    }

    fn web(name: &str) -> String {
        format!(
            "apiVersion: ecs-keeper.io/v1alpha1\nkind: EcsInstanceProtection\nmetadata:\n  name: {name}\nspec:\n  region: cn-hangzhou\n  targets: {{instanceIds: [i-a]}}\n"
        )
    }

    #[test]
    fn what_is_ours_is_found_among_other_documents() {
        let list = format!(
            "---\nkind: List\napiVersion: v1\nitems:\n- {{kind: Service, apiVersion: v1}}\n- {}",
            web("listed").replace('\n', "\n  ")
        );
        let text =
            format!("kind: Deployment\napiVersion: apps/v1\n---\n- just a list\n---\n{}{list}", web("web"));
        let found = read("a.yaml", &text).unwrap();
        let names: Vec<(&str, &str)> =
            found.objects.iter().map(|it| (it.namespace.as_str(), it.name.as_str())).collect();
        assert_eq!((names, found.others), (vec![("team", "web"), ("team", "listed")], 3));
        assert_eq!(
            found.objects[0].place_of(&["spec".to_owned(), "region".to_owned()]).to_string(),
            "a.yaml:11:3"
        );
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_column() {
        let web = web("web");
        for (text, told) in [
            (
                web.replace("region", "regoin"),
                "a.yaml:6:3: spec.regoin: unknown field `regoin`; did you mean `region`?",
            ),
            (
                web.replace("i-a", "web"),
                "a.yaml:7:27: spec.targets.instanceIds[0]: `web` has to match ^i-[a-z0-9]+$",
            ),
            (web.replace("name: web", "name: Web"), "a.yaml:4:3: metadata.name: `Web` can't be a name"),
            (web.replace("  name: web", "  labels: {}"), "a.yaml:3:1: metadata.name: `name` is missing"),
            (
                web.replace("name: web", "name: web\n  labels: {a: 1}"),
                "a.yaml:3:1: metadata: the metadata is not that",
            ),
            (
                web.replace("v1alpha1", "v2"),
                "a.yaml:1:1: this version of ecs-keeper knows ecs-keeper.io/v1alpha1, not",
            ),
            (
                web.replace("ecs-keeper.io/v1alpha1", "ecs-keeper/v1alpha1"),
                "a.yaml:1:1: this version of ecs-keeper knows ecs-keeper.io/v1alpha1, not ecs-keeper/v1alpha1",
            ),
            (
                web.replace("apiVersion: ecs-keeper.io/v1alpha1\n", ""),
                "a.yaml:1:1: `apiVersion` is missing; use ecs-keeper.io/v1alpha1",
            ),
            (
                web.replace("Protection", "Protections"),
                "a.yaml:2:1: unknown kind `EcsInstanceProtections`; did you mean",
            ),
            (
                format!("{web}---\n{web}"),
                "a.yaml:9:1: EcsInstanceProtection team/web stands at a.yaml:1:1, too",
            ),
            (format!("{web}bad: [1"), "a.yaml:"),
        ] {
            let error = read("a.yaml", &text).unwrap_err();
            assert!(error.starts_with(told) && error.lines().count() == 1, "{told}\n{error}");
        }
        let two = read("a.yaml", &web.replace("region", "regoin").replace("targets", "target")).unwrap_err();
        assert!(two.starts_with("there are ") && two.contains("\n  a.yaml:6:3: spec.regoin"), "{two}");
    }
}
