//! What is wrong with the TLS of a connection that failed, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::CertificateError;

/// Why the other side was not trusted, or not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsTrouble {
    /// Nobody whom this machine trusts vouches for its certificate.
    UnknownIssuer,
    /// The certificate is for another name than that of the endpoint. Its error tells both.
    OtherName,
    /// The certificate has ended.
    Expired,
    /// The certificate has not begun.
    NotValidYet,
    /// Something else is wrong with the certificate. Its error tells what.
    Certificate,
    /// What answers does not speak TLS.
    NoTls,
}

impl TlsTrouble {
    /// The trouble in an error or its causes, if it is there.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<rustls::Error>() {
                return Self::of_tls(found);
            }
            // Its source is that of what it wraps.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        None
    }

    fn of_tls(error: &rustls::Error) -> Option<Self> {
        match error {
            rustls::Error::InvalidCertificate(error) => Some(match error {
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::OtherName
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotValidYet
                }
                _ => Self::Certificate,
            }),
            rustls::Error::InvalidMessage(_) => Some(Self::NoTls),
            _ => None,
        }
    }
}

impl fmt::Display for TlsTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownIssuer => {
                "This machine trusts nobody who vouches for the certificate. Check that the machine or image has CA certificates. If a \
                 proxy opens TLS connections, name its certificates (proxy.caBundle)."
            }
            Self::OtherName => {
                "The certificate is for another name: check the URL of the endpoint, and what its name resolves to."
            }
            Self::Expired => {
                "The certificate has expired. If this machine's clock is right, whoever runs the endpoint has to renew it."
            }
            Self::NotValidYet => "The certificate is not valid yet: check this machine's clock.",
            Self::Certificate => "The certificate can't be used: ask whoever runs the endpoint.",
            Self::NoTls => {
                "What answers does not speak TLS: check the scheme and the port in the URL of the endpoint."
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no connection")]
    struct Outer(#[source] io::Error);

    #[test]
    fn trouble_is_found_below_what_wraps_it_and_told_with_what_to_do() {
        let told = |error: rustls::Error| {
            let wrapped = Outer(io::Error::new(io::ErrorKind::InvalidData, error));
            TlsTrouble::of(&wrapped).map(|trouble| trouble.to_string()).unwrap_or_default()
        };
        let certificate = |error| told(rustls::Error::InvalidCertificate(error));
        assert!(certificate(CertificateError::UnknownIssuer).contains("proxy.caBundle"));
        assert!(certificate(CertificateError::Expired).contains("has expired"));
        assert!(certificate(CertificateError::NotValidYet).contains("clock"));
        assert!(certificate(CertificateError::NotValidForName).contains("for another name"));
        assert!(certificate(CertificateError::Revoked).contains("ask whoever runs"));
        let odd = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert!(told(odd).contains("does not speak TLS"));
        assert_eq!(told(rustls::Error::HandshakeNotComplete), "");
        assert_eq!(TlsTrouble::of(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
