//! The progress reports of reading, and its memory use.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use wgrad::datasets::{LabelColumn, LabelledImages, ReadProgress};

use crate::common::say;
use crate::{Folder, gzip, idx};

type Report<'a> = &'a mut dyn FnMut(ReadProgress);

#[test]
fn progress_never_falls_and_ends_at_the_total() {
    let folder = Folder::new();
    let count = 7 << 10;
    let mut state = 1_u32;
    let random = std::iter::from_fn(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((state >> 24) as u8)
    });
    let images = idx(0x803, &[count, 32, 32], &random.take(7 << 20).collect::<Vec<_>>());
    let labels = idx(0x801, &[count], &vec![1; count as usize]);
    let text = "123,45,6\n".repeat(600_000);
    let (plain, labels) = (folder.write("images", &images), folder.write("labels", labels));
    let (packed, csv) = (folder.write("images.gz", gzip(&images)), folder.write("csv", text));
    let size = |path: &Path| fs::metadata(path).unwrap().len();

    let check = |what: &str, total: u64, read: &dyn Fn(Report)| {
        let mut reports = Vec::new();
        read(&mut |progress| reports.push(progress));
        assert!(reports.iter().all(|report| report.total == total), "{what}: {reports:?}");
        assert!(reports.windows(2).all(|pair| pair[0].bytes < pair[1].bytes), "{what}: {reports:?}");
        assert_eq!(reports.last(), Some(&ReadProgress { bytes: total, total }), "{what}");
        let mebibytes = total.div_ceil(1 << 20);
        assert!((mebibytes.saturating_sub(2)..=mebibytes + 2).contains(&(reports.len() as u64)), "{what}: {reports:?}");
    };
    for (what, path) in [("IDX", &plain), ("IDX by gzip", &packed)] {
        check(what, size(path) + size(&labels), &|report| {
            LabelledImages::from_idx(path, &labels, report).unwrap();
        });
    }
    // The labels' file is as large as the images'.
    let points = folder.write("points", idx(0x803, &[3 << 20, 1, 1], &vec![1; 3 << 20]));
    let their_labels = folder.write("labels of points", idx(0x801, &[3 << 20], &vec![1; 3 << 20]));
    check("IDX of points", size(&points) + size(&their_labels), &|report| {
        LabelledImages::from_idx(&points, &their_labels, report).unwrap();
    });
    check("CSV of images", size(&csv), &|report| {
        LabelledImages::from_csv(&csv, LabelColumn::First, report).unwrap();
    });
    // A small file is reported once; a refused file is never reported as complete.
    check("a small file", 4, &|report| {
        LabelledImages::from_csv(folder.write("small", "1,2\n"), LabelColumn::First, report).unwrap();
    });
    let ragged = folder.write("ragged", "1,2\n".repeat(1 << 19) + "1");
    let total = size(&ragged);
    let mut reports = 0;
    let read = LabelledImages::from_csv(&ragged, LabelColumn::First, |progress| {
        assert!(progress.bytes < total);
        reports += 1;
    });
    assert!(read.is_err() && reports > 0);
}

/// The peak memory of this process in bytes, on Linux.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The tests below run this in a child process, whose peak memory they check.
#[test]
#[ignore = "run by the tests of bad files"]
fn reads_a_bad_file() {
    let [kind, path, labels] =
        ["KIND", "PATH", "LABELS"].map(|name| std::env::var(format!("WGRAD_TEST_{name}")).unwrap());
    let error = match &*kind {
        "idx" => LabelledImages::from_idx(&path, &labels, |_| ()).map(drop),
        _ => LabelledImages::from_csv(&path, LabelColumn::First, |_| ()).map(drop),
    };
    let peak = peak_memory().unwrap();
    println!("peak {peak}: {}", error.unwrap_err());
}

/// Whether this system reports a process's peak memory; otherwise says that it was not tested.
fn has_peak_memory() -> bool {
    if peak_memory().is_none() {
        say("this system does not report a process's peak memory: not tested");
    }
    peak_memory().is_some()
}

