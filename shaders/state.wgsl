// state   where training stands, as kernels read it and as a training step leaves it     reference: Training, Order
//
// No kernel of its own: stands before the text of every kernel that takes a batch. Steps and epochs are counted in two
// words, low and high: one would overflow within minutes. The losses of an epoch's batches are added up on three levels of
// 256 each, since tens of thousands of f32 added in a row lose digits.

// The samples of the current training step.
struct Batch {
    rows: u32, // how many
    position: u32, // the first one's place in the epoch's order
    epoch: vec2<u32>, // the epochs completed
    step: vec2<u32>, // the steps done
    number: u32, // the batches done of the current epoch
}

struct Losses {
    epoch: f32, // of the last complete epoch, the mean over its samples
    partial: array<f32, 3>, // of the current one
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

// The losses with this batch's added.
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
