//! Everything that can go wrong, as one enum: each message names the operation, the numbers, and the way out.

use std::fmt;

/// `Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The shape of a matrix: `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many rows.
    pub rows: u64,
    /// How many columns.
    pub columns: u64,
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}, {}]", self.rows, self.columns)
    }
}

/// What can be wrong with a buffer: the `problem` of [`Error::Buffer`]. Displayed as a phrase about its operand.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BufferProblem {
    /// wgpu refused it: use one of the same device that is neither destroyed nor mapped.
    #[error("was refused by wgpu; use one of the same device, neither destroyed nor mapped: {reason}")]
    Refused {
        /// wgpu's own words.
        reason: String,
    },
    /// It lacks a usage: create it with that usage.
    #[error("is in a buffer that lacks BufferUsages::{missing}; create it with that usage")]
    LacksUsage {
        /// The missing usage, by wgpu's name.
        missing: &'static str,
    },
    /// It is too short for the rows: use fewer rows or a larger buffer.
    #[error("needs {needed} bytes of its buffer, which has {found}; fewer rows, or a larger buffer")]
    TooShort {
        /// The bytes up to the end of the last row.
        needed: u64,
        /// The buffer's size in bytes.
        found: u64,
    },
    /// The offset or stride is not a multiple of 4 bytes: make it one.
    #[error("has {bytes} bytes as its {field}, which must be a multiple of 4, the size of an f32")]
    Misaligned {
        /// `offset` or `stride`.
        field: &'static str,
        /// Its value in bytes.
        bytes: u64,
    },
    /// The stride is smaller than a row: raise it to `row` at least.
    #[error("has a stride of {stride} bytes, and a row of {width} f32 takes {row}; raise the stride")]
    StrideTooSmall {
        /// The stride in bytes.
        stride: u64,
        /// The numbers in a row.
        width: u64,
        /// The bytes of a row.
        row: u64,
    },
    /// It is read, and the same operation writes to it: use a second buffer for what is written.
    #[error("and {with} are in one buffer; wgpu wants a buffer of its own for what is written")]
    Aliased {
        /// The operand that is written.
        with: &'static str,
    },
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter: install a driver (`tools/with-vulkan` does), or name another backend in `WGPU_BACKEND`.
    #[error(
        "no GPU adapter: {tried}. Install a driver for your GPU, or Mesa's software Vulkan driver \
         (Debian, Ubuntu: libvulkan1 mesa-vulkan-drivers; Fedora: vulkan-loader mesa-vulkan-drivers; \
         Arch: vulkan-icd-loader vulkan-swrast), or let `tools/with-vulkan COMMAND` do so"
    )]
    NoAdapter {
        /// Each backend and what became of it.
        tried: String,
    },

    /// `WGPU_ADAPTER_NAME` or `WGPU_BACKEND` names nothing that there is: set it to one of those listed, or unset it.
    #[error("{variable}={value} {problem}")]
    Environment {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with the value, and which ones would do.
        problem: String,
    },

    /// The adapter gave no device: choose another by `WGPU_ADAPTER_NAME`.
    #[error("the adapter {adapter} gave no device; choose another by WGPU_ADAPTER_NAME: {reason}")]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// wgpu's own words.
        reason: String,
    },

    /// A limit of the device is too low: request the device with `wgpu::Limits::default()`.
    #[error(
        "the device's {limit} is {available}, and wgrad needs {needed}: request the device with wgpu::Limits::default()"
    )]
    LimitTooLow {
        /// The field of [`wgpu::Limits`].
        limit: &'static str,
        /// What the kernels need.
        needed: u64,
        /// What the device has.
        available: u64,
    },

    /// The device is lost or was destroyed. Every later read says so too: make a new device, and a new
    /// [`Gpu`](crate::Gpu) on it.
    #[error("the GPU device was lost ({reason}): make a new device and load the parameters that you last saved")]
    DeviceLost {
        /// What the driver or wgpu said.
        reason: String,
    },

    /// The GPU had no memory left: use a smaller batch, network or data set. What existed before still works.
    #[error("the GPU has no memory left for {what}: use a smaller batch, network or data set")]
    OutOfMemory {
        /// The object that was to be made.
        what: String,
    },

    /// wgpu refused something that is not a buffer of yours. This should not happen: please report it.
    #[error("wgpu refused {what}; please report this: {reason}")]
    Refused {
        /// The object that was to be made.
        what: String,
        /// wgpu's own words.
        reason: String,
    },

    /// The GPU did not finish in time: give it longer by `Gpu::with_wait_timeout`, or less work at a time.
    #[error(
        "the GPU did not finish within {seconds} s: give it longer by Gpu::with_wait_timeout, or less work at a time"
    )]
    Timeout {
        /// How long was waited.
        seconds: f64,
    },

    /// The GPU reported work as done that it had not done: submit less at a time, or try another plan or device.
    #[error(
        "{operation}: the GPU was given {expected} {what} and did {found}: a submission was refused, or was dropped \
         for taking too long, or the device is another than it says; {way_out}"
    )]
    WorkDropped {
        /// The operation that noticed it.
        operation: &'static str,
        /// The work: `training steps`, or `readback`, of which nothing was then read.
        what: &'static str,
        /// How much of it was reported as done.
        expected: u64,
        /// How much of it was done.
        found: u64,
        /// What to do instead.
        way_out: &'static str,
    },

    /// Training diverged, and the parameters are not finite: restore them, and train with a lower learning rate.
    #[error(
        "training diverged: after {step} steps the loss is {loss}; write saved parameters back, and make a new Trainer \
         with a lower learning rate"
    )]
    Diverged {
        /// The step at which it was seen.
        step: u64,
        /// The loss that was read: NaN or infinite.
        loss: String,
    },

    /// A part of an [`Mlp`](crate::Mlp) stands where it cannot: `.bias()` and then one activation follow `.linear(…)`.
    #[error("{operation}: {what} stands after layer {after} (0 is the input), {rule}")]
    Misplaced {
        /// The operation that refused.
        operation: &'static str,
        /// The part, for example `.bias()`.
        what: String,
        /// How many layers stand before it.
        after: usize,
        /// Why it cannot stand there, and what to write instead.
        rule: &'static str,
    },

    /// A number is outside its range: a size, a length, an index. Choose one from `least` to `most`, as `rule` says.
    #[error("{operation}: {what} is {found}; {}: {rule}", range(*.least, *.most))]
    Count {
        /// The operation that refused.
        operation: &'static str,
        /// What the number is.
        what: String,
        /// The number.
        found: u64,
        /// The smallest number allowed.
        least: u64,
        /// The largest number allowed; `u64::MAX` where there is no such bound.
        most: u64,
        /// Where the range comes from, or what to do instead.
        rule: String,
    },

    /// Two shapes do not fit each other: change one of them as the rule says.
    #[error("{operation}: {left_name} is {left} and {right_name} is {right}; {rule}")]
    Shapes {
        /// The operation that refused.
        operation: &'static str,
        /// The name of the first operand.
        left_name: &'static str,
        /// Its shape.
        left: Shape,
        /// The name of the second operand.
        right_name: &'static str,
        /// Its shape.
        right: Shape,
        /// What would fit.
        rule: &'static str,
    },

    /// A data set of bytes where one of f32 is wanted: make it by `Dataset::from_slices` or `with_capacity`.
    #[error(
        "{operation}: the data set is of bytes and classes; make one of f32, by Dataset::from_slices or with_capacity"
    )]
    NotFloats {
        /// The operation that refused.
        operation: &'static str,
    },

    /// A number that goes to the GPU is NaN or infinite: replace it with a finite one.
    #[error("{operation}: {what}{} is {value}; it must be a finite number, for example 0.1", place(.index))]
    NotFinite {
        /// The operation that refused.
        operation: &'static str,
        /// The number, or the slice that it is in.
        what: &'static str,
        /// The place in the slice, all rows counted through; `None` for a single number.
        index: Option<usize>,
        /// The number found there.
        value: String,
    },

    /// Too large for 32-bit sizes, for the device's limits, or for a bound of wgrad's own: do as `way_out` says.
    #[error("{operation}: {what} needs {needed} bytes, and {limit} allows {allowed}; {way_out}")]
    TooLarge {
        /// The operation that refused.
        operation: &'static str,
        /// What is too large.
        what: &'static str,
        /// The bytes it needs (`u64::MAX` where the count itself overflows).
        needed: u64,
        /// The name of the limit.
        limit: &'static str,
        /// The limit's value in bytes.
        allowed: u64,
        /// What to do instead.
        way_out: &'static str,
    },

    /// A buffer cannot be used as it was given: the problem says what to change.
    #[error("{operation}: {what} {problem}")]
    Buffer {
        /// The operation that refused. Where wgpu refused: the kernel or the submission that uses the buffer.
        operation: String,
        /// The operand that is in the buffer.
        what: &'static str,
        /// What is wrong with the buffer.
        problem: BufferProblem,
    },

    /// Two things that work together belong to different [`Gpu`](crate::Gpu)s: make both from one, or from its clones.
    #[error("{operation}: {left} and {right} belong to different Gpus; make both from one Gpu or its clones")]
    OtherGpu {
        /// The operation that refused.
        operation: &'static str,
        /// The one.
        left: &'static str,
        /// The other.
        right: &'static str,
    },

    /// A name that cannot be taken: no plan has it, or no function in WGSL can. Give one that the problem describes.
    #[error("{operation}: {name:?} {problem}")]
    Name {
        /// The operation that refused.
        operation: &'static str,
        /// The name that was given.
        name: String,
        /// What is wrong with it, and which names would do.
        problem: String,
    },

    /// The plan that was asked for by name cannot run here: let [`Plan::Auto`](crate::Plan::Auto) choose.
    #[error("the plan {plan} is not possible here: {reason}; {way_out}")]
    PlanUnavailable {
        /// The plan's name.
        plan: &'static str,
        /// Why not; of a plan with variants, why none of them.
        reason: String,
        /// What to do instead.
        way_out: &'static str,
    },

    /// A file cannot be read or written: see the reason. The network in memory is unchanged; so is any earlier file.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// The system's own words.
        reason: String,
    },

    /// A file is damaged, or not what it was taken for: correct it or take another. Nothing of it was used.
    #[error("{path}: {place}: found {found}, expected {expected}")]
    Malformed {
        /// The file.
        path: String,
        /// Where in the file.
        place: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
}

