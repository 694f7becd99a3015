// state   the training state, and its update at the end of a training step     reference: Training, Order
//
// No kernel of its own: included before the source of every kernel that reads the batch. Steps and epochs are counted in
// two words, low and high: one would overflow within minutes. The losses of an epoch's batches are summed on three levels
// of 256 terms each: a running f32 sum of tens of thousands of terms loses digits.

// The samples of the current training step.
struct Batch {
    rows: u32, // the number of samples
    position: u32, // of the first sample, in the epoch's order
    epoch: vec2<u32>, // completed epochs
    step: vec2<u32>, // completed steps
    number: u32, // completed batches of the current epoch
}

struct Losses {
    epoch: f32, // the mean over the samples of the last complete epoch
    partial: array<f32, 3>, // sums over the current epoch
}

struct State {
    batch: Batch,
    losses: Losses,
}

fn increment(counter: vec2<u32>) -> vec2<u32> {
    let low = counter.x + 1u;
    return vec2(low, counter.y + select(0u, 1u, low == 0u));
}

// The batch after this one.
fn next_batch(batch: Batch, samples: u32, batch_size: u32) -> Batch {
    var next = batch;
    next.step = increment(batch.step);
    next.number += 1u;
    next.position += batch.rows;
    if next.position >= samples {
        next.number = 0u;
        next.position = 0u;
        next.epoch = increment(batch.epoch);
    }
    next.rows = min(batch_size, samples - next.position);
    return next;
}

// The losses after adding this batch's.
fn add_loss(losses: Losses, batch: Batch, samples: u32, loss: f32) -> Losses {
    var sum = losses;
    sum.partial[0] += loss;
    let batches = batch.number + 1u;
    if batches % 256u == 0u {
        sum.partial[1] += sum.partial[0];
        sum.partial[0] = 0.0;
    }
    if batches % 65536u == 0u {
        sum.partial[2] += sum.partial[1];
        sum.partial[1] = 0.0;
    }
    if batch.position + batch.rows >= samples {
        sum.epoch = (sum.partial[0] + sum.partial[1] + sum.partial[2]) / f32(samples);
        sum.partial = array<f32, 3>();
    }
    return sum;
}
