//! An error with its causes, as one sentence that says nothing twice.

use std::error::Error;

/// The error and what caused it, from the outside in. Many libraries quote the cause in the error itself: what has been
/// said is not said again.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use keeper_alicloud::credentials::{CredentialsError, Part};
    use kube::config::{Kubeconfig, KubeconfigError};

    use super::*;
    use crate::credentials::KeyError;
    use crate::kubernetes::ConnectError;

    /// Whether some part of a sentence, from colon to colon, stands in it twice.
    fn repeats_itself(sentence: &str) -> bool {
        let parts: Vec<&str> = sentence.split(": ").collect();
        parts.iter().enumerate().any(|(i, part)| parts.iter().skip(i + 1).any(|other| other == part))
    }

    #[test]
    fn no_error_says_anything_twice() {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let unread = Kubeconfig::read_from("/nowhere/at/all").unwrap_err();
        assert!(matches!(unread, KubeconfigError::ReadConfig(..)), "it quotes its cause: {unread}");
        let unusable: Vec<KeyError> = [Part::AccessKeyId, Part::AccessKeySecret, Part::SecurityToken]
            .into_iter()
            .flat_map(|part| [CredentialsError::Empty(part), CredentialsError::Unprintable(part)])
            .map(KeyError::from)
            .collect();
        let unreadable = KeyError::Unreadable { path: PathBuf::from("/keys/id"), source: gone() };
        let mut errors: Vec<Box<dyn Error>> = vec![
            Box::new(unreadable),
            Box::new(ConnectError::Kubeconfig(unread)),
            Box::new(KeyError::NoFile(PathBuf::from("/keys/id"))),
        ];
        errors.extend(unusable.into_iter().map(Box::<dyn Error>::from));
        for error in errors {
            let sentence = told(error.as_ref());
            assert!(!repeats_itself(&sentence), "{sentence}");
            let mut cause = error.source();
            while let Some(error) = cause {
                assert!(sentence.contains(&error.to_string()), "the cause {error} is missing: {sentence}");
                cause = error.source();
            }
        }
        assert!(repeats_itself("the key can't be used: it is empty: it is empty"));
    }
}
