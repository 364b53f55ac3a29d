//! What OpenLDAP's password policy says of a bind: a control of the answer tells apart what its
//! result code does not (draft-behera-ldap-password-policy).

use super::Refusal;
use ldap3::{
    asn1::{PL, TagClass, parse_tag},
    controls::{Control, RawControl},
};

/// The control, of a request and of its answer.
const CONTROL: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// The element of the answer's value that says what is wrong.
const ERROR: u64 = 1;

/// Asks for the policy's word. A directory without one takes no notice.
pub(super) fn request() -> RawControl {
    RawControl { ctype: CONTROL.to_owned(), crit: false, val: None }
}

/// Why somebody may not sign in, if the answer says so.
pub(super) fn refusal(controls: &[Control]) -> Option<Refusal> {
    let control = controls.iter().map(|Control(_, raw)| raw).find(|raw| raw.ctype == CONTROL)?;
    let (_, value) = parse_tag(control.val.as_deref()?).ok()?;
    let PL::C(parts) = value.payload else { return None };
    let error = parts.into_iter().find(|part| part.class == TagClass::Context && part.id == ERROR);
    match error?.payload {
        PL::P(code) if code == [0] => Some(Refusal::PasswordExpired),
        PL::P(code) if code == [1] => Some(Refusal::LockedOut),
        PL::P(code) if code == [2] => Some(Refusal::MustChange),
        // What is wrong with a new password, which nobody sends here.
        PL::P(_) | PL::C(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ctype: &str, value: Option<&[u8]>) -> Option<Refusal> {
        let val = value.map(<[u8]>::to_vec);
        refusal(&[Control(None, RawControl { ctype: ctype.to_owned(), crit: false, val })])
    }

    #[test]
    fn what_the_policy_says_is_told_apart() {
        for (value, expected) in [
            (&[0x30, 3, 0x81, 1, 0][..], Some(Refusal::PasswordExpired)),
            (&[0x30, 3, 0x81, 1, 1], Some(Refusal::LockedOut)),
            (&[0x30, 3, 0x81, 1, 2], Some(Refusal::MustChange)),
            // A warning before it: 300 seconds are left.
            (&[0x30, 9, 0xa0, 4, 0x80, 2, 1, 0x2c, 0x81, 1, 2], Some(Refusal::MustChange)),
            (&[0x30, 6, 0xa0, 4, 0x80, 2, 1, 0x2c], None),
            (&[0x30, 3, 0x81, 1, 6], None),
            (&[0x30, 0], None),
            (&[0x30, 9, 0x81], None),
            (&[0x04, 1, 0], None),
            (&[], None),
        ] {
            assert_eq!(of(CONTROL, Some(value)), expected, "{value:x?}");
        }
        assert_eq!(of(CONTROL, None), None);
        assert_eq!(of("1.2.3", Some(&[0x30, 3, 0x81, 1, 1])), None);
        assert_eq!(refusal(&[]), None);
    }
}
