// XOR is learned in a browser as it is natively: the same numbers, and on the same driver the same bits.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { PLANS, hasSwiftShader, learn, native, open, visit } from './pages.mjs';

const site = await open('tests');
after(site.close);
const { page, complaints } = await visit(site);

for (const plan of PLANS) {
    const epochs = plan.startsWith('persistent') ? 10_000 : 2_000;
    let learned;

    test(`${plan}: learns XOR, as natively`, async () => {
        learned = await learn(page, plan, epochs);
        const classes = [0, 2, 4, 6].map((first) => Number(learned.outputs[first + 1] > learned.outputs[first]));
        assert.deepEqual(classes, [0, 1, 1, 0]);
        const expected = await native(plan, epochs);
        assert.ok(Math.abs(learned.loss - expected.loss) < 1e-4, `loss ${learned.loss}, natively ${expected.loss}`);
        for (const [at, output] of learned.outputs.entries()) {
            const other = expected.outputs[at];
            assert.ok(Math.abs(output - other) < 1e-4, `output ${at}: ${output}, natively ${other}`);
        }
    });

    const skip = hasSwiftShader ? false : 'Chromium is here without a SwiftShader for native programs';
    test(`${plan}: has the bits of the native run on the same driver`, { skip }, async () => {
        const { parameters, loss } = await native(plan, epochs, { swiftShader: true });
        assert.equal(parameters.length, 2 * 30 + 30 * 2);
        assert.deepEqual(learned.parameters, parameters);
        assert.equal(learned.loss, loss);
    });
}

test('persistent-subgroup: is refused, with the reason', async () => {
    const { error } = await learn(page, 'persistent-subgroup', 1);
    assert.match(error, /wgpu does not offer the feature SUBGROUP in browsers/);
});

test('the console has nothing to say', () => assert.deepEqual(complaints, []));
