//! Answers that are kept, and questions asked at the same time.

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, HeaderName};

use super::server::{Server, Step, answer};
use super::*;

const MS: Duration = Duration::from_millis(1);

fn lifetime(headers: &[(HeaderName, &str)], found: bool) -> u64 {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value.parse().unwrap());
    }
    Ages::default().of(&map, found).as_secs()
}

#[test]
fn how_long_an_answer_may_be_kept() {
    let control = |value| lifetime(&[(CACHE_CONTROL, value)], true);
    for (value, seconds) in [
        ("", 60),
        ("public, must-revalidate", 60),
        ("max-age=5", 5),
        ("private, Max-Age=\"7\"", 7),
        ("max-age=0", 0),
        ("max-age=3600", 3600),
        ("max-age=3601", 3600),
        ("max-age=99999999999999999999999", 3600),
        ("max-age=-1", 0),
        ("max-age=1.5", 0),
        ("max-age", 0),
        ("max-age=9, max-age=3", 3),
        ("s-maxage=5", 60),
        ("no-store", 0),
        ("max-age=60, No-Store", 0),
        ("no-cache", 0),
        ("no-cache=\"set-cookie\"", 0),
    ] {
        assert_eq!(control(value), seconds, "{value}");
    }
    assert_eq!(lifetime(&[], true), 60);
    assert_eq!(lifetime(&[], false), 10);
    assert_eq!(lifetime(&[(CACHE_CONTROL, "max-age=3600")], false), 60);
    assert_eq!(lifetime(&[(CACHE_CONTROL, "public"), (CACHE_CONTROL, "max-age=4")], true), 4);
    assert_eq!(lifetime(&[(CACHE_CONTROL, "max-age=10"), (AGE, "4")], true), 6);
    assert_eq!(lifetime(&[(CACHE_CONTROL, "max-age=10"), (AGE, "40")], true), 0);
    assert_eq!(lifetime(&[(CACHE_CONTROL, "max-age=10"), (AGE, "x")], true), 10);
}

