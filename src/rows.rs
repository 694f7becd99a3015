//! Matrices in GPU buffers, the app's own included: rows of f32 with an offset and a stride.

use crate::error::{BufferProblem, Error, Result, Shape};
use crate::gpu::{Gpu, Temporary};

/// Rows of f32 in a wgpu buffer: a row-major matrix, or some columns of a table.
///
/// ```no_run
/// # fn rows(vertices: wgpu::Buffer) {
/// // The position (2 values) of each vertex: vertices take 32 bytes, and the position begins at byte 8.
/// let positions = wgrad::Rows::new(&vertices, 2).offset(8).stride(32);
/// # }
/// ```
///
/// Constructors check nothing; the functions that take rows do. They cannot detect three mistakes: if the app destroys
/// a buffer after it was bound, or keeps it mapped while work on it is submitted, wgpu reports an error at that
/// submission; and a buffer of another `wgpu::Instance` may be mistaken for one of this instance.
#[derive(Clone, Debug)]
pub struct Rows {
    buffer: wgpu::Buffer,
    width: u64,
    offset: u64,
    stride: Option<u64>,
    rows: Option<u64>,
    /// Whether rows are padded to whole `vec4`: then the last row, too, takes a full stride.
    padded: bool,
}

impl Rows {
    /// As many rows of `width` values as the buffer holds, contiguous from the buffer's start.
    pub fn new(buffer: &wgpu::Buffer, width: usize) -> Self {
        Rows { buffer: buffer.clone(), width: width as u64, offset: 0, stride: None, rows: None, padded: false }
    }

    /// Rows of `width` values each, uploaded to a new buffer with the usages `STORAGE`, `COPY_SRC` and `COPY_DST`.
    /// Waits for each full 4 MiB of the upload.
    ///
    /// # Errors
    /// [`Error::Count`] for a width of 0, no rows, or a length that is not a multiple of `width`,
    /// [`Error::NotFinite`] for NaN or infinity, [`Error::TooLarge`] if the device's limits are too low,
    /// [`Error::OutOfMemory`], [`Error::Timeout`], [`Error::DeviceLost`].
    pub fn from_slice(gpu: &Gpu, width: usize, values: &[f32]) -> Result<Rows> {
        let operation = "Rows::from_slice";
        for (what, size) in [("the width of a row", width), ("the number of rows", values.len())] {
            if size == 0 {
                return Err(Error::zero(operation, what));
            }
        }
        if !values.len().is_multiple_of(width) {
            let rule = format!("or another multiple of {width}, the width of a row");
            let lengths = [values.len(), values.len().next_multiple_of(width)];
            return Err(Error::length(operation, "values", lengths, &rule));
        }
        check_finite(operation, "values", values)?;
        let rows = Rows::create(gpu, operation, "rows", (values.len() / width) as u64, width as u64)?;
        gpu.upload(&rows.buffer, 0, bytemuck::cast_slice(values))?;
        Ok(rows)
    }

