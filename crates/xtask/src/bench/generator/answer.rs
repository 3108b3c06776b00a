//! Where an HTTP answer ends (RFC 9112, section 6.3): as much of it as the gateway uses.

/// The length of the whole answer, once its head is there.
pub fn length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let mut body = 0;
    for line in received.get(..head)?.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.iter().filter(|byte| byte.is_ascii_digit());
            body = digits.fold(0_usize, |sum, digit| {
                sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
            });
        }
    }
    head.checked_add(body)
}