impl Error {
    /// The same, where what wgpu refused can only be one of the buffers.
    pub(crate) fn of_a_buffer(self) -> Self {
        match self {
            Error::Refused { what, reason } => Error::buffer(what, "a buffer", BufferProblem::Refused { reason }),
            other => other,
        }
    }

    pub(crate) fn buffer(operation: impl Into<String>, what: &'static str, problem: BufferProblem) -> Self {
        Error::Buffer { operation: operation.into(), what, problem }
    }

    pub(crate) fn aliased(operation: &'static str, read: &'static str, written: &'static str) -> Self {
        Error::buffer(operation, read, BufferProblem::Aliased { with: written })
    }

    pub(crate) fn count(operation: &'static str, what: &str, found: u64, [least, most]: [u64; 2], rule: &str) -> Self {
        Error::Count { operation, what: what.to_owned(), found, least, most, rule: rule.to_owned() }
    }

    pub(crate) fn zero(operation: &'static str, what: &str) -> Self {
        Error::count(operation, what, 0, [1, u64::MAX], "0 leaves nothing to compute")
    }

    pub(crate) fn empty(operation: &'static str, what: &str, shape: Shape) -> Self {
        let side = if shape.columns == 0 { "columns" } else { "rows" };
        let rule = format!("{what} is {shape}; it must have at least one row and one column");
        Error::count(operation, &format!("the number of {side}"), 0, [1, u64::MAX], &rule)
    }

    pub(crate) fn length(operation: &'static str, slice: &str, [found, expected]: [usize; 2], rule: &str) -> Self {
        Error::count(operation, &format!("the length of {slice}"), found as u64, [expected as u64; 2], rule)
    }

    pub(crate) fn batch_size(operation: &'static str, found: u64, samples: u64) -> Self {
        let rule = format!("choose no more than the data set's {samples} samples");
        Error::count(operation, "batch_size", found, [1, samples], &rule)
    }
}

fn range(least: u64, most: u64) -> String {
    match (least, most) {
        (least, most) if least > most => "no number will do".to_owned(),
        (least, most) if least == most => format!("it must be exactly {most}"),
        (least, u64::MAX) => format!("it must be at least {least}"),
        (least, most) => format!("it must be {least} to {most}"),
    }
}

fn place(index: &Option<usize>) -> String {
    index.map_or(String::new(), |index| format!("[{index}]"))
}