    /// The values after all earlier submissions, row-major, without the gaps that a stride leaves. Waits. Copies the
    /// buffer from the first row to the end of the last, gaps included.
    ///
    /// # Errors
    /// [`Error::Buffer`] for a buffer without `COPY_SRC`, or one that is destroyed, mapped or of another device, and
    /// for rows that do not fit it; [`Error::Count`] for no rows or a width of 0; [`Error::TooLarge`],
    /// [`Error::OutOfMemory`], [`Error::Timeout`], [`Error::DeviceLost`].
    #[cfg(not(target_family = "wasm"))]
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        pollster::block_on(self.read_async(gpu))
    }

    /// [`Rows::read`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn read_async(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        let operation = "Rows::read";
        self.check(operation, "the rows", wgpu::BufferUsages::COPY_SRC)?;
        // Read through a copy: the rows may be a small part of a large buffer.
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let copy = Temporary(gpu.create_buffer(operation, "copy of rows", self.bytes(), usage)?);
        let reading = gpu.read(operation, &copy.0, &|encoder| {
            encoder.copy_buffer_to_buffer(&self.buffer, self.offset, &copy.0, 0, self.bytes());
        })?;
        let mut values = reading.values().await?;
        let width = self.width as usize;
        // A single row may have any stride.
        let stride = (self.stride_bytes() / 4).min(values.len() as u64) as usize;
        if stride > width {
            values = values.chunks(stride).flat_map(|row| &row[..width]).copied().collect();
        }
        Ok(values)
    }

    /// Sets the byte offset of the first row in the buffer, a multiple of 4.
    pub fn offset(self, bytes: u64) -> Self {
        Rows { offset: bytes, ..self }
    }

    /// Sets the bytes from the start of one row to the start of the next: a multiple of 4, and at least the size of a
    /// row.
    pub fn stride(self, bytes: u64) -> Self {
        Rows { stride: Some(bytes), ..self }
    }

    /// Sets the number of rows.
    pub fn rows(self, rows: usize) -> Self {
        Rows { rows: Some(rows as u64), ..self }
    }

    /// The buffer that holds the rows.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// `[rows, width]`.
    pub fn shape(&self) -> Shape {
        Shape { rows: self.rows.unwrap_or_else(|| self.rows_that_fit()), columns: self.width }
    }

    fn row_bytes(&self) -> u64 {
        // Saturates to a multiple of 4.
        self.width.saturating_mul(4) & !3
    }

    fn stride_bytes(&self) -> u64 {
        self.stride.unwrap_or(self.row_bytes())
    }

    fn rows_that_fit(&self) -> u64 {
        // The last row takes no full stride.
        let available = self.buffer.size().saturating_sub(self.offset);
        match available.checked_sub(self.row_bytes()) {
            Some(after_first) => 1 + after_first.checked_div(self.stride_bytes()).unwrap_or(0),
            None => 0,
        }
    }

    /// Refuses rows that are not as wide as `other_name`, the network's input or output.
    pub(crate) fn check_width(
        &self,
        operation: &'static str,
        what: &'static str,
        other_name: &'static str,
        width: usize,
    ) -> Result<()> {
        let left = self.shape();
        let right = Shape { columns: width as u64, ..left };
        if left == right {
            return Ok(());
        }
        let rule = "both must have the same number of columns";
        Err(Error::Shapes { operation, left_name: what, left, right_name: other_name, right, rule })
    }

    /// The rows `first..first + rows`, which must exist.
    pub(crate) fn range(&self, first: usize, rows: usize) -> Self {
        let stride = self.stride_bytes();
        Rows { offset: self.offset + first as u64 * stride, rows: Some(rows as u64), ..self.clone() }
    }

    /// The bytes from the first row to the end of the last.
    pub(crate) fn bytes(&self) -> u64 {
        (self.shape().rows.max(1) - 1).saturating_mul(self.stride_bytes()).saturating_add(self.row_bytes())
    }

    /// Writes whole rows from row `first` on, before the next submission runs.
    pub(crate) fn write(&self, gpu: &Gpu, first: usize, values: &[f32]) -> Result<()> {
        let write = |row: u64, values: &[f32]| {
            let offset = self.offset + row * self.stride_bytes();
            let written = gpu.write_buffer(&self.buffer, offset, bytemuck::cast_slice(values));
            written.map_err(Error::into_buffer_error)
        };
        let first = first as u64;
        if self.stride_bytes() == self.row_bytes() {
            return write(first, values);
        }
        (first..).zip(values.chunks_exact(self.width as usize)).try_for_each(|(row, values)| write(row, values))
    }

    /// A matrix in a new buffer, its rows contiguous.
    #[inline(never)]
    pub(crate) fn create(
        gpu: &Gpu,
        operation: &'static str,
        what: &'static str,
        rows: u64,
        width: u64,
    ) -> Result<Self> {
        let bytes = rows.saturating_mul(width).saturating_mul(4);
        let buffer = gpu.storage_buffer(operation, what, bytes)?;
        Ok(Rows { buffer, width, offset: 0, stride: None, rows: Some(rows), padded: false })
    }

    /// A matrix in a new buffer, its rows padded to whole `vec4`.
    #[inline(never)]
    pub(crate) fn create_padded(
        gpu: &Gpu,
        operation: &'static str,
        what: &'static str,
        rows: u64,
        width: u64,
    ) -> Result<Self> {
        let padded_width = width.saturating_add(3) & !3;
        let rows = Rows::create(gpu, operation, what, rows, padded_width)?;
        Ok(Rows { width, stride: Some(padded_width * 4), padded: true, ..rows })
    }

    /// Checks the rows as the operand `what` of `operation`; their buffer must have `usage`. Returns the byte offset of
    /// their end.
    fn check(&self, operation: &'static str, what: &'static str, usage: wgpu::BufferUsages) -> Result<u64> {
        let (row, stride) = (self.row_bytes(), self.stride_bytes());
        let shape = self.shape();
        if self.width == 0 {
            return Err(Error::empty(operation, what, shape));
        }
        let refuse = |problem| Err(Error::buffer(operation, what, problem));
        for (field, bytes) in [("offset", self.offset), ("stride", stride)] {
            if !bytes.is_multiple_of(4) {
                return refuse(BufferProblem::Misaligned { field, bytes });
            }
        }
        if stride < row {
            return refuse(BufferProblem::StrideTooSmall { stride, width: self.width, row });
        }
        if let Some((missing, _)) = usage.difference(self.buffer.usage()).iter_names().next() {
            return refuse(BufferProblem::LacksUsage { missing });
        }
        let rows = shape.rows;
        let last = if self.padded { stride } else { row };
        let needed = self.offset.saturating_add((rows.max(1) - 1).saturating_mul(stride)).saturating_add(last);
        if needed > self.buffer.size() {
            return refuse(BufferProblem::TooShort { needed, found: self.buffer.size() });
        }
        if rows == 0 {
            return Err(Error::empty(operation, what, shape));
        }
        Ok(needed)
    }

    /// Checks the rows as the operand `what` of `operation`, and computes their binding.
    pub(crate) fn operand(&self, gpu: &Gpu, operation: &'static str, what: &'static str) -> Result<Operand<'_>> {
        let needed = self.check(operation, what, wgpu::BufferUsages::STORAGE)?;
        // A binding's offset must be a multiple of the device's alignment: the shader adds the rest.
        let alignment = u64::from(gpu.limits().min_storage_buffer_offset_alignment).max(4);
        let start = self.offset - self.offset % alignment;
        gpu.check_binding_size(operation, what, needed - start)?;
        // All of these fit in 32 bits, since the binding does, except the stride of a single row, which is never used.
        let word = |bytes: u64| (bytes / 4) as u32;
        Ok(Operand {
            what,
            buffer: &self.buffer,
            start,
            bytes: needed - start,
            view: [word(self.offset - start), word(self.stride_bytes())],
            rows: self.shape().rows as u32,
            width: self.width as u32,
            padded: self.padded,
        })
    }
}

