//! Data sets are read as they were written; malformed files are refused, with the position of the mistake.

mod common;
#[path = "datasets/costs.rs"]
mod costs;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use wgrad::datasets::{LabelColumn, LabelledImages};
use wgrad::{Error, Result};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx(magic: u32, sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let header = [&[magic], sizes].concat().into_iter().flat_map(u32::to_be_bytes).collect::<Vec<_>>();
    [&header, bytes].concat()
}

/// Three images of 2 × 5 pixels, all bytes different.
fn small_images() -> Vec<u8> {
    idx(0x803, &[3, 2, 5], &(0..30).map(|i| i * 8 + 7).collect::<Vec<_>>())
}

fn small_labels() -> Vec<u8> {
    idx(0x801, &[3], &[9, 0, 255])
}

/// A folder with files to read.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn read_idx(&self, images: &[u8], labels: &[u8]) -> Result<LabelledImages> {
        LabelledImages::from_idx(self.write("images", images), self.write("labels", labels), |_| ())
    }

    fn read_images(&self, text: impl AsRef<[u8]>, label: LabelColumn) -> Result<LabelledImages> {
        LabelledImages::from_csv(self.write("digits.csv", text), label, |_| ())
    }

    /// Compares the error with this file, and with the place, what was found and what was expected.
    fn assert_malformed<T: std::fmt::Debug>(&self, read: Result<T>, name: &str, words: [&str; 3]) {
        let [place, found, expected] = words.map(str::to_owned);
        let path = self.path(name).display().to_string();
        assert_eq!(read.unwrap_err(), Error::Malformed { path, place, found, expected });
    }
}

#[test]
fn idx_is_read_plain_and_gzipped() {
    let folder = Folder::new();
    let (images, labels) = (small_images(), small_labels());
    let members = [gzip(&images[..3]), gzip(&[]), gzip(&images[3..20]), gzip(&images[20..])].concat();
    for (images, labels) in [
        (images.clone(), labels.clone()),
        (gzip(&images), labels.clone()),
        (images.clone(), gzip(&labels)),
        (members, gzip(&labels)),
    ] {
        let read = folder.read_idx(&images, &labels).unwrap();
        assert_eq!((read.len(), read.is_empty(), read.height(), read.width()), (3, false, 2, 5));
        assert_eq!(read.pixels(), &small_images()[16..]);
        assert_eq!(read.labels(), [9, 0, 255]);
    }
}

#[test]
fn every_cut_of_an_idx_file_is_an_error() {
    let folder = Folder::new();
    let (images, labels) = (small_images(), small_labels());
    let mut checked = 0;
    for (images, labels) in [(images.clone(), labels.clone()), (gzip(&images), gzip(&labels))] {
        folder.read_idx(&images, &labels).unwrap();
        let cut_images = (0..images.len()).map(|length| (&images[..length], &labels[..], "images"));
        let cut_labels = (0..labels.len()).map(|length| (&images[..], &labels[..length], "labels"));
        for (images, labels, name) in cut_images.chain(cut_labels) {
            let read = folder.read_idx(images, labels);
            let cut = folder.path(name).display().to_string();
            assert!(
                matches!(&read, Err(Error::Malformed { path, .. }) if *path == cut),
                "{name} of {} and {} bytes: {read:?}",
                images.len(),
                labels.len()
            );
            checked += 1;
        }
    }
    assert!(checked > 130, "{checked}");
}

