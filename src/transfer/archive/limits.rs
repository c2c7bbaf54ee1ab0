//! How much an archive may hold, applied to the whole of it before anything is stored.

use crate::error::{Code, Error, Result};

/// Bytes that come out whatever went in: the end of an archive alone is twenty blocks of zeros, which pack to nothing.
const ALWAYS: u64 = 1 << 20;

/// Limits on one archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub entries: u64,
    /// Unpacked, in bytes.
    pub bytes: u64,
    /// Unpacked bytes for each packed one.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { entries: 10_000_000, bytes: 1 << 40, ratio: 200 }
    }
}

impl Limits {
    /// The limits of an archive of so many packed bytes: which of its unpacked bytes is the last.
    pub fn of(&self, packed: u64) -> Most {
        let by_ratio = packed.saturating_mul(self.ratio).saturating_add(ALWAYS);
        let name = if by_ratio < self.bytes { "maxRatio" } else { "maxBytes" };
        Most { bytes: by_ratio.min(self.bytes), name, entries: self.entries }
    }
}

/// What one archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    bytes: u64,
    /// The option by which more is allowed.
    name: &'static str,
    entries: u64,
}

impl Most {
    /// Errors: `JACS_INPUT`.
    pub fn check_bytes(&self, unpacked: u64) -> Result<()> {
        match unpacked <= self.bytes {
            true => Ok(()),
            false => Err(over("the archive holds more bytes than is allowed", self.name, self.bytes)),
        }
    }

    /// Errors: `JACS_INPUT`.
    pub fn check_entries(&self, entries: u64) -> Result<()> {
        match entries <= self.entries {
            true => Ok(()),
            false => Err(over("the archive has more entries than is allowed", "maxEntries", self.entries)),
        }
    }
}

fn over(message: &'static str, option: &'static str, limit: u64) -> Error {
    Error::new(Code::Input, message).with("limit", limit).with("option", option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_both_limits_counts_and_is_named() {
        let limits = Limits { entries: 3, bytes: 10 << 20, ratio: 4 };
        let error = |packed: u64, unpacked: u64| limits.of(packed).check_bytes(unpacked).unwrap_err().to_string();
        assert!(limits.of(1 << 20).check_bytes(5 << 20).is_ok());
        assert!(error(1 << 20, (5 << 20) + 1).contains("maxRatio"));
        assert!(limits.of(100 << 20).check_bytes(10 << 20).is_ok());
        assert!(error(100 << 20, (10 << 20) + 1).contains("maxBytes"));
        assert!(limits.of(u64::MAX).check_bytes(10 << 20).is_ok());
    }

    #[test]
    fn what_is_almost_empty_is_no_bomb_and_entries_are_counted() {
        let limits = Limits::default();
        assert!(limits.of(45).check_bytes(10_240).is_ok());
        assert!(limits.of(45).check_entries(10_000_000).is_ok());
        assert!(limits.of(45).check_entries(10_000_001).unwrap_err().to_string().contains("maxEntries"));
    }
}
