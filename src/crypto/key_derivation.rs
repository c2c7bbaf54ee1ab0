//! From a password to the key that encrypts a private key: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use crate::error::{Code, Error, Result};

/// Argon2 version 0x13, the only one of RFC 9106 (3.1).
pub(super) const KDF_VERSION: u32 = 0x13;
/// Bytes of salt (RFC 9106, 3.1, recommends 16).
pub(super) const SALT_LEN: usize = 16;

/// The costs of a new file: 19 MiB, 2 passes, 1 lane: the minimum of the OWASP password storage cheat sheet, and
/// what other implementations write.
pub(super) const NEW_COSTS: Costs = Costs { m_cost_kib: 19456, t_cost: 2, p_cost: 1 };

/// What a file may ask for: a wrong or hostile one must not take all memory or run for hours.
const MAX_M_COST_KIB: u32 = 1024 * 1024;
const MAX_T_COST: u32 = 16;
const MAX_P_COST: u32 = 16;

/// Memory in KiB, passes and lanes.
#[derive(Clone, Copy)]
pub(super) struct Costs {
    pub(super) m_cost_kib: u32,
    pub(super) t_cost: u32,
    pub(super) p_cost: u32,
}

impl Costs {
    /// These costs, unless one is out of bounds: `JACS_KEY`.
    pub(super) fn checked(self) -> Result<Costs> {
        let out_of_bounds =
            |member| Err(Error::new(Code::Key, "the key file asks for a cost out of bounds").with("member", member));
        if !(1..=MAX_P_COST).contains(&self.p_cost) {
            return out_of_bounds("kdf.p_cost");
        }
        if !(1..=MAX_T_COST).contains(&self.t_cost) {
            return out_of_bounds("kdf.t_cost");
        }
        // 8 KiB a lane is the least that Argon2 is defined for (RFC 9106, 3.1).
        if !(8 * self.p_cost..=MAX_M_COST_KIB).contains(&self.m_cost_kib) {
            return out_of_bounds("kdf.m_cost_kib");
        }
        Ok(self)
    }
}

/// The key for AES-256. Fails with `JACS_UNAVAILABLE` when there is not enough memory.
pub(super) fn derive_key(password: &str, salt: &[u8; SALT_LEN], costs: Costs) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let failed = |error| Error::new(Code::Internal, "the key derivation failed").with_source(error);
    let params = Params::new(costs.m_cost_kib, costs.t_cost, costs.p_cost, Some(key.len())).map_err(failed)?;
    // The derived key follows from the last blocks, so they are cleared too.
    let mut blocks = Zeroizing::new(allocate(params.block_count())?);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut *key, &mut *blocks)
        .map_err(failed)?;
    Ok(key)
}

/// The working memory, 1 KiB a block. The file says how much, so a lack of it must not abort the process.
fn allocate(count: usize) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    blocks.try_reserve_exact(count).map_err(|error| {
        Error::new(Code::Unavailable, "there is not enough memory to open the private key")
            .with("KiB", count)
            .with_source(error)
            .retryable()
    })?;
    blocks.resize(count, Block::new());
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_last_values_allowed() {
        let costs = |m_cost_kib, t_cost, p_cost| Costs { m_cost_kib, t_cost, p_cost }.checked();
        for (m, t, p) in [(8, 1, 1), (128, 16, 16), (MAX_M_COST_KIB, 16, 16), (19456, 2, 1)] {
            assert!(costs(m, t, p).is_ok(), "{m} {t} {p}");
        }
        for (m, t, p) in
            [(7, 1, 1), (127, 1, 16), (MAX_M_COST_KIB + 1, 1, 1), (8, 0, 1), (8, 17, 1), (8, 1, 0), (999, 1, 17)]
        {
            assert_eq!(costs(m, t, p).err().map(|error| error.code()), Some(Code::Key), "{m} {t} {p}");
        }
        assert!(costs(u32::MAX, u32::MAX, u32::MAX).is_err());
    }

    #[test]
    fn a_lack_of_memory_is_an_error() {
        assert_eq!(allocate(usize::MAX / 2048).err().map(|error| error.code()), Some(Code::Unavailable));
    }
}
