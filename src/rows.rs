//! Matrices in GPU buffers, the app's own included: rows of f32 at an offset, a stride apart.

use crate::error::{BufferProblem, Error, Result, Shape};
use crate::gpu::Gpu;

/// Rows of f32 in a wgpu buffer: a row-major matrix, or some columns of a table.
///
/// ```no_run
/// # fn rows(vertices: wgpu::Buffer) {
/// // The position (2 numbers) of each vertex of 32 bytes, which stands 8 bytes into it.
/// let positions = wgrad::Rows::new(&vertices, 2).offset(8).stride(32);
/// # }
/// ```
///
/// Building one checks nothing; what takes it does. Three things wgpu does not tell in time: a buffer that the app
/// destroys after it was bound, or has mapped while work on it is submitted, is wgpu's error at that submission; and a
/// buffer of another `wgpu::Instance` may be taken for one of this.
#[derive(Clone, Debug)]
pub struct Rows {
    buffer: wgpu::Buffer,
    width: u64,
    offset: u64,
    stride: Option<u64>,
    rows: Option<u64>,
    /// Whether rows are padded to whole `vec4`: then the last row too has room for a whole stride.
    padded: bool,
}

impl Rows {
    /// As many rows of `width` numbers as the buffer holds, one right after the other from the buffer's start.
    pub fn new(buffer: &wgpu::Buffer, width: usize) -> Self {
        Rows { buffer: buffer.clone(), width: width as u64, offset: 0, stride: None, rows: None, padded: false }
    }

    /// Rows of `width` values each, in a buffer of their own that shaders can read and write and that can be copied from and
    /// to (`STORAGE`, `COPY_SRC`, `COPY_DST`). From 4 MiB on it waits for each part of the upload.
    ///
    /// # Errors
    /// [`Error::Count`] for a width of 0, no rows, or a length that is not whole rows,
    /// [`Error::NotFinite`] for NaN or infinity, [`Error::TooLarge`] where the device's limits are too low,
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

