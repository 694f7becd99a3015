//! The plain kernels' sources: those of `shaders/`, and those whose bindings depend on the case at hand.

use super::persistent::descents;
use super::{Compile, assert_kernel, validate};
use crate::activation::Activation;
use crate::codegen::descent::Descent;
use crate::codegen::head::Head;
use crate::codegen::plain::{GridUpdate, Operands, RowLoss, Targets, UpdateOperands, WeightUpdate};
use crate::codegen::tiles::forward::Target;
use crate::kernels::{self, Shader};
use crate::loss::Loss;

#[test]
fn every_shader_compiles() {
    let shaders = kernels::shaders();
    assert!(shaders.len() > 100, "{}", shaders.len());
    for (i, Shader { entry_point, source, workgroup, storage, .. }) in shaders.iter().enumerate() {
        let pipeline = Compile::Kernel { entry_point, workgroup: *workgroup, accesses: storage };
        validate(&format!("shader {i}, {entry_point}"), source, false, &pipeline);
    }
}

#[test]
fn every_loss_of_rows_compiles() {
    for label_smoothing in [0.0, 0.1] {
        for last in [Activation::Identity, Activation::Softmax] {
            let head = Head::new(last, Loss::CrossEntropy { label_smoothing }, 5);
            for targets in [Targets::Rows, Targets::Samples(Target::Values), Targets::Samples(Target::Class)] {
                let kernel = RowLoss { head, targets };
                let bindings = kernel.bindings(Operands::<()>::default());
                assert_kernel(&format!("{kernel:?}"), ("row_loss", &kernel.source(), 64), &bindings);
            }
        }
    }
}

/// By each optimizer and schedule, for layers and for grids of entries of each size.
#[test]
fn every_update_compiles() {
    let grids = [1, 2, 4, 8].map(|features| Some(GridUpdate { features, learning_rate: 2.0, weight_decay: 0.0 }));
    for descent in descents() {
        for clip_norm in [None, Some(0.5)] {
            let descent = Descent { clip_norm, ..descent };
            let of_layers = [false, true].map(|skips| WeightUpdate { descent, skips, grid: None });
            let of_grids = grids.map(|grid| WeightUpdate { descent, skips: true, grid });
            for kernel in of_layers.iter().chain(&of_grids) {
                let entry_point = if kernel.grid.is_some() { "grid_update" } else { "weight_update" };
                let bindings = kernel.bindings(UpdateOperands::<()>::default());
                assert_kernel(&format!("{kernel:?}"), (entry_point, &kernel.source(), 64), &bindings);
            }
        }
    }
}
