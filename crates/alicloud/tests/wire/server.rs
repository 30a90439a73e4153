//! A server of raw bytes, which says what is asked for and keeps what came.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with each connection once it has read a request.
#[derive(Clone)]
pub enum Then {
    /// Answers and closes.
    Answer(String),
    /// Keeps the connection open and says nothing more.
    Stall(String),
    /// Closes.
    HangUp,
    /// Answers, and sends without end.
    Flood,
}

pub fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
}

/// A server that keeps the head and the body of each request, as they came.
pub struct Server {
    pub url: String,
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub async fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = (Arc::clone(&heads), Arc::clone(&bodies));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (then, (heads, bodies)) = (then.clone(), kept.clone());
                tokio::spawn(async move {
                    let head = read_head(&mut stream).await;
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                    stream.read_exact(&mut body).await.unwrap();
                    heads.lock().unwrap().push(head);
                    bodies.lock().unwrap().push(String::from_utf8(body).unwrap());
                    act(&mut stream, then).await;
                });
            }
        });
        Self { url, heads, bodies }
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Ends when the client has gone, or at once.
async fn act(stream: &mut TcpStream, then: Then) {
    match then {
        Then::Answer(text) => stream.write_all(text.as_bytes()).await.unwrap(),
        Then::Stall(text) => {
            stream.write_all(text.as_bytes()).await.unwrap();
            let _ = stream.read_u8().await;
        }
        Then::HangUp => {}
        Then::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"x\":\"").await.unwrap();
            let more = vec![b'x'; 65_536];
            while stream.write_all(&more).await.is_ok() {}
        }
    }
}
