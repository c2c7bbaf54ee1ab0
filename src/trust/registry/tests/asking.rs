//! What servers and networks do.

use std::time::Instant;

use super::server::{Server, Step, answer, head, redirect};
use super::*;

async fn ask(server: &Server) -> Result<Answer> {
    registry(&server.url).key(agent()).await
}

/// The error of a server that gives no answer, after `attempts`.
async fn refused(server: &Server, attempts: usize, retryable: bool) -> Error {
    let error = ask(server).await.expect_err("an answer");
    assert_eq!((error.code(), error.is_retryable()), (Code::Unavailable, retryable), "{error}");
    assert_eq!(server.count(), attempts, "{error}");
    let text = format!("{error} {error:?} {:?}", error.causes());
    assert!(!text.contains("s3cret") && !text.contains("http://"), "{text}");
    error
}

#[tokio::test]
async fn one_plain_question_and_its_answer() {
    let key = key(Algorithm::Ed25519);
    let text = pem_answer(&key);
    let server = Server::always(move || answer(200, &[], &text)).await;
    let base = format!("{}/base/", server.url);
    assert_eq!(found(registry(&base).key(agent()).await.unwrap()).key, key);
    let head = server.heads()[0].to_ascii_lowercase();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    let agent = agent();
    assert_eq!(lines.remove(0), format!("get /base/jacs/v1/agents/{}/keys/{} http/1.1", agent.id, agent.version));
    let mut names: Vec<_> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "host"]);
    assert!(lines.contains(&"accept-encoding: identity"));
}

