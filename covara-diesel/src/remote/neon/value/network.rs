//! Addresses of networks and of their devices.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::parts::Reader;
use super::{MALFORMED, Problem};

/// The families on the wire, whatever the server's operating system calls them.
const V4: u8 = 2;
const V6: u8 = 3;

/// Appends the bytes of an `inet` or a `cidr`.
pub(super) fn decode(text: &str, is_cidr: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| MALFORMED)?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| MALFORMED)?;
    let (family, most) = match address {
        IpAddr::V4(_) => (V4, 32),
        IpAddr::V6(_) => (V6, 128),
    };
    out.extend([family, bits.unwrap_or(most), u8::from(is_cidr), most / 8]);
    match address {
        IpAddr::V4(address) => out.extend(address.octets()),
        IpAddr::V6(address) => out.extend(address.octets()),
    }
    Ok(())
}

/// Appends the text of an `inet` or a `cidr`.
pub(super) fn encode(bytes: &mut Reader<'_>, out: &mut String) -> Result<(), Problem> {
    let [family, bits, _, length] = bytes.array()?;
    let address: IpAddr = match (family, length) {
        (V4, 4) => bytes.array::<4>()?.into(),
        (V6, 16) => bytes.array::<16>()?.into(),
        _ => return Err(MALFORMED),
    };
    if !bytes.is_empty() {
        return Err(MALFORMED);
    }
    let _ = write!(out, "{address}/{bits}");
    Ok(())
}

/// Appends the bytes of a device's address.
pub(super) fn decode_mac(text: &str, count: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() != count {
        return Err(MALFORMED);
    }
    for part in parts {
        out.push(u8::from_str_radix(part, 16).map_err(|_| MALFORMED)?);
    }
    Ok(())
}

/// Appends the text of a device's address.
pub(super) fn encode_mac(bytes: &[u8], count: usize, out: &mut String) -> Result<(), Problem> {
    if bytes.len() != count {
        return Err(MALFORMED);
    }
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    out.push_str(&parts.join(":"));
    Ok(())
}