/// Fails unless reading the file is refused with these words, and takes no more memory than the file's size and 64 MB.
fn assert_refused_cheaply(folder: &Folder, [kind, name, labels, words]: [&str; 4]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "costs::reads_a_bad_file", "--nocapture"]);
    child.env("WGRAD_TEST_KIND", kind);
    child.env("WGRAD_TEST_PATH", folder.path(name)).env("WGRAD_TEST_LABELS", folder.path(labels));
    let output = child.output().unwrap();
    let output = String::from_utf8_lossy(&output.stdout);
    let peak = output.split_once("peak ").and_then(|(_, rest)| rest.split_once(':')).map(|(peak, _)| peak);
    let peak = peak.unwrap_or_else(|| panic!("{kind}, {name}: {output}")).parse::<u64>().unwrap();
    assert!(output.contains(words), "{kind}, {name}: {output}");
    let size = fs::metadata(folder.path(name)).unwrap().len();
    assert!(peak <= size + 64_000_000, "{kind}, {name}: {peak} bytes for a file of {size}");
}

#[test]
fn bad_idx_files_cost_no_more_memory_than_their_size_and_64_mb() {
    if !has_peak_memory() {
        return;
    }
    let folder = Folder::new();
    // A GiB of zeros, as gzip members of 16 MiB each.
    let zeros = gzip(&vec![0; 16 << 20]).repeat(64);
    let bomb = |images: u32, side: u32| [gzip(&idx(0x803, &[images, side, side], &[])), zeros.clone()].concat();
    folder.write("honest bomb", bomb(1 << 20, 32));
    folder.write("lying bomb", bomb(1, 28));
    folder.write("lie", idx(0x803, &[1_000_000_000, 28, 28], &[0; 1000]));
    // The largest size allowed, with a wrong last byte.
    let mut last_byte = gzip(&idx(0x803, &[56, 1024, 1024], &vec![0; 56 << 20]));
    *last_byte.last_mut().unwrap() ^= 1;
    folder.write("wrong length at the end", last_byte);
    folder.write("labels", idx(0x801, &[1], &[0]));
    folder.write("56 labels", idx(0x801, &[56], &[0; 56]));

    for case in [
        ["idx", "honest bomb", "labels", "unpack it first (gunzip)"],
        ["idx", "lying bomb", "labels", "found more bytes"],
        ["idx", "lie", "labels", "found the end of the file"],
        ["idx", "wrong length at the end", "56 labels", "a damaged gzip stream"],
    ] {
        assert_refused_cheaply(&folder, case);
    }
}

#[test]
fn bad_csv_files_cost_no_more_memory_than_their_size_and_64_mb() {
    if !has_peak_memory() {
        return;
    }
    let folder = Folder::new();
    let repeated = |name: &str, begin: &str, block: &[u8], blocks: usize, end: &str| {
        let mut file = BufWriter::new(File::create(folder.path(name)).unwrap());
        file.write_all(begin.as_bytes()).unwrap();
        (0..blocks).for_each(|_| file.write_all(block).unwrap());
        file.write_all(end.as_bytes()).unwrap();
        file.flush().unwrap();
    };
    let row = "0,".repeat(784) + "0\n";
    repeated("ragged", "", row.as_bytes(), 150_000_000 / row.len(), "0,0\n");
    repeated("commas", "", &[b','; 1 << 20], 100, "");
    repeated("open quote", "1,\"", &[b'\n'; 1 << 20], 100, "");
    // The widest rows: the offsets of their fields take more memory than the rows.
    repeated("wide", "", &[b','; (1 << 20) - 2], 1, "\n");
    let wide = fs::read(folder.path("wide")).unwrap();
    fs::write(folder.path("wide"), [&wide[..], &wide, b",\n"].concat()).unwrap();

    for case in [
        ["images", "ragged", "", "found 2 fields, expected 785"],
        ["images", "commas", "", "a row of more than"],
        ["images", "open quote", "", "a row of more than"],
        ["images", "wide", "", "found an empty field"],
    ] {
        assert_refused_cheaply(&folder, case);
    }
}
