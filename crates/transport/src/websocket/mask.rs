//! Masking: XOR with a key of four bytes, which is its own inverse.

/// Applies `key` to `data`, whose first byte is the first of its payload.
///
/// The blocks have a fixed size and the key is spread over a whole one, so that the inner loop becomes a few vector
/// instructions.
pub(super) fn apply(key: [u8; 4], data: &mut [u8]) {
    const BLOCK: usize = 32;
    let wide: [u8; BLOCK] = std::array::from_fn(|index| key[index % 4]);
    let (blocks, tail) = data.as_chunks_mut::<BLOCK>();
    for block in blocks {
        for (byte, mask) in block.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in tail.iter_mut().zip(wide) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_a_plain_loop_does() {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        for len in 0..200 {
            let plain: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
            let expected: Vec<u8> =
                plain.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            let mut masked = plain.clone();
            apply(key, &mut masked);
            assert_eq!(masked, expected);
            apply(key, &mut masked);
            assert_eq!(masked, plain);
        }
    }

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let mut hello = *b"Hello";
        apply([0x37, 0xFA, 0x21, 0x3D], &mut hello);
        assert_eq!(hello, [0x7F, 0x9F, 0x4D, 0x51, 0x58]);
    }
}
