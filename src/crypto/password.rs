//! The rule for the password of a new private key.

use crate::error::{Code, Error, Result};

/// The least number of characters (Unicode scalar values) of a new password.
const MIN_CHARACTERS: usize = 8;

/// Refuses a password that guessing would find soon. For new passwords only: an existing key opens with the
/// password it has.
///
/// Fails with `JACS_PASSWORD` below 8 characters, or when all characters are of one class out of lower-case
/// letters, upper-case letters, digits and others. The message names the rule, never the password.
pub fn check_strength(password: &str) -> Result<()> {
    if password.chars().count() < MIN_CHARACTERS {
        return Err(Error::new(Code::Password, "the password is too short").with("least characters", MIN_CHARACTERS));
    }
    let mut classes = password.chars().map(class);
    let first = classes.next();
    if classes.all(|class| Some(class) == first) {
        return Err(Error::new(
            Code::Password,
            "the password must mix at least two of lower-case letters, upper-case letters, digits and other characters",
        ));
    }
    Ok(())
}

#[derive(PartialEq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Other,
}

fn class(character: char) -> Class {
    if character.is_lowercase() {
        Class::Lower
    } else if character.is_uppercase() {
        Class::Upper
    } else if character.is_numeric() {
        Class::Digit
    } else {
        Class::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert!(check_strength("Aa1!Aa1!").is_ok());
        assert!(check_strength("ééééééA1").is_ok());
        for short in ["", "Aa1!Aa1", "éééA", "🔑🔑🔑a"] {
            assert_eq!(check_strength(short).unwrap_err().code(), Code::Password, "{short}");
        }
    }

    #[test]
    fn one_class_is_not_enough_and_two_are() {
        for one in ["password", "éééééééé", "PASSWORD", "12345678901234567890", "!!!! ????", "密密密密密密密密"]
        {
            assert_eq!(check_strength(one).unwrap_err().code(), Code::Password, "{one}");
        }
        for two in ["passworD", "password1", "12345678 ", "PASSWORD9", "TestP@ss123!#"] {
            assert!(check_strength(two).is_ok(), "{two}");
        }
    }

    #[test]
    fn the_message_never_holds_the_password() {
        for password in ["hunter2", "hunterhunter"] {
            let error = check_strength(password).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("hunter"));
        }
    }
}
