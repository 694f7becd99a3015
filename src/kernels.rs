//! The GPU kernels: one file per family, with its WGSL in `shaders/` and its specification in
//! [`reference`](crate::reference).
//!
//! Each function checks its operands, creates the bind group and pipeline, and returns [`Dispatch`]es that an app can
//! record into its own compute pass any number of times. All operands are row-major [`Rows`](crate::Rows) of f32.
//!
//! The rest of the crate is built on these. Faster ones may replace them: expect more change here than elsewhere.
//!
//! | family | kernels |
//! | --- | --- |
//! | [`matmul`](fn@matmul) | `y = x · w`; [`matmul_transposed`]: `d_input = d_output · wᵀ` |
//! | [`sigmoid`](fn@sigmoid) | `y = 1 / (1 + e^-x)`; [`sigmoid_backward`]: `d_input = d_output · y · (1 - y)` |
//! | [`squared_error`](fn@squared_error) | `d_output = y - t`, and the batch's loss |
//! | [`outer_product`](fn@outer_product) | `d_weights = xᵀ · d_output` |
//! | [`weight_update`](fn@weight_update) | `w -= learning_rate · d_weights / batch size` |
//! | [`gather`](fn@gather) | copies the samples of a batch |
//! | [`step`](fn@step) | ends a training step |
//! | [`confusion`](fn@confusion) | counts the samples per class and predicted class |

mod confusion;
mod dispatch;
mod gather;
mod matmul;
mod outer_product;
mod persistent;
mod sigmoid;
mod squared_error;
mod state;
mod step;
pub(crate) mod tiles;
mod weight_update;

pub(crate) use confusion::classes;
pub use confusion::confusion;
pub use dispatch::{Dispatch, Shader};
pub(crate) use dispatch::{Resource, begin_pass};
use dispatch::{WORKGROUP, grid, has_bias, term_ranges};
pub(crate) use gather::gather_encoded;
pub use gather::{GatherConfig, gather};
pub use matmul::{matmul, matmul_transposed};
pub use outer_product::outer_product;
pub(crate) use persistent::{PersistentKernel, persistent};
pub(crate) use sigmoid::{activation, activation_backward};
pub use sigmoid::{sigmoid, sigmoid_backward};
pub use squared_error::squared_error;
pub use state::TrainingState;
pub use step::step;
pub(crate) use step::step_of_partials;
pub use weight_update::weight_update;

pub use crate::codegen::{Access, UniformType};

/// The kernels of `shaders/`: sources and bindings.
pub const SHADERS: [&Shader<'static>; 12] = [
    &matmul::MATMUL,
    &matmul::MATMUL_TRANSPOSED,
    &sigmoid::SIGMOID,
    &sigmoid::SIGMOID_BACKWARD,
    &squared_error::SQUARED_ERROR,
    &squared_error::SQUARED_ERROR_SUM,
    &outer_product::OUTER_PRODUCT,
    &weight_update::WEIGHT_UPDATE,
    &gather::GATHER,
    &step::STEP,
    &confusion::CONFUSION,
    &step::STEP_OF_PARTIALS,
];
