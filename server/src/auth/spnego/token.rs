//! The token in the header of a request.

use super::KerberosError;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The largest token that is read, in bytes: what Windows makes at most (`MaxTokenSize`).
const MAX: usize = 48_000;
/// The longest header that holds one, in bytes, without the header's name.
pub const LONGEST: usize = MAX.div_ceil(3) * 4 + 16;
/// What a token of NTLM holds, alone or inside one of SPNEGO.
const NTLM: &[u8] = b"NTLMSSP\0";

/// Reads what follows `Negotiate` in a header.
pub(super) fn read(text: &str) -> Result<Vec<u8>, KerberosError> {
    if text.len() > MAX.div_ceil(3) * 4 {
        return Err(KerberosError::NoToken("it is too long"));
    }
    let token = STANDARD.decode(text).map_err(|_| KerberosError::NoToken("it is no base 64"))?;
    if token.is_empty() {
        return Err(KerberosError::NoToken("it is empty"));
    }
    // Never handed on: a system may have a library that would take it.
    if token.starts_with(NTLM) {
        return Err(KerberosError::Ntlm);
    }
    Ok(token)
}

/// Whether a token that was not taken offered NTLM, so that it can be said.
#[cfg(feature = "kerberos")]
pub(super) fn offers_ntlm(token: &[u8]) -> bool {
    token.windows(NTLM.len()).any(|bytes| bytes == NTLM)
}

/// What is answered, as it stands in a header; nothing if there is nothing to say.
pub(super) fn write(answer: &[u8]) -> Option<String> {
    (!answer.is_empty()).then(|| STANDARD.encode(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_base_64_of_a_size_and_no_ntlm() {
        assert_eq!(read("YIIB").unwrap(), [0x60, 0x82, 0x01]);
        assert_eq!(write(&[0x60, 0x82, 0x01]).as_deref(), Some("YIIB"));
        assert_eq!(write(&[]), None);
        let longest = STANDARD.encode(vec![0x60; MAX]);
        assert_eq!(read(&longest).unwrap().len(), MAX);
        for bad in ["", "YII", "YIIB YIIB", "YI-_", "é", &format!("{longest}AAAA")] {
            assert!(matches!(read(bad), Err(KerberosError::NoToken(_))), "{}", bad.len());
        }
        let ntlm = STANDARD.encode(b"NTLMSSP\0\x01\0\0\0");
        assert_eq!(read(&ntlm), Err(KerberosError::Ntlm));
    }
}
