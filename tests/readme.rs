//! The README's quick start is the example `hello`.

#[test]
fn the_quick_start_is_the_example_hello() {
    // The example begins with a doc comment, up to the first empty line.
    let (_, hello) = include_str!("../examples/hello.rs").split_once("\n\n").expect("a heading and a program");
    let (_, after) = include_str!("../README.md").split_once("```rust\n").expect("a program in the README");
    let (quick_start, _) = after.split_once("```\n").expect("its end");
    assert_eq!(quick_start, hello, "the README's first program is not that of examples/hello.rs");
}
