//! One argument of a system call, as strace shows it.

/// The directory that relative paths begin at when a call names no other.
pub const WORKING_DIRECTORY: i32 = -100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A file descriptor and the path that strace found for it.
    Descriptor {
        number: i32,
        path: String,
    },
    Text(Vec<u8>),
    /// A number, flags, or a structure.
    Other(String),
}

impl Argument {
    pub fn parse(text: &str) -> Argument {
        if text.starts_with('"') {
            let (bytes, rest) = unquote(text);
            assert!(rest.is_empty(), "strace cut the text off: {rest}");
            return Argument::Text(bytes);
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number = match text.strip_prefix("AT_FDCWD") {
            Some(rest) => Some((WORKING_DIRECTORY, rest)),
            None => text[..digits].parse().ok().map(|number| (number, &text[digits..])),
        };
        match number.and_then(|(number, rest)| Some((number, rest.strip_prefix('<')?))) {
            // Behind the last one, strace says when the file has no name any more.
            Some((number, rest)) => {
                let path = rest.rsplit_once('>').unwrap().0.to_owned();
                Argument::Descriptor { number, path }
            }
            None => Argument::Other(text.to_owned()),
        }
    }

    /// All texts in a list of buffers, one after the other.
    pub fn texts(&self) -> Vec<u8> {
        let Argument::Other(list) = self else { panic!("not a list: {self:?}") };
        let (mut bytes, mut rest) = (Vec::new(), list.as_str());
        while let Some(at) = rest.find('"') {
            let (piece, behind) = unquote(&rest[at..]);
            assert!(!behind.starts_with("..."), "strace cut the text off");
            bytes.extend(piece);
            rest = behind;
        }
        bytes
    }

    /// A number or flags.
    pub fn word(&self) -> &str {
        match self {
            Argument::Other(text) => text,
            other => panic!("not a number: {other:?}"),
        }
    }

    pub fn number(&self) -> u64 {
        self.word().parse().unwrap()
    }

    pub fn text(&self) -> &[u8] {
        match self {
            Argument::Text(bytes) => bytes,
            other => panic!("not a text: {other:?}"),
        }
    }

    pub fn path(&self) -> &str {
        std::str::from_utf8(self.text()).unwrap()
    }
}

/// The bytes of the quoted text that `text` begins with, and what stands behind it.
fn unquote(text: &str) -> (Vec<u8>, &str) {
    let (source, mut at, mut bytes) = (text.as_bytes(), 1, Vec::new());
    while source[at] != b'"' {
        if source[at] != b'\\' {
            bytes.push(source[at]);
            at += 1;
            continue;
        }
        let octal = source[at + 1..].iter().take(3).take_while(|digit| (b'0'..b'8').contains(digit)).count();
        at += 1;
        bytes.push(match source[at] {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 0x0b,
            b'f' => 0x0c,
            _ if octal > 0 => u8::from_str_radix(&text[at..at + octal], 8).unwrap(),
            other @ (b'"' | b'\\') => other,
            other => panic!("an escape that nobody knows: {other}"),
        });
        at += octal.max(1);
    }
    (bytes, &text[at + 1..])
}

#[test]
fn arguments_are_read_as_strace_writes_them() {
    let parsed = |text| Argument::parse(text);
    assert_eq!(parsed(r#""a\"\\\n\0011\303\274\7""#), Argument::Text(b"a\"\\\n\x011\xc3\xbc\x07".to_vec()));
    let descriptor = |number, path: &str| Argument::Descriptor { number, path: path.into() };
    assert_eq!(parsed("6</a/#12>(deleted)"), descriptor(6, "/a/#12"));
    assert_eq!(parsed("AT_FDCWD</a b>"), descriptor(WORKING_DIRECTORY, "/a b"));
    assert_eq!(parsed("0700"), Argument::Other("0700".into()));
    assert_eq!(parsed(r#"[{iov_base="a, b", iov_len=4}, {iov_base="c", iov_len=1}]"#).texts(), b"a, bc");
}