#[tokio::test]
async fn the_other_questions() {
    let key = key(Algorithm::Pq2025);
    let (text, list) = (pem_answer(&key), format!(r#"{{"keys":[{}]}}"#, pem_answer(&key)));
    let server =
        Server::start(move |_, path| answer(200, &[], if path.ends_with("/keys") { &list } else { &text })).await;
    let registry = registry(&server.url);
    assert_eq!(found(registry.keys(agent().id).await.unwrap().remove(0)).key, key);
    let hash = crate::crypto::sha256(key.raw());
    assert_eq!(found(registry.key_by_hash(hash).await.unwrap()).key, key);
    assert_eq!(found(registry.key_by_domain("a.test").await.unwrap()).id, Some(agent().id));
    assert!(matches!(registry.key_by_domain("..").await.unwrap(), Answer::None(_)));
    let id = agent().id;
    let paths =
        [format!("agents/{id}/keys"), format!("keys/by-hash/sha256:{}", hex(&hash)), "agents/by-domain/a.test".into()];
    assert_eq!(server.paths(), paths.map(|path| format!("/jacs/v1/{path}")));
}

#[tokio::test]
async fn there_is_none() {
    for status in [404, 410] {
        let server = Server::always(move || answer(status, &[], "s3cret")).await;
        assert_eq!(ask(&server).await.unwrap(), Answer::None("the registry has no such key"));
        assert_eq!(server.count(), 1);
        assert!(registry(&server.url).keys(agent().id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_a_server_refuses_is_not_asked_again() {
    for (status, retryable) in
        [(400, false), (401, false), (403, false), (429, true), (408, true), (204, false), (300, false), (304, false)]
    {
        let server =
            Server::always(move || answer(status, &[], if status == 204 || status == 304 { "" } else { "s3cret" }))
                .await;
        refused(&server, 1, retryable).await;
    }
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_three_times() {
    for status in [500, 503, 599] {
        let server = Server::always(move || answer(status, &[], "s3cret")).await;
        refused(&server, 4, true).await;
    }
    let key = key(Algorithm::Ed25519);
    let text = pem_answer(&key);
    let server = Server::start(move |number, _| match number {
        0..=2 => answer(500, &[], ""),
        _ => answer(200, &[], &text),
    })
    .await;
    assert_eq!(found(ask(&server).await.unwrap()).key, key);
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn the_pauses_are_kept() {
    let server = Server::always(|| answer(500, &[], "")).await;
    let pauses = [60, 120, 240].map(Duration::from_millis);
    let begun = Instant::now();
    let patient = registry_with(&server.url, Patience { pauses, ..PATIENCE }, Ages::default());
    assert!(patient.key(agent()).await.is_err());
    assert!(begun.elapsed() >= Duration::from_millis(420), "{:?}", begun.elapsed());
    let usual = Patience::default();
    assert_eq!(usual.pauses.map(|pause| pause.as_secs()), [1, 2, 4]);
    assert_eq!(usual.total.as_secs(), 30);
}

#[tokio::test]
async fn what_is_late_or_lost_is_asked_for_again() {
    let key = key(Algorithm::Ed25519);
    let text = pem_answer(&key);
    let length = format!("Content-Length: {}", text.len());
    let wait = || Step::Wait(Duration::from_secs(60));
    let server = Server::start(move |number, _| match number {
        0 => vec![wait()],
        1 => vec![Step::Send(head(200, &[&length])), Step::Send(text.as_bytes()[..20].into()), wait()],
        2 => vec![Step::Send(head(200, &[&length])), Step::Send(text.as_bytes()[..20].into())],
        _ => answer(200, &[], &text),
    })
    .await;
    assert_eq!(found(ask(&server).await.unwrap()).key, key);
    assert_eq!(server.count(), 4);
    server.idle().await;
    // Cut without an answer.
    let server = Server::always(Vec::new).await;
    refused(&server, 4, true).await;
}

#[tokio::test]
async fn an_answer_that_drips_has_the_time_of_one_attempt() {
    let server = Server::always(|| {
        let drip = (0..1000).flat_map(|_| [Step::Send(b" ".into()), Step::Wait(Duration::from_millis(20))]);
        [Step::Send(head(200, &[]))].into_iter().chain(drip).collect()
    })
    .await;
    refused(&server, 4, true).await;
    // The head may drip as well.
    let server = Server::always(|| {
        let drip = (0..1000).flat_map(|_| [Step::Send(b"x".into()), Step::Wait(Duration::from_millis(20))]);
        [Step::Send(b"HTTP/1.1 200 X\r\nX-Y: ".into())].into_iter().chain(drip).collect()
    })
    .await;
    refused(&server, 4, true).await;
}

#[tokio::test]
async fn all_attempts_together_have_their_time() {
    let server = Server::always(|| vec![Step::Wait(Duration::from_secs(60))]).await;
    for (attempt, count) in [(500, 2), (60_000, 3)] {
        let short = Patience { total: Duration::from_millis(700), attempt: Duration::from_millis(attempt), ..PATIENCE };
        let begun = Instant::now();
        let error = registry_with(&server.url, short, Ages::default()).key(agent()).await.unwrap_err();
        assert!(error.is_retryable() && server.count() == count, "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    // A pause that would end after that is not begun.
    let server = Server::always(|| answer(500, &[], "")).await;
    let pausing = Patience { pauses: [Duration::from_secs(60); 3], ..PATIENCE };
    let begun = Instant::now();
    assert!(registry_with(&server.url, pausing, Ages::default()).key(agent()).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(3) && server.count() == 1);
}

#[tokio::test]
async fn nobody_there() {
    let url = Server::always(Vec::new).await.url.clone();
    let begun = Instant::now();
    let error = registry_with(&url, Patience::default(), Ages::default()).key(agent()).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Code::Unavailable, true), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody is waited for");
}

#[tokio::test]
async fn three_redirects_and_not_four() {
    let key = key(Algorithm::Ed25519);
    let text = pem_answer(&key);
    let chain = move |length: usize| {
        let text = text.clone();
        let to = move |number: usize| if number == 0 { "s3cret?q=1".to_owned() } else { format!("/{number}") };
        move |number: usize, _: &str| match number {
            _ if number < length => redirect([301, 302, 303, 307, 308][number % 5], &to(number)),
            _ => answer(200, &[], &text),
        }
    };
    let server = Server::start(chain(3)).await;
    assert_eq!(found(ask(&server).await.unwrap()).key, key);
    let id = agent().id;
    assert_eq!(server.paths()[1..], [format!("/jacs/v1/agents/{id}/keys/s3cret?q=1"), "/1".into(), "/2".into()]);
    for head in server.heads() {
        assert!(!head.to_ascii_lowercase().contains("referer"), "{head}");
    }
    refused(&Server::start(chain(4)).await, 4, false).await;
    refused(&Server::always(|| redirect(302, "/loop")).await, 4, false).await;
}

#[tokio::test]
async fn a_redirect_stays_on_this_machine() {
    let key = key(Algorithm::Ed25519);
    let text = pem_answer(&key);
    let other = Server::always(move || answer(200, &[], &text)).await;
    let to = other.url.clone();
    let server = Server::always(move || redirect(307, &to)).await;
    assert_eq!(found(ask(&server).await.unwrap()).key, key);
    assert_eq!(other.count(), 1);
    for to in [
        "https://s3cret.test/",
        "http://s3cret.test/",
        "http://10.0.0.1/s3cret",
        "ftp://127.0.0.1/s3cret",
        "file:///s3cret",
        "http://user:s3cret@127.0.0.1/",
        "http://[s3cret/",
        "",
        "/\u{fc}",
    ] {
        let server = Server::always(move || redirect(302, to)).await;
        if to.is_empty() {
            // It is the same place again.
            refused(&server, 4, false).await;
        } else if to == "/\u{fc}" {
            let error = ask(&server).await.unwrap_err();
            assert_eq!(error.code(), Code::Unavailable);
        } else {
            refused(&server, 1, false).await;
        }
    }
    refused(&Server::always(|| answer(302, &[], "s3cret")).await, 1, false).await;
}

#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end() {
    let key = key(Algorithm::Ed25519);
    let padded = |length: usize| {
        let text = pem_answer(&key);
        format!("{text}{}", " ".repeat(length - text.len()))
    };
    const MOST: usize = 64 << 10;
    for chunked in [false, true] {
        let send = move |text: String| {
            move || match chunked {
                false => answer(200, &[], &text),
                true => {
                    let chunk = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
                    vec![Step::Send(head(200, &["Transfer-Encoding: chunked"])), Step::Send(chunk.into())]
                }
            }
        };
        let server = Server::always(send(padded(MOST))).await;
        assert_eq!(found(ask(&server).await.unwrap()).key, key);
        refused(&Server::always(send(padded(MOST + 1))).await, 1, false).await;
    }
    // Neither a length nor chunks: until the connection ends, which it does not.
    let server = Server::always(|| {
        let endless = (0..2000).map(|_| Step::Send(vec![b' '; 4096]));
        [Step::Send(head(200, &[]))].into_iter().chain(endless).collect()
    })
    .await;
    refused(&server, 1, false).await;
    // A length that is not true.
    let server = Server::always(|| vec![Step::Send(head(200, &["Content-Length: 99999999999"]))]).await;
    refused(&server, 1, false).await;
    server.idle().await;
}

#[tokio::test]
async fn what_is_not_json_is_no_answer() {
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    for body in [
        "",
        "s3cret",
        "<html>s3cret</html>",
        "{\"status\":\"active\"",
        "{} s3cret",
        "\u{feff}{}",
        r#"{"status":"active","status":"s3cret"}"#,
        r#"{"x":{"s3cret":1,"s3cret":1}}"#,
        r#"{"x":1e999}"#,
        &deep,
    ] {
        let body = body.to_owned();
        let server = Server::always(move || answer(200, &[], &body)).await;
        refused(&server, 1, true).await;
    }
    let server = Server::always(|| vec![Step::Send(head(200, &[])), Step::Send(b"{\"a\":\"\xff\"}".into())]).await;
    refused(&server, 1, true).await;
    let server = Server::always(|| answer(200, &["Content-Encoding: gzip"], "{}")).await;
    refused(&server, 1, true).await;
    let many = format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(21_000));
    let server = Server::always(move || answer(200, &[], &many)).await;
    let answers = registry(&server.url).keys(agent().id).await.unwrap();
    assert!(matches!(answers[..], [Answer::None(_)]));
}
