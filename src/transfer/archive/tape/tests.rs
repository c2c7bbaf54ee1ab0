use std::io::Write;

use super::*;

/// A header as hostile as wanted; its checksum is right.
fn header(name: &str, kind: u8, size: &str) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes[124..124 + size.len()].copy_from_slice(size.as_bytes());
    bytes[156] = kind;
    bytes[257..265].copy_from_slice(b"ustar\x0000");
    summed(bytes)
}

fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn entry(name: &str, kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, &format!("{:011o}", contents.len()));
    bytes.extend_from_slice(contents);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in records {
        let length = key.len() + value.len() + 3;
        let digits = (length + (length + 2).to_string().len()).to_string().len();
        writeln!(text, "{} {key}={value}", length + digits).unwrap();
    }
    text
}

/// Names, kinds and contents of all entries.
fn walk(bytes: &[u8]) -> io::Result<Vec<(String, What, Vec<u8>)>> {
    let mut tape = Tape::new(bytes);
    let mut found = Vec::new();
    while let Some(entry) = tape.next()? {
        let (mut contents, mut piece) = (Vec::new(), [0; 100]);
        loop {
            match tape.read(&mut piece)? {
                0 => break,
                count => contents.extend_from_slice(&piece[..count]),
            }
        }
        assert_eq!(contents.len() as u64, entry.bytes);
        found.push((String::from_utf8_lossy(&entry.name).into_owned(), entry.what, contents));
    }
    Ok(found)
}

fn named(parts: &[Vec<u8>]) -> io::Result<Vec<(String, What, Vec<u8>)>> {
    walk(&[parts.concat(), vec![0; 1024]].concat())
}

fn file(name: &str, contents: &str) -> (String, What, Vec<u8>) {
    (name.to_owned(), What::File, contents.as_bytes().to_vec())
}

#[test]
fn entries_of_every_form_are_read() {
    let long = format!("{}/name", "long".repeat(40));
    let found = named(&[
        entry("a", b'0', b"one"),
        entry("b", 0, b"two"),
        entry("c", b'7', &[b'x'; 512]),
        entry("dir", b'5', b""),
        entry("old dir/", 0, b""),
        entry("././@LongLink", b'L', format!("{long}\0").as_bytes()),
        entry("cut", b'0', b"gnu"),
        entry("PaxHeader", b'x', &pax(&[("mtime", "1.5"), ("path", &long)])),
        entry("cut", b'0', b"pax"),
        entry("pax_global_header", b'g', &pax(&[("comment", "of a commit")])),
        entry("e", b'0', b""),
    ])
    .unwrap();
    let dir = |name: &str| (name.to_owned(), What::Directory, Vec::new());
    let all = [
        file("a", "one"),
        file("b", "two"),
        file("c", &"x".repeat(512)),
        dir("dir"),
        dir("old dir/"),
        file(&long, "gnu"),
        file(&long, "pax"),
        file("e", ""),
    ];
    assert_eq!(found, all);
}

#[test]
fn what_is_no_file_is_said_and_hides_nothing() {
    let found = named(&[
        entry("hard", b'1', b""),
        // Others take no contents from it either.
        header("hard", b'1', "00000001000"),
        entry("soft", b'2', b""),
        entry("device", b'3', b""),
        entry("block", b'4', b""),
        entry("pipe", b'6', b""),
        entry("odd", b'Z', b"contents"),
        entry("PaxHeader", b'x', &pax(&[("GNU.sparse.major", "1")])),
        entry("sparse", b'0', b"map"),
        entry("global", b'g', &pax(&[("path", "documents/x")])),
        entry("global", b'g', &pax(&[("size", "4096")])),
        entry("last", b'0', b"there"),
    ])
    .unwrap();
    assert_eq!(found.last(), Some(&file("last", "there")));
    assert_eq!(found.len(), 12 - 1);
    assert!(found[..10].iter().all(|(_, what, _)| matches!(what, What::Other(_))), "{found:?}");
}

#[test]
fn a_sparse_file_of_the_old_form_is_skipped_with_all_its_maps() {
    let mut sparse = header("sparse", b'S', "00000000003");
    sparse[257..265].copy_from_slice(b"ustar  \0");
    sparse[482] = 1;
    let (mut more, last) = (vec![b'7'; 512], vec![0; 512]);
    more[504] = 1;
    let mut contents = b"abc".to_vec();
    contents.resize(512, 0);
    let found = named(&[summed(sparse), more, last, contents, entry("last", b'0', b"there")]).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], file("last", "there"));
}

#[test]
fn sizes_in_binary_and_in_records_count() {
    let mut binary = header("binary", b'0', "");
    binary[124] = 0x80;
    binary[135] = 3;
    let found = named(&[
        [summed(binary), b"bin".to_vec(), vec![0; 509]].concat(),
        entry("PaxHeader", b'x', &pax(&[("size", "3")])),
        [header("records", b'0', "00000000000"), b"pax".to_vec(), vec![0; 509]].concat(),
    ]);
    assert_eq!(found.unwrap(), [file("binary", "bin"), file("records", "pax")]);
}

#[test]
fn what_cannot_be_followed_is_no_archive() {
    let good = entry("a", b'0', b"one");
    let mut altered = good.clone();
    altered[0] = b'b';
    let mut endless = header("endless", b'0', "");
    endless[124..136].fill(0xff);
    let huge = |kind| header("huge", kind, "77777777777");
    let records = |text: &[u8]| entry("PaxHeader", b'x', text);
    for (what, parts) in [
        ("a wrong checksum", vec![good.clone(), altered]),
        ("a size without end", vec![summed(endless)]),
        ("a size beyond the end", vec![header("long", b'0', "00000100000")]),
        ("a name of gigabytes", vec![huge(b'L'), good.clone()]),
        ("records of gigabytes", vec![huge(b'x'), good.clone()]),
        ("records for all of gigabytes", vec![huge(b'g'), good.clone()]),
        ("a target of gigabytes", vec![huge(b'K'), good.clone()]),
        ("malformed records", vec![records(b"not records"), good.clone()]),
        ("a negative size", vec![records(&pax(&[("size", "-1")])), good.clone()]),
        ("a size beyond all numbers", vec![records(&pax(&[("size", "99999999999999999999999")])), good.clone()]),
        ("an almost endless size", vec![records(&pax(&[("size", "18446744073709551615")])), good.clone()]),
        ("records for nothing", vec![good.clone(), records(&pax(&[("path", "a")]))]),
        ("records over records", vec![records(&pax(&[("path", "a")])).repeat(1000), good.clone()]),
        ("text", vec![b"x".repeat(512)]),
    ] {
        assert!(named(&parts).is_err(), "{what}");
    }
    // Without its end an archive was cut off; with half a block, too.
    assert!(walk(&good).is_err());
    assert!(walk(&[good.clone(), vec![0; 100]].concat()).is_err());
    assert!(walk(&good[..600]).is_err());
    assert!(walk(b"").is_err());
    assert_eq!(walk(&[good, vec![0; 512]].concat()).unwrap(), [file("a", "one")]);
}

#[test]
fn archives_may_follow_each_other() {
    let one = [entry("a", b'0', b"one"), vec![0; 10_240]].concat();
    let two = [entry("b", b'0', b"two"), vec![0; 1024]].concat();
    assert_eq!(walk(&[one, two].concat()).unwrap(), [file("a", "one"), file("b", "two")]);
}