#[test]
fn no_flipped_bit_of_a_gzip_file_changes_what_is_read() {
    let folder = Folder::new();
    let packed = gzip(&small_images());
    let good = folder.read_idx(&packed, &small_labels()).unwrap();
    let mut refused = 0;
    for bit in 0..8 * packed.len() {
        let mut damaged = packed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match folder.read_idx(&damaged, &small_labels()) {
            // Some bits have no effect: those of the time, of the system, and after the stream's last symbol.
            Ok(read) => assert_eq!(read, good, "bit {bit}"),
            Err(error) => {
                assert!(matches!(error, Error::Malformed { .. }), "bit {bit}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 8 * (packed.len() - 7), "{refused}");
}

const IMAGES_HEADER: &str = "16 bytes of header of an IDX file of images";

#[test]
fn refuses_idx_headers_of_images_with_the_byte() {
    let folder = Folder::new();
    let (images, labels) = (small_images(), small_labels());
    let sized = |sizes: &[u32]| idx(0x803, sizes, &[0; 1000]);
    let magic = "0x00000803, an IDX file of images";
    for (bytes, words) in [
        (vec![], ["byte 0", "the end of the file", IMAGES_HEADER]),
        (images[..15].to_vec(), ["byte 15", "the end of the file", IMAGES_HEADER]),
        (labels.clone(), ["byte 0", "the magic number 0x00000801", magic]),
        (gzip(&labels), ["unpacked byte 0", "the magic number 0x00000801", magic]),
        (idx(0x0803_0000, &[3, 2, 5], &[0; 30]), ["byte 0", "the magic number 0x08030000", magic]),
        (b"label,1x1,1x2\n".to_vec(), ["byte 0", "the magic number 0x6c616265", magic]),
        (sized(&[0, 2, 5]), ["byte 4", "0 images", "at least one image"]),
        (sized(&[3, 0, 5]), ["byte 8", "images of 0 × 5", "at least 1 × 1"]),
        (sized(&[3, 2, 0]), ["byte 8", "images of 2 × 0", "at least 1 × 1"]),
        (
            sized(&[1_000_000_000, 28, 28]),
            ["byte 1016", "the end of the file", "1000000000 images of 28 × 28, up to byte 784000000016"],
        ),
        (
            sized(&[u32::MAX; 3]),
            [
                "byte 1016",
                "the end of the file",
                "4294967295 images of 4294967295 × 4294967295, up to byte 18446744073709551615",
            ],
        ),
        ([&images[..], &[0]].concat(), ["byte 46", "more bytes", "the end of the file"]),
    ] {
        folder.assert_malformed(folder.read_idx(&bytes, &labels), "images", words);
    }
}

#[test]
fn refuses_gzipped_images_with_the_unpacked_byte() {
    let folder = Folder::new();
    let (images, labels) = (small_images(), small_labels());
    let mut wrong_checksum = gzip(&images);
    let index = wrong_checksum.len() - 8;
    wrong_checksum[index] ^= 1;
    let damaged = "a damaged gzip stream (corrupt gzip stream does not have a matching checksum)";
    let too_much = "at most 58720292 bytes in a gzip file of 36; unpack it first (gunzip)";
    let bomb = gzip(&idx(0x803, &[1_000_000, 28, 28], &[7; 5]));
    assert_eq!(bomb.len(), 36);
    for (bytes, words) in [
        (gzip(&[]), ["unpacked byte 0", "the end of the file", IMAGES_HEADER]),
        (gzip(&[&images[..], &[0]].concat()), ["unpacked byte 46", "more bytes", "the end of the file"]),
        ([gzip(&images), gzip(&[0])].concat(), ["unpacked byte 46", "more bytes", "the end of the file"]),
        (gzip(&images[..40]), ["unpacked byte 40", "the end of the file", "3 images of 2 × 5, up to byte 46"]),
        (bomb, ["unpacked byte 4", "1000000 images of 28 × 28, 784000000 bytes", too_much]),
        (wrong_checksum, ["unpacked byte 46", damaged, "a whole one"]),
        (
            gzip(&images)[..30].to_vec(),
            ["unpacked byte 23", "the end of the gzip stream", "the rest of it: the file is cut off"],
        ),
    ] {
        folder.assert_malformed(folder.read_idx(&bytes, &labels), "images", words);
    }
}

#[test]
fn refuses_idx_labels_with_the_byte() {
    let folder = Folder::new();
    let (images, labels) = (small_images(), small_labels());
    for (bytes, words) in [
        (labels[..7].to_vec(), ["byte 7", "the end of the file", "8 bytes of header of an IDX file of labels"]),
        (labels[..10].to_vec(), ["byte 10", "the end of the file", "3 labels, up to byte 11"]),
        (images.clone(), ["byte 0", "the magic number 0x00000803", "0x00000801, an IDX file of labels"]),
        (idx(0x801, &[3], &[1; 4]), ["byte 11", "more bytes", "the end of the file"]),
    ] {
        folder.assert_malformed(folder.read_idx(&images, &bytes), "labels", words);
    }
    let expected = format!("3, one for each image of {}", folder.path("images").display());
    let four = idx(0x801, &[4], &[1; 4]);
    for (bytes, place) in [(gzip(&four), "unpacked byte 4"), (four, "byte 4")] {
        folder.assert_malformed(folder.read_idx(&images, &bytes), "labels", [place, "4 labels", &expected]);
    }
}

#[test]
fn what_the_system_refuses_is_an_error_of_the_file() {
    let folder = Folder::new();
    let good = folder.write("good", small_images());
    for bad in [folder.path("nowhere"), folder.0.path().to_owned()] {
        for error in [
            LabelledImages::from_idx(&bad, &good, |_| ()).unwrap_err(),
            LabelledImages::from_idx(&good, &bad, |_| ()).unwrap_err(),
            LabelledImages::from_csv(&bad, LabelColumn::First, |_| ()).unwrap_err(),
        ] {
            let named = bad.display().to_string();
            assert!(matches!(&error, Error::File { action: "read", path, .. } if *path == named), "{error}");
        }
    }
}

#[test]
fn images_are_read_from_csv() {
    let folder = Folder::new();
    let pixels = [0, 1, 20, 255, 9, 80, 70, 6];
    for (text, label) in [
        ("7,0,1,20,255\n3,9,80,70,6\n", LabelColumn::First),
        ("7,0,1,20,255\n3,9,80,70,6", LabelColumn::First),
        ("0,1,20,255,7\r\n9,80,70,6,3\r\n", LabelColumn::Last),
        ("label,1x1,1x2,2x1,2x2\n7,0,1,20,255\n3,9,80,70,6\n", LabelColumn::First),
        ("label,1,2,3,4\n7,0,1,20,255\n3,9,80,70,6\n", LabelColumn::First),
        ("\u{feff}7,0,1,20,255\n3,9,80,70,6\n", LabelColumn::First),
        ("\u{feff}\"a\nlabel\",,,,\r\n7,0,1,20,255\r\n3,9,80,70,6\r\n\r\n", LabelColumn::First),
        ("\n\n7, 0 ,001,\"20\",0255\n\n3,+9,80,70,\t6\n\n", LabelColumn::First),
    ] {
        let read = folder.read_images(text, label).unwrap();
        assert_eq!((read.pixels(), read.labels()), (&pixels[..], &[7, 3][..]), "{text:?}");
        assert_eq!((read.len(), read.height(), read.width()), (2, 2, 2), "{text:?}");
    }
    // Three pixels are not a square: one row. One pixel is a square.
    let read = folder.read_images("1,2,3,4\n", LabelColumn::First).unwrap();
    assert_eq!((read.pixels(), read.height(), read.width()), (&[2, 3, 4][..], 1, 3));
    let read = folder.read_images("1,2\n", LabelColumn::Last).unwrap();
    assert_eq!((read.pixels(), read.labels(), read.height(), read.width()), (&[1][..], &[2][..], 1, 1));
}

#[test]
fn the_header_says_where_the_label_is() {
    let folder = Folder::new();
    let rows = "7,1,2,8\n3,4,5,9\n";
    for (header, labels, pixels) in [
        ("label,a,b,c\n", [7, 3], [1, 2, 8, 4, 5, 9]),
        ("a,b,c,label\n", [8, 9], [7, 1, 2, 3, 4, 5]),
        ("a,b,c,Class\n", [8, 9], [7, 1, 2, 3, 4, 5]),
        ("0,1,2, TARGET \n", [8, 9], [7, 1, 2, 3, 4, 5]),
        ("\u{feff}\"digit\",a,b,c\n", [7, 3], [1, 2, 8, 4, 5, 9]),
        ("a,b,c,y\r\n", [8, 9], [7, 1, 2, 3, 4, 5]),
        // The first of the names counts.
        ("y,x,z,label\n", [8, 9], [7, 1, 2, 3, 4, 5]),
        ("label,x,y,class\n", [7, 3], [1, 2, 8, 4, 5, 9]),
        // Without such a name, and without a header: the first column.
        ("a,b,c,labels\n", [7, 3], [1, 2, 8, 4, 5, 9]),
        ("", [7, 3], [1, 2, 8, 4, 5, 9]),
    ] {
        let read = folder.read_images(format!("{header}{rows}"), LabelColumn::default()).unwrap();
        assert_eq!((read.labels(), read.pixels()), (&labels[..], &pixels[..]), "{header:?}");
    }
    // Who says where the label is need not name it there.
    for (header, label, labels) in
        [("a,b,c,label\n", LabelColumn::First, [7, 3]), ("a,label,c,d\n", LabelColumn::Last, [8, 9])]
    {
        assert_eq!(folder.read_images(format!("{header}{rows}"), label).unwrap().labels(), labels);
    }
    for (header, place, found, expected) in [
        (
            "a,Label,c,d\n",
            "line 1, field 2",
            "the label's column, \"Label\", in the middle",
            "it as the first or the last",
        ),
        ("\na,b,y,d\n", "line 2, field 3", "the label's column, \"y\", in the middle", "it as the first or the last"),
        ("label,b,c,label\n", "line 1, field 4", "a second column of labels, \"label\"", "one"),
    ] {
        let read = folder.read_images(format!("{header}{rows}"), LabelColumn::ByHeader);
        folder.assert_malformed(read, "digits.csv", [place, found, expected]);
    }
}

#[test]
fn whole_floats_are_labels_and_pixels() {
    let folder = Folder::new();
    let text = "7.0,0.0,20.00,255.,0.2e1\n3.000000e+00,-0.0, 5.0 ,1,+6.0\n";
    let read = folder.read_images(text, LabelColumn::First).unwrap();
    assert_eq!((read.labels(), read.pixels()), (&[7, 3][..], &[0, 20, 255, 2, 0, 5, 1, 6][..]));
}

#[test]
fn refuses_csv_of_images_with_line_and_field() {
    let folder = Folder::new();
    let (pixel, label) = ("a pixel: a whole number from 0 to 255", "a label: a whole number from 0 to 255");
    let end = "the end of the file";
    let long = format!("1,{}", "x".repeat(1000));
    let long_found = format!("\"{}\"…", "x".repeat(40));
    for (text, words) in [
        ("", [end, "no rows", "at least one row of data"]),
        ("\r\n\n", [end, "no rows", "at least one row of data"]),
        ("\u{feff}", [end, "no rows", "at least one row of data"]),
        ("label,a,b\n", [end, "a header and no rows", "at least one row of data"]),
        ("1\n2\n", ["line 1", "1 field", "a label and at least one pixel"]),
        ("1,2,3\n1,2\n", ["line 2", "2 fields", "3, as in the first row"]),
        ("1,2,3\r\n1,2,3,4\r\n", ["line 2", "4 fields", "3, as in the first row"]),
        ("l,a,b\n\n\n\"1\",\"2\n\",3\n\n1,2\n", ["line 7", "2 fields", "3, as in the first row"]),
        ("1,2,3\r\n\r\n1,2,x\r\n", ["line 3, field 3", "\"x\"", pixel]),
        ("\u{feff}\n\n1,2,\n", ["line 3, field 3", "an empty field", pixel]),
        ("1,2,256\n", ["line 1, field 3", "\"256\"", pixel]),
        ("256,2,3\n", ["line 1, field 1", "\"256\"", label]),
        ("1,2,3\n-1,2,3\n", ["line 2, field 1", "\"-1\"", label]),
        ("1,-1,3\n", ["line 1, field 2", "\"-1\"", pixel]),
        ("1,3.5,3\n", ["line 1, field 2", "\"3.5\"", pixel]),
        ("3.5,3,3\n", ["line 1, field 1", "\"3.5\"", label]),
        ("1,255.5,3\n", ["line 1, field 2", "\"255.5\"", pixel]),
        ("1,2,256.0\n", ["line 1, field 3", "\"256.0\"", pixel]),
        ("1,-1.0,3\n", ["line 1, field 2", "\"-1.0\"", pixel]),
        ("1,nan,3\n", ["line 1, field 2", "\"nan\"", pixel]),
        ("1,2\n1,NaN\n", ["line 2, field 2", "\"NaN\"", pixel]),
        ("1,2\n1,inf\n", ["line 2, field 2", "\"inf\"", pixel]),
        ("1,2\n1,99999999999999999999\n", ["line 2, field 2", "\"99999999999999999999\"", pixel]),
        ("1,2\n1, \n", ["line 2, field 2", "an empty field", pixel]),
        ("1,2\n1,0x10\n", ["line 2, field 2", "\"0x10\"", pixel]),
        (&format!("1,2\n{long}\n"), ["line 2, field 2", &long_found, pixel]),
    ] {
        folder.assert_malformed(folder.read_images(text, LabelColumn::First), "digits.csv", words);
    }
    let read = folder.read_images(b"1,2\n1,\xff\n", LabelColumn::First);
    folder.assert_malformed(read, "digits.csv", ["line 2, field 2", "\"\u{fffd}\"", pixel]);
    let read = folder.read_images("1,2,3\n4,5,x\n", LabelColumn::Last);
    folder.assert_malformed(read, "digits.csv", ["line 2, field 3", "\"x\"", label]);
}

#[test]
fn refuses_rows_that_are_longer_than_a_mebibyte() {
    let folder = Folder::new();
    let end = "a shorter one, or the end of a quoted field";
    for text in ["1,2\n\"3".to_owned() + &"4\n".repeat(1 << 19), format!("1,2\n{}", ",".repeat((1 << 20) + 1))] {
        let words = ["line 2", "a row of more than 1048576 bytes", end];
        folder.assert_malformed(folder.read_images(&text, LabelColumn::First), "digits.csv", words);
    }
    let longest = "5,".repeat((1 << 19) - 1) + "5";
    let read = folder.read_images(format!("{longest}\n{longest}\n"), LabelColumn::First).unwrap();
    assert_eq!((read.len(), read.width()), (2, (1 << 19) - 1));
    let words = ["line 2", "a row of more than 1048576 bytes", end];
    folder.assert_malformed(
        folder.read_images(format!("{longest}\n{longest}5\n"), LabelColumn::First),
        "digits.csv",
        words,
    );
}
