//! All errors, as one enum: each message names the operation, the values, and a way out.

mod buffer;
mod constructors;
mod shape;

pub use buffer::BufferProblem;
pub use shape::Shape;

/// `Result` with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter: install a driver (`tools/with-vulkan` does), or name another backend in `WGPU_BACKEND`. In a browser: take one
    /// that has WebGPU.
    #[cfg_attr(
        target_family = "wasm",
        error("WebGPU has no GPU here: {tried}. Use a browser that has WebGPU, and turn on its hardware acceleration")
    )]
    #[cfg_attr(
        not(target_family = "wasm"),
        error(
            "no GPU adapter: {tried}. Install a driver for your GPU, or Mesa's software Vulkan driver \
         (Debian, Ubuntu: libvulkan1 mesa-vulkan-drivers; Fedora: vulkan-loader mesa-vulkan-drivers; \
         Arch: vulkan-icd-loader vulkan-swrast), or let `tools/with-vulkan COMMAND` do so"
        )
    )]
    NoAdapter {
        /// What was tried, and why it failed.
        tried: String,
    },

    /// `WGPU_ADAPTER_NAME` or `WGPU_BACKEND` names nothing that exists: set it to a listed value, or unset it.
    #[error("{variable}={value} {problem}")]
    Environment {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with the value, and which values are possible.
        problem: String,
    },

    /// The adapter could not open a device: choose another with `WGPU_ADAPTER_NAME`. In a browser: load the page again.
    #[cfg_attr(target_family = "wasm", error("WebGPU could not open a device; load the page again: {reason}"))]
    #[cfg_attr(
        not(target_family = "wasm"),
        error("the adapter {adapter} could not open a device; choose another with WGPU_ADAPTER_NAME: {reason}")
    )]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// wgpu's message.
        reason: String,
    },

    /// A limit of the device is too low: request the device with `wgpu::Limits::default()`.
    #[error(
        "the device's {limit} is {available}, and wgrad needs {needed}: request the device with wgpu::Limits::default()"
    )]
    LimitTooLow {
        /// The field of [`wgpu::Limits`].
        limit: &'static str,
        /// The value that the kernels need.
        needed: u64,
        /// The device's value.
        available: u64,
    },

    /// The device is lost or was destroyed. Every later read fails too: request a new device, and create a new
    /// [`Gpu`](crate::Gpu) from it.
    #[error("the GPU device was lost ({reason}): request a new device and load the parameters that you last saved")]
    DeviceLost {
        /// The message of the driver or of wgpu.
        reason: String,
    },

    /// The GPU has no memory left: use a smaller batch, network or data set. Objects that exist already still work.
    #[error("the GPU has no memory left for {what}: use a smaller batch, network or data set")]
    OutOfMemory {
        /// The object that could not be created.
        what: String,
    },

    /// wgpu refused something other than a buffer of the app. This should not happen: please report it.
    #[error("wgpu refused {what}; please report this: {reason}")]
    Refused {
        /// The object that could not be created.
        what: String,
        /// wgpu's message.
        reason: String,
    },

    /// The GPU did not finish in time: raise the timeout with `Gpu::with_wait_timeout`, or submit less work at a time.
    #[error(
        "the GPU did not finish within {seconds} s: raise the timeout with Gpu::with_wait_timeout, or submit less work at \
         a time"
    )]
    Timeout {
        /// The timeout in seconds.
        seconds: f64,
    },

    /// The GPU reported work as done that it did not do: submit less at a time, or try another plan or device.
    #[error(
        "{operation}: the GPU was given {expected} {what} and did {found}: a submission was refused, or was dropped \
         for taking too long, or the driver misreports the device; {way_out}"
    )]
    WorkDropped {
        /// The operation that detected it.
        operation: &'static str,
        /// The kind of work: `training steps`, or `readback`, after which nothing was read.
        what: &'static str,
        /// How much was reported as done.
        expected: u64,
        /// How much was done.
        found: u64,
        /// What to do instead.
        way_out: &'static str,
    },

    /// Training diverged, and the parameters are not finite: restore them, and train with a lower learning rate.
    #[error(
        "training diverged: after {step} steps the loss is {loss}; write saved parameters back, and create a new Trainer \
         with a lower learning rate"
    )]
    Diverged {
        /// The step at which it was detected.
        step: u64,
        /// The loss: NaN or infinite.
        loss: String,
    },

    /// A part of an [`Mlp`](crate::Mlp) is misplaced: `.linear(…)` is followed by `.bias()` and then one activation.
    #[error("{operation}: {what} comes after layer {after} (0 is the input), {rule}")]
    Misplaced {
        /// The operation that refused.
        operation: &'static str,
        /// The part, for example `.bias()`.
        what: String,
        /// The number of layers before it.
        after: usize,
        /// Why it is not allowed there, and what to write instead.
        rule: &'static str,
    },

    /// A size, length or index is outside its range: choose one from `least` to `most`, as `rule` says.
    #[error("{operation}: {what} is {found}; {}: {rule}", range(*.least, *.most))]
    Count {
        /// The operation that refused.
        operation: &'static str,
        /// What is counted.
        what: String,
        /// The value.
        found: u64,
        /// The smallest value allowed.
        least: u64,
        /// The largest value allowed; `u64::MAX` if there is no upper bound.
        most: u64,
        /// The reason for the range, or what to do instead.
        rule: String,
    },

    /// Two shapes do not match: change one of them as the rule says.
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
        /// What must hold.
        rule: &'static str,
    },

    /// A data set of bytes where one of f32 is required: create it with `Dataset::from_slices` or `with_capacity`.
    #[error(
        "{operation}: the data set holds bytes and classes; create one of f32 with Dataset::from_slices or with_capacity"
    )]
    NotFloats {
        /// The operation that refused.
        operation: &'static str,
    },

    /// A value for the GPU is NaN or infinite: replace it with a finite one.
    #[error("{operation}: {what}{} is {value}; it must be a finite number, for example 0.1", subscript(.index))]
    NotFinite {
        /// The operation that refused.
        operation: &'static str,
        /// The value, or the slice that contains it.
        what: &'static str,
        /// The index in the flat slice; `None` for a single value.
        index: Option<usize>,
        /// The value found there.
        value: String,
    },

    /// A parameter is outside its range: choose one as `rule` says.
    #[error("{operation}: {what} is {value}; {rule}")]
    OutOfRange {
        /// The operation that refused.
        operation: &'static str,
        /// The parameter.
        what: &'static str,
        /// Its value.
        value: String,
        /// Its range, or what to do instead.
        rule: &'static str,
    },

    /// The network's outputs are not what the loss is of: choose another loss, or end the network as the rule says.
    #[error("{operation}: the loss {loss} is not for {outputs} outputs of the activation {activation}; {rule}")]
    UnsuitableLoss {
        /// The operation that refused.
        operation: &'static str,
        /// The loss.
        loss: String,
        /// The activation of the network's last layer.
        activation: String,
        /// The network's outputs.
        outputs: usize,
        /// What to do instead.
        rule: &'static str,
    },

    /// Too large for 32-bit sizes, the device's limits, or a limit of wgrad: do as `way_out` says.
    #[error("{operation}: {what} needs {needed} bytes, and {limit} allows {allowed}; {way_out}")]
    TooLarge {
        /// The operation that refused.
        operation: &'static str,
        /// What is too large.
        what: &'static str,
        /// The bytes that it needs (`u64::MAX` if the count itself overflows).
        needed: u64,
        /// The name of the limit.
        limit: &'static str,
        /// The limit's value in bytes.
        allowed: u64,
        /// What to do instead.
        way_out: &'static str,
    },

    /// A buffer cannot be used as given: the problem says what to change.
    #[error("{operation}: {what} {problem}")]
    Buffer {
        /// The operation that refused; if wgpu refused, the kernel or the submission that uses the buffer.
        operation: String,
        /// The operand in the buffer.
        what: &'static str,
        /// What is wrong with the buffer.
        problem: BufferProblem,
    },

    /// A texture cannot be used as given: the problem says what to change.
    #[error("{operation}: the texture {problem}")]
    Texture {
        /// The operation.
        operation: &'static str,
        /// What is wrong, and what would not be.
        problem: String,
    },

    /// Two objects used together belong to different [`Gpu`](crate::Gpu)s: create both from one, or from its clones.
    #[error("{operation}: {left} and {right} belong to different Gpus; create both from one Gpu or its clones")]
    OtherGpu {
        /// The operation that refused.
        operation: &'static str,
        /// The first.
        left: &'static str,
        /// The second.
        right: &'static str,
    },

    /// A queue that does not belong to the device: take both from one call of `wgpu::Adapter::request_device`.
    #[error("Gpu::from_wgpu: the queue is another device's; pass the two that one call of request_device returned")]
    OtherQueue,

    /// A name that cannot be used: no plan has it, or it is not a valid WGSL function name. The problem says which
    /// names are valid.
    #[error("{operation}: {name:?} {problem}")]
    Name {
        /// The operation that refused.
        operation: &'static str,
        /// The name that was given.
        name: String,
        /// What is wrong with it, and which names are valid.
        problem: String,
    },

    /// The plan requested by name cannot run here: let [`Plan::Auto`](crate::Plan::Auto) choose.
    #[error("the plan {plan} is not possible here: {reason}; {way_out}")]
    PlanUnavailable {
        /// The plan's name.
        plan: &'static str,
        /// Why not; for a plan with variants, why none of them can run.
        reason: String,
        /// What to do instead.
        way_out: &'static str,
    },

    /// A file cannot be read or written: see the reason. The network in memory is unchanged, and so is an existing
    /// file.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// Why not, for example the operating system's message.
        reason: String,
    },

    /// A file is damaged or not of the expected kind: correct it or use another. None of its contents was used.
    #[error("{path}: {place}: found {found}, expected {expected}")]
    Malformed {
        /// The file.
        path: String,
        /// The position in the file.
        place: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
}

fn range(least: u64, most: u64) -> String {
    match (least, most) {
        (least, most) if least > most => "no value is possible".to_owned(),
        (least, most) if least == most => format!("it must be exactly {most}"),
        (least, u64::MAX) => format!("it must be at least {least}"),
        (least, most) => format!("it must be {least} to {most}"),
    }
}

fn subscript(index: &Option<usize>) -> String {
    index.map_or(String::new(), |index| format!("[{index}]"))
}