#[tokio::test]
async fn an_answer_is_kept_until_it_is_old() {
    let text = pem_answer(&key(Algorithm::Ed25519));
    let server = Server::start(move |_, path| match path.contains("by-domain") {
        true => answer(404, &[], ""),
        false => answer(200, &["Cache-Control: max-age=3600"], &text),
    })
    .await;
    let ages = Ages { most: 1000 * MS, most_none: 1000 * MS, ..Ages::default() };
    let registry = registry_with(&server.url, PATIENCE, ages);
    for count in [2, 4] {
        for _ in 0..3 {
            found(registry.clone().key(agent()).await.unwrap());
            assert!(matches!(registry.key_by_domain("a.test").await.unwrap(), Answer::None(_)));
        }
        assert_eq!(server.count(), count);
        tokio::time::sleep(1100 * MS).await;
    }
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_not() {
    let text = pem_answer(&key(Algorithm::Ed25519));
    let server = Server::always(move || answer(200, &["Cache-Control: no-store"], &text)).await;
    let registry = registry(&server.url);
    for count in 1..=3 {
        found(registry.key(agent()).await.unwrap());
        assert_eq!(server.count(), count);
    }
    assert_eq!(registry.0.answers.count(), (0, 0));
}

#[tokio::test]
async fn no_failure_is_kept() {
    let text = pem_answer(&key(Algorithm::Ed25519));
    let server = Server::start(move |number, _| match number {
        0 => answer(403, &["Cache-Control: max-age=60"], ""),
        1 => answer(200, &["Cache-Control: max-age=60"], "no JSON"),
        _ => answer(200, &["Cache-Control: max-age=60"], &text),
    })
    .await;
    let registry = registry(&server.url);
    assert!(registry.key(agent()).await.is_err());
    assert!(registry.key(agent()).await.is_err());
    found(registry.key(agent()).await.unwrap());
    found(registry.key(agent()).await.unwrap());
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn what_a_kept_answer_means_is_judged_anew() {
    let text = pem_answer(&key(Algorithm::Ed25519));
    // The same bytes for whatever is asked.
    let server = Server::always(move || answer(200, &[], &text)).await;
    let registry = registry(&server.url);
    let other: DocumentKey = OTHER.parse().unwrap();
    for _ in 0..2 {
        found(registry.key(agent()).await.unwrap());
        assert!(matches!(registry.key(other).await.unwrap(), Answer::None(_)));
    }
    assert_eq!((server.count(), registry.0.answers.count()), (2, (0, 2)));
}

#[tokio::test]
async fn the_memory_for_answers_is_bounded() {
    let padding = " ".repeat(60_000);
    let server = Server::always(move || answer(200, &[], &format!("{{}}{padding}"))).await;
    let registry = registry(&server.url);
    for _ in 0..100 {
        registry.keys(DocumentId::random()).await.unwrap();
    }
    let (_, kept) = registry.0.answers.count();
    assert!((1..=70).contains(&kept), "{kept}");
}

#[tokio::test]
async fn who_asks_the_same_at_the_same_time_waits_for_the_same() {
    let text = pem_answer(&key(Algorithm::Ed25519));
    let server = Server::always(move || {
        let mut steps = vec![Step::Wait(200 * MS)];
        steps.extend(answer(200, &["Cache-Control: no-store"], &text));
        steps
    })
    .await;
    let registry = registry(&server.url);
    let all = (0..50).map(|_| {
        let registry = registry.clone();
        tokio::spawn(async move { registry.key(agent()).await })
    });
    for answer in futures::future::join_all(all).await {
        found(answer.unwrap().unwrap());
    }
    assert_eq!((server.count(), registry.0.answers.count()), (1, (0, 0)));
    // So do those for whom there is none.
    let failing = Server::always(|| vec![Step::Wait(50 * MS)]).await;
    let registry = super::registry(&failing.url);
    let all = futures::future::join_all((0..50).map(|_| registry.key(agent()))).await;
    assert!(all.into_iter().all(|answer| answer.is_err_and(|error| error.code() == Code::Unavailable)));
    assert_eq!((failing.count(), registry.0.answers.count()), (4, (0, 0)));
}

#[tokio::test]
async fn different_questions_do_not_wait_for_each_other() {
    let server = Server::always(|| {
        let mut steps = vec![Step::Wait(200 * MS)];
        steps.extend(answer(404, &[], ""));
        steps
    })
    .await;
    let registry = registry(&server.url);
    let begun = std::time::Instant::now();
    let asked = (0..40).map(|_| registry.keys(DocumentId::random()));
    assert!(futures::future::join_all(asked).await.into_iter().all(|keys| keys.unwrap().is_empty()));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(server.count(), 40);
}

#[tokio::test]
async fn who_goes_leaves_nothing_behind() {
    let text = pem_answer(&key(Algorithm::Ed25519));
    let server = Server::always(move || {
        let mut steps = vec![Step::Wait(300 * MS)];
        steps.extend(answer(200, &[], &text));
        steps
    })
    .await;
    let registry = registry(&server.url);
    let gone = tokio::time::timeout(100 * MS, registry.key(agent())).await;
    assert!(gone.is_err());
    assert_eq!(registry.0.answers.count(), (0, 0));
    server.idle().await;
    // The first of two goes: the other one gets the answer to the same question.
    let other = registry.clone();
    let first = tokio::spawn(async move { other.key(agent()).await });
    tokio::time::sleep(50 * MS).await;
    let other = registry.clone();
    let second = tokio::spawn(async move { other.key(agent()).await });
    tokio::time::sleep(50 * MS).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    found(second.await.unwrap().unwrap());
    assert_eq!((server.count(), registry.0.answers.count()), (2, (0, 1)));
}