    /// The values as they are after all that was submitted before, one row after the other, without the gaps that a stride
    /// leaves. Waits. Copies the buffer from the first row to the end of the last, gaps included.
    ///
    /// # Errors
    /// [`Error::Buffer`] for a buffer without `COPY_SRC`, or one that is destroyed, mapped or of another device, what
    /// [`Rows`] are refused for elsewhere, [`Error::TooLarge`],
    /// [`Error::OutOfMemory`], [`Error::Timeout`], [`Error::DeviceLost`].
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        let operation = "Rows::read";
        self.check(operation, "the rows", wgpu::BufferUsages::COPY_SRC)?;
        // Read through a copy: the rows may be a small part of a large buffer.
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let copy = gpu.create_buffer(operation, "copy of rows", self.bytes(), usage)?;
        let mut values = gpu.read_f32(operation, &copy, &|encoder| {
            encoder.copy_buffer_to_buffer(&self.buffer, self.offset, &copy, 0, self.bytes());
        })?;
        let width = self.width as usize;
        // Of a single row, any stride.
        let stride = (self.stride_bytes() / 4).min(values.len() as u64) as usize;
        if stride > width {
            values = values.chunks(stride).flat_map(|row| &row[..width]).copied().collect();
        }
        Ok(values)
    }

    /// The first row begins this many bytes into the buffer, a multiple of 4.
    pub fn offset(self, bytes: u64) -> Self {
        Rows { offset: bytes, ..self }
    }

    /// Each row begins this many bytes after the one before, a multiple of 4 and no less than a row.
    pub fn stride(self, bytes: u64) -> Self {
        Rows { stride: Some(bytes), ..self }
    }

    /// Only this many rows.
    pub fn rows(self, rows: usize) -> Self {
        Rows { rows: Some(rows as u64), ..self }
    }

    /// The buffer that the rows are in.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// `[rows, width]`.
    pub fn shape(&self) -> Shape {
        Shape { rows: self.rows.unwrap_or_else(|| self.rows_that_fit()), columns: self.width }
    }

    fn row_bytes(&self) -> u64 {
        // A multiple of 4 even where it does not fit.
        self.width.saturating_mul(4) & !3
    }

    fn stride_bytes(&self) -> u64 {
        self.stride.unwrap_or(self.row_bytes())
    }

    fn rows_that_fit(&self) -> u64 {
        // The last row needs no full stride.
        let available = self.buffer.size().saturating_sub(self.offset);
        match available.checked_sub(self.row_bytes()) {
            Some(after_first) => 1 + after_first.checked_div(self.stride_bytes()).unwrap_or(0),
            None => 0,
        }
    }

    /// Refuses rows that are not as wide as the network's input or output.
    pub(crate) fn check_width(
        &self,
        operation: &'static str,
        what: &'static str,
        of_network: &'static str,
        width: usize,
    ) -> Result<()> {
        let left = self.shape();
        let right = Shape { columns: width as u64, ..left };
        if left == right {
            return Ok(());
        }
        let rule = "both must have the same number of columns";
        Err(Error::Shapes { operation, left_name: what, left, right_name: of_network, right, rule })
    }

    /// Some of these rows, of which there are as many.
    pub(crate) fn part(&self, first: usize, rows: usize) -> Self {
        let stride = self.stride_bytes();
        Rows { offset: self.offset + first as u64 * stride, rows: Some(rows as u64), ..self.clone() }
    }

    /// The bytes from the first row to the end of the last.
    pub(crate) fn bytes(&self) -> u64 {
        (self.shape().rows.max(1) - 1).saturating_mul(self.stride_bytes()).saturating_add(self.row_bytes())
    }

    /// Writes whole rows of f32 from row `first` on, before whatever is submitted next.
    pub(crate) fn write(&self, gpu: &Gpu, first: usize, numbers: &[f32]) -> Result<()> {
        let place = self.offset + first as u64 * self.stride_bytes();
        if self.stride_bytes() == self.row_bytes() {
            return gpu.write_buffer(&self.buffer, place, bytemuck::cast_slice(numbers));
        }
        for (row, numbers) in (0..).zip(numbers.chunks_exact(self.width as usize)) {
            gpu.write_buffer(&self.buffer, place + row * self.stride_bytes(), bytemuck::cast_slice(numbers))?;
        }
        Ok(())
    }

    /// A matrix of our own, one row right after the other.
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

    /// A matrix of our own whose rows are padded to whole `vec4`.
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

    /// Checks the rows, as the operand `what` of `operation`, whose buffer must have `usage`; gives the byte at which they
    /// end.
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

    /// Checks the rows, as the operand `what` of `operation`, and gives the place of their binding.
    pub(crate) fn operand(&self, gpu: &Gpu, operation: &'static str, what: &'static str) -> Result<Operand<'_>> {
        let needed = self.check(operation, what, wgpu::BufferUsages::STORAGE)?;
        // A binding must begin at a multiple of the device's alignment: the rest of the offset is the shader's.
        let alignment = u64::from(gpu.limits().min_storage_buffer_offset_alignment).max(4);
        let start = self.offset - self.offset % alignment;
        gpu.check_binding_size(operation, what, needed - start)?;
        // All of these fit in 32 bits, since the binding does; but for the stride of a single row, which is never used.
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

/// Rows that were checked: what a kernel binds.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    what: &'static str,
    buffer: &'a wgpu::Buffer,
    start: u64,
    bytes: u64,
    /// The first number's place in the binding and the stride, counted in numbers.
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

    /// How many numbers the matrix has: fits in 32 bits, since its bytes do.
    pub fn len(&self) -> u32 {
        self.rows * self.width
    }

    /// How many numbers of a row a shader can read at once: 4 or 2 where every row's place and the width are multiples.
    pub fn load_width(&self) -> u32 {
        let [first, stride] = self.view;
        let width = if self.padded { stride } else { self.width };
        let fits = |numbers: &u32| [first, stride, width].iter().all(|place| place.is_multiple_of(*numbers));
        [4, 2].into_iter().find(fits).unwrap_or(1)
    }

    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: self.buffer,
            offset: self.start,
            size: wgpu::BufferSize::new(self.bytes),
        })
    }

    /// Refuses shapes that do not fit each other: `fits` says whether they do, `rule` what would.
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

    /// Refuses to write to a buffer that the same dispatch reads: wgpu would, even where the ranges are apart.
    pub fn check_written_alone(&self, operation: &'static str, read: &[&Self]) -> Result<()> {
        match read.iter().find(|read| read.is_in(self.buffer)) {
            Some(read) => Err(Error::aliased(operation, read.what, self.what)),
            None => Ok(()),
        }
    }
}

/// Refuses NaN and infinity.
pub(crate) fn check_finite(operation: &'static str, what: &'static str, numbers: &[f32]) -> Result<()> {
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(index) => Err(Error::NotFinite { operation, what, index: Some(index), value: numbers[index].to_string() }),
        None => Ok(()),
    }
}
