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
//! | [`activation`](fn@activation) | `y = f(z)`; [`activation_backward`]: `d_input = d_output · f'(z)` |
//! | [`encode`](fn@encode) | the values of an input encoding; [`encode_backward`]: the gradient with respect to the inputs |
//! | [`loss`](fn@loss) | the batch's loss, and its gradient with respect to the last pre-activations |
//! | [`outer_product`](fn@outer_product) | `d_weights = xᵀ · d_output` |
//! | [`weight_update`](fn@weight_update) | `w -= learning_rate · d_weights / batch size`; inside the crate, every optimizer |
//! | `grid_encode`, `grid_sum`, … | a hash grid's values, and the gradients with respect to the inputs and to the features |
//! | [`gather`](fn@gather) | copies the samples of a batch |
//! | `sample_picture` | random points of a picture |
//! | `order` | which samples a batch has |
//! | [`step`](fn@step) | ends a training step |
//! | `fit` | fits the next batch to samples that have become fewer |
//! | [`confusion`](fn@confusion) | counts the samples per class and predicted class |

mod activation;
mod confusion;
mod dispatch;
mod encode;
mod fit;
mod gather;
mod grid;
mod loss;
mod matmul;
mod order;
mod outer_product;
mod persistent;
mod sample_picture;
mod state;
mod step;
pub(crate) mod tiles;
mod weight_update;

pub use activation::{activation, activation_backward};
pub(crate) use confusion::classes;
pub use confusion::confusion;
pub use dispatch::{Dispatch, Shader};
pub(crate) use dispatch::{Resource, begin_pass};
use dispatch::{WORKGROUP, grid, has_bias, matrix, term_ranges};
pub(crate) use encode::encode_samples;
pub use encode::{encode, encode_backward};
pub(crate) use fit::fit;
pub(crate) use gather::gather_samples;
pub use gather::{GatherConfig, gather};
pub(crate) use grid::{Grid, GridGradient, Points};
pub use loss::loss;
pub(crate) use loss::{loss_of_partials, loss_of_samples, row_partials};
pub use matmul::{matmul, matmul_transposed};
pub(crate) use order::order;
pub use outer_product::outer_product;
pub(crate) use persistent::{PersistentKernel, persistent};
pub(crate) use sample_picture::sample_picture;
pub use state::TrainingState;
pub(crate) use state::check_weight_decay;
pub use step::step;
pub(crate) use step::step_of_partials;
pub use weight_update::weight_update;
pub(crate) use weight_update::{GridBy, UpdateBy, update_by};

pub use crate::codegen::{Access, UniformType};

use crate::activation::Activation;
use crate::codegen::head::Head;
use crate::encoding::Encoding;
use crate::hash_grid::HashGrid;
use crate::loss::Loss;

/// The plain kernels: sources and bindings; those with a formula of the tables in them, for each formula.
pub fn shaders() -> Vec<Shader<'static>> {
    let mut shaders = vec![
        matmul::MATMUL,
        matmul::MATMUL_TRANSPOSED,
        loss::SUM_PARTIALS,
        outer_product::OUTER_PRODUCT,
        weight_update::SUM_OF_SQUARES,
        fit::FIT,
        gather::GATHER,
        order::ORDER,
        grid::LARGEST,
        grid::GRADIENT,
        grid::GRADIENT_CLEAR,
        step::STEP,
        confusion::CONFUSION,
        step::STEP_OF_PARTIALS,
    ];
    shaders.extend([false, true].map(sample_picture::shader));
    shaders.extend(Activation::ALL.iter().flat_map(|&activation| activation::shaders(activation)));
    let encodings = Encoding::ALL.iter().filter(|encoding| encoding.grid().is_none());
    shaders.extend(encodings.flat_map(|&encoding| {
        [encode::forward(encoding, false), encode::forward(encoding, true), encode::backward(encoding)]
    }));
    for (inputs, features, smoothstep) in [(2, 2, false), (3, 2, true), (3, 1, false), (2, 4, true), (3, 8, false)] {
        let of = HashGrid { features, smoothstep, ..HashGrid::default() };
        shaders.push(grid::encode_backward(of, inputs));
        for of_samples in [false, true] {
            shaders.push(grid::encode(of, inputs, of_samples));
            let coarse = grid::Coarse::of(of, inputs, wgpu::Limits::defaults().max_compute_workgroup_storage_size);
            shaders.extend(grid::sums(of, inputs, of_samples, coarse));
        }
    }
    let losses = Loss::ALL.iter().filter(|loss| !loss.is_of_rows());
    let heads = losses.flat_map(|&loss| Activation::ALL.iter().map(move |&last| (last, loss)));
    let heads = heads.filter(|&(last, loss)| loss.check("loss", last, 2).is_ok());
    shaders.extend(heads.map(|(last, loss)| loss::shader(Head::new(last, loss, 2))));
    shaders
}