/// Checked rows, as a kernel binds them.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    what: &'static str,
    buffer: &'a wgpu::Buffer,
    start: u64,
    bytes: u64,
    /// The offset in the binding and the stride, in values.
    pub view: [u32; 2],
    pub rows: u32,
    pub width: u32,
    /// Whether rows are padded to whole `vec4`.
    pub padded: bool,
}

impl Operand<'_> {
    pub fn shape(&self) -> Shape {
        Shape { rows: self.rows.into(), columns: self.width.into() }
    }

    /// How many values the matrix has: fits in 32 bits, since its bytes do.
    pub fn len(&self) -> u32 {
        self.rows * self.width
    }

    /// The load width, the values that a shader can read with one load: 4 or 2 if the offset, the stride and the width
    /// are multiples of it, otherwise 1.
    #[inline(never)]
    pub fn load_width(&self) -> u32 {
        let [first, stride] = self.view;
        let width = if self.padded { stride } else { self.width };
        let fits = |load_width: &u32| [first, stride, width].iter().all(|values| values.is_multiple_of(*load_width));
        [4, 2].into_iter().find(fits).unwrap_or(1)
    }

    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: self.buffer,
            offset: self.start,
            size: wgpu::BufferSize::new(self.bytes),
        })
    }

    /// Refuses shapes that do not match: `fits` is whether they do, `rule` what must hold.
    pub fn check_fit(&self, operation: &'static str, other: &Self, fits: bool, rule: &'static str) -> Result<()> {
        if fits {
            return Ok(());
        }
        Err(Error::Shapes {
            operation,
            left_name: self.what,
            left: self.shape(),
            right_name: other.what,
            right: other.shape(),
            rule,
        })
    }

    /// Whether the rows are in this buffer.
    pub fn is_in(&self, buffer: &wgpu::Buffer) -> bool {
        self.buffer == buffer
    }

    /// The operand's name.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Refuses to write to a buffer that the same dispatch reads: wgpu refuses it even if the ranges are disjoint.
    pub fn check_written_alone(&self, operation: &'static str, read: &[&Self]) -> Result<()> {
        match read.iter().find(|read| read.is_in(self.buffer)) {
            Some(read) => Err(Error::aliased(operation, read.what, self.what)),
            None => Ok(()),
        }
    }
}

/// Refuses NaN and infinity.
pub(crate) fn check_finite(operation: &'static str, what: &'static str, values: &[f32]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { operation, what, index: Some(index), value: values[index].to_string() }),
        None => Ok(()),
    }
}
