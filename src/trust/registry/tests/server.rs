//! A server on loopback that says what a test wants it to say.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is done with a connection, one after the other; then it is closed.
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
}

/// Ends when dropped.
pub struct Server {
    pub url: String,
    /// The heads of the requests.
    seen: Arc<Mutex<Vec<String>>>,
    /// Connections that are not closed.
    open: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// `answer` gets the number of the request, from 0, and its path.
    pub async fn start(answer: impl Fn(usize, &str) -> Vec<Step> + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, open) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (heads, count, answer) = (seen.clone(), open.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (heads, count, answer) = (heads.clone(), count.clone(), answer.clone());
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match socket.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => break,
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let number = {
                        let mut heads = heads.lock().unwrap();
                        heads.push(head);
                        heads.len() - 1
                    };
                    for step in answer(number, &path) {
                        let mut rest = [0];
                        let gone = match step {
                            Step::Send(bytes) => socket.write_all(&bytes).await.is_err(),
                            // A client that goes is noticed.
                            Step::Wait(time) => tokio::time::timeout(time, socket.read(&mut rest)).await.is_ok(),
                        };
                        if gone {
                            break;
                        }
                    }
                    let _ = socket.shutdown().await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Server { url, seen, open, task }
    }

    /// The same answer to everything.
    pub async fn always(answer: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Server {
        Server::start(move |_, _| answer()).await
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    /// Waits until nobody is connected.
    pub async fn idle(&self) {
        while self.open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with its length.
pub fn answer(status: u16, headers: &[&str], body: &str) -> Vec<Step> {
    let length = format!("Content-Length: {}", body.len());
    let headers: Vec<&str> = [length.as_str()].into_iter().chain(headers.iter().copied()).collect();
    vec![Step::Send(head(status, &headers)), Step::Send(body.into())]
}

/// The first lines of an answer.
pub fn head(status: u16, headers: &[&str]) -> Vec<u8> {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{lines}\r\n").into_bytes()
}

pub fn redirect(status: u16, to: &str) -> Vec<Step> {
    answer(status, &[&format!("Location: {to}")], "")
}
