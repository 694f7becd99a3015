//! The texts of the folder `shaders`.

/// The text of `shaders/NAME.wgsl`, or of several, one after the other. A name may be in several parts. In a program for a browser,
/// which is downloaded, it comes without comments and indentation.
macro_rules! shader {
    ($($($part:literal)+),+ $(,)?) => {{
        const TEXT: &str = concat!($(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $($part,)+ ".wgsl"))),+);
        #[cfg(not(target_family = "wasm"))]
        const SHORT: &str = TEXT;
        #[cfg(target_family = "wasm")]
        const SHORT: &str = {
            const BYTES: &[u8] = &$crate::shaders::shortened::<{ $crate::shaders::short_length(TEXT) }>(TEXT);
            match str::from_utf8(BYTES) {
                Ok(text) => text,
                Err(_) => panic!("the text is of whole characters"),
            }
        };
        SHORT
    }};
}

pub(crate) use shader;

/// The length of a text without comments and indentation.
#[cfg_attr(not(any(target_family = "wasm", test)), expect(dead_code))]
pub(crate) const fn short_length(text: &str) -> usize {
    copy_short(text, &mut [])
}

/// A text without comments and indentation, `LENGTH` bytes long.
#[cfg_attr(not(any(target_family = "wasm", test)), expect(dead_code))]
pub(crate) const fn shortened<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let mut short = [0; LENGTH];
    copy_short(text, &mut short);
    short
}

/// Copies what is neither comment nor indentation, nor an empty line, as far as there is room; returns how much that is.
const fn copy_short(text: &str, short: &mut [u8]) -> usize {
    let text = text.as_bytes();
    let (mut read, mut written, mut last) = (0, 0, b'\n');
    while read < text.len() {
        if text[read] == b'/' && read + 1 < text.len() && text[read + 1] == b'/' {
            while read < text.len() && text[read] != b'\n' {
                read += 1;
            }
            continue;
        }
        let byte = text[read];
        read += 1;
        if last == b'\n' && (byte == b' ' || byte == b'\n') {
            continue;
        }
        last = byte;
        if written < short.len() {
            short[written] = byte;
        }
        written += 1;
    }
    written
}

/// A text as a program for a browser has it.
#[cfg(test)]
pub(crate) fn short(text: &str) -> String {
    let mut short = vec![0; short_length(text)];
    copy_short(text, &mut short);
    String::from_utf8(short).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_has_the_same_statements() {
        const TEXT: &str =
            "// A comment, about π.\n\nfn f(x: f32) -> f32 { // and one here\n    return x * 2.0 / *y;\n}\n";
        const SHORT: [u8; short_length(TEXT)] = shortened(TEXT);
        assert_eq!(str::from_utf8(&SHORT), Ok("fn f(x: f32) -> f32 { \nreturn x * 2.0 / *y;\n}\n"));
    }

    #[test]
    fn a_shader_is_its_files_one_after_the_other() {
        let both = [include_str!("../shaders/tree_sum.wgsl"), include_str!("../shaders/functions/power.wgsl")].concat();
        assert_eq!(shader!("tree_sum", "functions/" "power"), both);
    }
}
