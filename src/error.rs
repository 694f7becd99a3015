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

    /// `WGPU_ADAPTER_NAME` names no adapter of this machine: choose one of those found.
    #[error("WGPU_ADAPTER_NAME={wanted} matches none of this machine's adapters ({found}): give a part of one's name")]
    AdapterNotFound {
        /// The name asked for.
        wanted: String,
        /// The names of the adapters found.
        found: String,
    },

    /// `WGPU_BACKEND` names no backend: correct its spelling.
    #[error("WGPU_BACKEND={wanted} names no backend; choose among vulkan, metal, dx12 and gl")]
    UnknownBackend {
        /// What was asked for.
        wanted: String,
    },

    /// The adapter gave no device.
    #[error("the adapter {adapter} gave no device: {reason}")]
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

    /// The GPU had no memory left; what existed before still works.
    #[error("the GPU has no memory left for {what}: use a smaller batch, network or data set")]
    OutOfMemory {
        /// The object that was to be made.
        what: String,
    },

    /// wgpu refused a buffer: it is destroyed, mapped, or of another device.
    #[error("wgpu refused a buffer of {what}: {reason}")]
    BufferRefused {
        /// The kernel or the submission that uses it.
        what: String,
        /// wgpu's own words.
        reason: String,
    },

    /// wgpu refused something else, which it should not: please report it.
    #[error("wgpu refused {what}: {reason}")]
    Refused {
        /// The object that was to be made.
        what: String,
        /// wgpu's own words.
        reason: String,
    },

    /// The GPU did not finish in time.
    #[error(
        "the GPU did not finish within {seconds} s: give it longer by Gpu::with_wait_timeout, or less work at a time"
    )]
    Timeout {
        /// How long was waited.
        seconds: f64,
    },

    /// The GPU reported work as done that it had not done.
    #[error(
        "the GPU was given {expected} training steps and did {found}: a submission was refused, or was dropped for taking \
         too long, or the device is another than it says; record fewer steps in one, or try another plan"
    )]
    WorkDropped {
        /// The steps whose submissions were reported complete.
        expected: u64,
        /// The steps that the GPU counted.
        found: u64,
    },

    /// The GPU reported a readback as done that it had not done.
    #[error("{operation}: the GPU reported work as done that it dropped; nothing was read")]
    ReadDropped {
        /// The operation that read.
        operation: &'static str,
    },

    /// Training diverged: the loss is no longer a finite number, and neither are the parameters.
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

    /// A network without layers: add at least one, `Mlp::inputs(2).linear(1)`.
    #[error("{operation}: the network has no layers; add one, for example .linear(30)")]
    NoLayers {
        /// The operation that refused.
        operation: &'static str,
    },

    /// `.bias()` must follow `.linear(…)`.
    #[error("Mlp: .bias() stands after layer {after}, which is not linear; write .linear(outputs).bias()")]
    MisplacedBias {
        /// How many layers stood before `.bias()`.
        after: usize,
    },

    /// An activation must follow `.linear(…)`, and a layer has one.
    #[error(
        "Mlp: .{activation}() stands after {after} layers, the last of which has its activation or is not there; a layer \
         is a linear map with one activation: write .linear(outputs).{activation}()"
    )]
    MisplacedActivation {
        /// The activation's name.
        activation: &'static str,
        /// How many layers stood before it.
        after: usize,
    },

    /// A size that may not be zero is zero.
    #[error("{operation}: {what} is 0; it must be at least 1")]
    Zero {
        /// The operation that refused.
        operation: &'static str,
        /// The size.
        what: &'static str,
    },

    /// A matrix without rows or without columns.
    #[error("{operation}: {what} is {shape}; it must have at least one row and one column")]
    Empty {
        /// The operation that refused.
        operation: &'static str,
        /// The operand.
        what: &'static str,
        /// Its shape.
        shape: Shape,
    },

    /// Two shapes that must fit do not.
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

    /// A slice has another length than its shape says.
    #[error("{operation}: {what} has {found} numbers, and {expected} were expected ({rule})")]
    Length {
        /// The operation that refused.
        operation: &'static str,
        /// The slice.
        what: &'static str,
        /// How many numbers would fit.
        expected: u64,
        /// How many numbers it has.
        found: u64,
        /// Where the expected length comes from.
        rule: &'static str,
    },

    /// The batch size is 0 or above the number of samples.
    #[error("TrainConfig: batch_size is {batch_size} and the data set has {samples} samples; choose 1 to {samples}")]
    BatchSize {
        /// The batch size asked for.
        batch_size: u64,
        /// How many samples there are.
        samples: u64,
    },

    /// A data set cannot be split there.
    #[error("Dataset::split_at: {first} of {samples} samples; both parts need one at least: choose 1 to {samples} - 1")]
    Split {
        /// The samples of the first part.
        first: usize,
        /// How many samples there are.
        samples: usize,
    },

    /// Rows that a data set has no room for, or that would leave a gap.
    #[error(
        "Dataset::write_rows: {rows} rows from {first} on, and the data set has {count} with room for {capacity}; begin at \
         {count} or before, and end at {capacity}"
    )]
    NoRoom {
        /// The first row to write.
        first: usize,
        /// How many rows.
        rows: usize,
        /// The samples that there are.
        count: usize,
        /// The samples that there is room for.
        capacity: usize,
    },

    /// A number of samples that a data set cannot have.
    #[error("{operation}: {samples} samples; choose {least} to {capacity}, the rows that there are")]
    SampleCount {
        /// The operation that refused.
        operation: &'static str,
        /// The samples asked for.
        samples: usize,
        /// The fewest that there can be: those that there are.
        least: u32,
        /// The most that there can be.
        capacity: u32,
    },

    /// A data set of bytes where one of f32 is wanted.
    #[error(
        "{operation}: the data set is of bytes and classes; make one of f32, by Dataset::from_slices or with_capacity"
    )]
    NotFloats {
        /// The operation that refused.
        operation: &'static str,
    },

    /// A class that is not among those that there are.
    #[error("{operation}: classes[{index}] is {class}, and there are {classes} classes, numbered from 0")]
    NoSuchClass {
        /// The operation that refused.
        operation: &'static str,
        /// The sample.
        index: usize,
        /// Its class.
        class: u32,
        /// How many classes there are.
        classes: usize,
    },

    /// The learning rate is not a finite number.
    #[error("the learning rate is {0}; it must be a finite number, for example 0.1")]
    LearningRate(String),

    /// A number that goes to the GPU is NaN or infinite.
    #[error("{operation}: {what}[{index}] is {value}; every number must be finite")]
    NotFinite {
        /// The operation that refused.
        operation: &'static str,
        /// The slice.
        what: &'static str,
        /// The place in the slice, all rows counted through.
        index: usize,
        /// The number found there.
        value: String,
    },

    /// Something does not fit in 32-bit sizes, in the device's limits, or in a bound of wgrad's own.
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

    /// A buffer lacks a usage flag.
    #[error("{operation}: the buffer of {what} lacks {missing}; create it with that usage")]
    BufferUsage {
        /// The operation that refused.
        operation: &'static str,
        /// The operand.
        what: &'static str,
        /// The usage flags that are missing, by wgpu's names.
        missing: String,
    },

    /// A buffer is too short for the rows asked for.
    #[error(
        "{operation}: {what} needs {needed} bytes of its buffer, which has {found}; fewer rows, or a larger buffer"
    )]
    BufferTooShort {
        /// The operation that refused.
        operation: &'static str,
        /// The operand.
        what: &'static str,
        /// The bytes up to the end of the last row.
        needed: u64,
        /// The buffer's size in bytes.
        found: u64,
    },

    /// An offset or stride that is not a multiple of 4 bytes.
    #[error("{operation}: the {field} of {what} is {bytes} bytes; it must be a multiple of 4, the size of an f32")]
    BufferMisaligned {
        /// The operation that refused.
        operation: &'static str,
        /// The operand.
        what: &'static str,
        /// `offset` or `stride`.
        field: &'static str,
        /// Its value in bytes.
        bytes: u64,
    },

    /// A stride below the width of a row.
    #[error(
        "{operation}: the stride of {what} is {stride} bytes, and a row of {width} f32 takes {row}; raise the stride"
    )]
    StrideTooSmall {
        /// The operation that refused.
        operation: &'static str,
        /// The operand.
        what: &'static str,
        /// The stride in bytes.
        stride: u64,
        /// The numbers in a row.
        width: u64,
        /// The bytes of a row.
        row: u64,
    },

    /// The same buffer is read and written by one operation.
    #[error("{operation}: {read} and {written} are in one buffer; wgpu wants a buffer of its own for what is written")]
    BufferAliased {
        /// The operation that refused.
        operation: &'static str,
        /// The operand that is read.
        read: &'static str,
        /// The operand that is written.
        written: &'static str,
    },

    /// Two things that work together belong to different [`Gpu`](crate::Gpu)s.
    #[error("{operation}: {left} and {right} belong to different Gpus; make both from one Gpu or its clones")]
    OtherGpu {
        /// The operation that refused.
        operation: &'static str,
        /// The one.
        left: &'static str,
        /// The other.
        right: &'static str,
    },

    /// A population where one network is wanted: [`extract`](crate::Network::extract) it.
    #[error("{operation}: this is a population of {count} networks; take one out by extract(index)")]
    Population {
        /// The operation that refused.
        operation: &'static str,
        /// How many networks the population has.
        count: usize,
    },

    /// A population has no network of that number.
    #[error("Network::extract: there is no network {index} among {count}; they are numbered from 0")]
    NoSuchNetwork {
        /// The number that was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },

    /// A name that a function in WGSL cannot have.
    #[error("Network::wgsl: {name:?} cannot name a function in WGSL; give letters, digits and _, the first a letter")]
    FunctionName {
        /// The name asked for.
        name: String,
    },

    /// A group or binding index that the device does not have.
    #[error("{operation}: {what} {index} is past the device's {limit}, {allowed}; the largest is one below that")]
    BindingIndex {
        /// The operation that refused.
        operation: &'static str,
        /// `group` or `binding`.
        what: &'static str,
        /// The index asked for.
        index: u32,
        /// The field of [`wgpu::Limits`].
        limit: &'static str,
        /// The limit's value.
        allowed: u32,
    },

    /// A layer that is wider than a function in WGSL is written for: run the network by
    /// [`forward`](crate::Network::forward).
    #[error(
        "{operation}: layer {layer} (0 is the input) is {width} wide, and functions are written for up to {most}; use \
         narrower layers, or Network::forward"
    )]
    TooWide {
        /// The operation that refused.
        operation: &'static str,
        /// The layer, counted from 1; 0 is the input.
        layer: usize,
        /// Its width.
        width: usize,
        /// The widest that there can be.
        most: usize,
    },

    /// A function in WGSL that would run through more loop iterations than some drivers allow an invocation.
    #[error(
        "{operation}: a call would go through {found} loop iterations, and {most} are allowed; use fewer or narrower \
         layers, or Network::forward"
    )]
    TooManyIterations {
        /// The operation that refused.
        operation: &'static str,
        /// The iterations of a call.
        found: u64,
        /// The most that there may be.
        most: u64,
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

    /// A file cannot be read or written. The network in memory is unchanged; so is a file that was there before.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// The system's own words.
        reason: String,
    },

    /// A file is damaged, or not what it was taken for. Nothing of it was used.
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

    /// A plan of that name does not exist.
    #[error("there is no plan named {name:?}; choose one of {known}")]
    UnknownPlan {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Error {
    /// The same, where what wgpu refused can only be one of the buffers.
    pub(crate) fn of_a_buffer(self) -> Self {
        match self {
            Error::Refused { what, reason } => Error::BufferRefused { what, reason },
            other => other,
        }
    }
}
