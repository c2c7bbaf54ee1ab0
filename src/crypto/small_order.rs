//! The Ed25519 points of small order. Under a key that is one of them anybody can sign, and with an R that is
//! one of them a signature says nothing about its message; aws-lc accepts both, dalek's `verify_strict`
//! neither.

/// The y coordinates, little-endian, of the eight points whose order divides 8 (RFC 8032, 5.1, cofactor 8),
/// and the spellings p and p+1 of 0 and 1. Each stands for two encodings, with and without the sign bit of x.
const Y: [[u8; 32]; 7] = [
    with_ends(0x00, 0x00, 0x00),
    with_ends(0x01, 0x00, 0x00),
    with_ends(0xec, 0xff, 0x7f),
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn with_ends(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether an encoded Ed25519 point has small order, in any of its spellings.
pub(super) fn is_small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    Y.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_bit_makes_no_difference() {
        for y in Y {
            let mut signed = y;
            signed[31] |= 0x80;
            assert!(is_small_order(&y) && is_small_order(&signed));
        }
        // The base point (RFC 8032, 5.1): y = 4/5.
        assert!(!is_small_order(&with_ends(0x58, 0x66, 0x66)));
    }
}
